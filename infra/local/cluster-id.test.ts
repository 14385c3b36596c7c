import { assert, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as fc from "fast-check"
import { temporaryFolder } from "../../tests/harness/temporary-folder.ts"
import { clusterId, clusterIdOf } from "./cluster-id.ts"
import { openState } from "./state.ts"

it("no id is taken for an option of Kafka's tools", () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 16, maxLength: 16 }), (bytes) => {
      assert.match(clusterIdOf(bytes), /^[A-Za-z0-9_][A-Za-z0-9_-]{21}$/)
    })
  )
  for (let first = 0; first < 256; first++) {
    assert.notStrictEqual(clusterIdOf(Uint8Array.of(first, ...new Uint8Array(15).fill(1)))[0], "-")
  }
})

it.effect("a state folder keeps its id", () =>
  Effect.gen(function* () {
    const folder = temporaryFolder()
    const first = clusterId(yield* openState({ stateDirectory: folder }))
    assert.strictEqual(clusterId(yield* openState({ stateDirectory: folder })), first)
    assert.notStrictEqual(clusterId(yield* openState({ stateDirectory: temporaryFolder() })), first)
  })
)
