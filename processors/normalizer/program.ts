/** The normalizer as a program, alone or beside others in one process. */
import * as Effect from "effect/Effect"
import { sealerLayer } from "../../shared/credentials/sealer-layer.ts"
import { type Program, processorsProgram } from "../../shared/program/program.ts"
import { normalizerConfig } from "./config.ts"
import { normalizer } from "./normalizer.ts"

export const normalizerProgram: Program = processorsProgram(
  "normalizer",
  Effect.map(normalizerConfig, (config) => [normalizer(config)]).pipe(Effect.provide(sealerLayer))
)
