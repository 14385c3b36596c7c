import { assert, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { describe } from "vitest"
import { temporaryFolder } from "../../tests/harness/temporary-folder.ts"
import { dockerBroker, dockerRegistry } from "./docker.ts"
import { askEngine } from "./docker-engine.ts"
import { brokersKnownAt } from "./kafka-probe.ts"
import { registryAnswers } from "./registry-jar.ts"
import { openState } from "./state.ts"

// Reported as skipped where no engine answers.
describe.runIf((await Effect.runPromise(askEngine)).answers)("with a Docker engine", () => {
  it.live(
    "broker and registry start in containers and answer",
    () => {
      const stateDirectory = temporaryFolder()
      return Effect.gen(function* () {
        const state = yield* openState({ stateDirectory, ending: "kill" })
        const address = yield* dockerBroker(state)
        assert.isAtLeast((yield* brokersKnownAt(address))?.length ?? 0, 1)
        assert.isTrue(yield* registryAnswers(yield* dockerRegistry(state)))
      }).pipe(Effect.scoped)
    },
    300_000
  )
})
