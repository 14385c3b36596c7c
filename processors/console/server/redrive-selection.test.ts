import { assert, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { readRedriveSelection } from "./redrive-selection.ts"

const misunderstood: ReadonlyArray<Readonly<Record<string, unknown>>> = [
  { stage: null },
  { connection: "" },
  { reason: 5 },
  { ids: "1:2" },
  { ids: [1] },
  { since: "yesterday" },
  { since: -5 },
  { since: 1e300 },
  { until: "now" },
  { all: "yes" },
  { conection: "meta-shop" },
  { constructor: "x" }
]

it.effect.each(misunderstood)("a selection that is not understood means no dead letters, not all of them: %j", (body) =>
  Effect.gen(function* () {
    const error = yield* Effect.flip(readRedriveSelection(body))
    assert.deepStrictEqual([error.status, error.code], [400, "invalid_request"])
  })
)

it.effect("what is understood stays as it is", () =>
  Effect.gen(function* () {
    const body = {
      ids: ["1:2"],
      reason: "invalid_value",
      since: 0,
      until: 1_795_000_000_000,
      remap: true,
      again: false
    }
    assert.deepStrictEqual(yield* readRedriveSelection(body), body)
    assert.deepStrictEqual(yield* readRedriveSelection({ all: true }), { all: true })
  })
)
