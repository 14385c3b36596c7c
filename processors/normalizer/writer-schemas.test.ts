import { assert, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as TestClock from "effect/testing/TestClock"
import { type Codecs, RegistryError } from "../../shared/codec/codecs.ts"
import { makeMemoryCodecs } from "../../shared/testing/memory-codecs.ts"
import { makeFetchSchemas, withoutRegistry } from "./writer-schemas.ts"

const away = new RegistryError({ code: "unreachable", message: "No answer.", nextStep: "", cause: null })
const unknown = Buffer.of(0, 0, 0, 99, 99, 1, 2, 3)

/** Codecs over a registry that does not answer while `isAway`, and how often it was asked. */
const registry = () => {
  const state = { isAway: true, asked: 0 }
  const codecs: Codecs["Service"] = {
    ...makeMemoryCodecs(),
    loadSchemas: () =>
      Effect.suspend(() => {
        state.asked++
        return state.isAway ? Effect.fail(away) : Effect.void
      })
  }
  return { state, codecs }
}

it.effect("holds records of unknown schemas up for the timeout, then goes on and asks now and then", () =>
  Effect.gen(function* () {
    const { state, codecs } = registry()
    const fetchSchemas = makeFetchSchemas(Duration.seconds(30))
    const fetch = fetchSchemas(codecs, [unknown])
    assert.strictEqual(yield* Effect.flip(fetch), away)
    yield* TestClock.adjust("29 seconds")
    assert.strictEqual(yield* Effect.flip(fetch), away)
    yield* TestClock.adjust("1 second")
    assert.isFalse(yield* fetch)
    yield* TestClock.adjust("20 seconds")
    assert.isFalse(yield* fetch)
    assert.strictEqual(state.asked, 3)
    state.isAway = false
    yield* TestClock.adjust("10 seconds")
    assert.isTrue(yield* fetch)
    // The next outage has its own time.
    state.isAway = true
    yield* TestClock.adjust("1 minute")
    assert.strictEqual(yield* Effect.flip(fetch), away)
  })
)

it.effect("says of a schema that it could not be asked for, and reads what is known", () =>
  Effect.sync(() => {
    const decoded = withoutRegistry(makeMemoryCodecs()).decode("raw-event", unknown)
    assert.deepInclude(decoded, { _tag: "Undecodable", reason: "schema_unavailable" })
  })
)
