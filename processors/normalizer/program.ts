/** The normalizer as a program, alone or beside others in one process. */
import * as Effect from "effect/Effect"
import { Sealer } from "../../shared/credentials/sealer.ts"
import { sealerLayer } from "../../shared/credentials/sealer-layer.ts"
import { announceSealingKey } from "../../shared/credentials/sealing-keys.ts"
import { type Program, processorsProgram } from "../../shared/runtime/program.ts"
import { normalizerConfig } from "./config.ts"
import { normalizer } from "./normalizer.ts"

export const normalizerProgram: Program = processorsProgram(
  "normalizer",
  Effect.gen(function* () {
    const config = yield* normalizerConfig
    yield* announceSealingKey("normalizer", (yield* Sealer).keyId)
    return [normalizer(config)]
  }).pipe(Effect.provide(sealerLayer))
)
