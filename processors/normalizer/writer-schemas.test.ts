import { assert, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as TestClock from "effect/testing/TestClock"
import { Codecs, RegistryError } from "../../shared/codec/codecs.ts"
import { makeMemoryCodecs } from "../../shared/testing/memory-codecs.ts"
import { makeLoadSchemas } from "./normalizer.ts"

const away = new RegistryError({ code: "unreachable", message: "No answer.", nextStep: "", cause: null })
const unknown = Buffer.of(0, 0, 0, 99, 99, 1, 2, 3)

const record = (value: Buffer) => ({
  topic: "raw-events",
  partition: 0,
  offset: 0,
  timestamp: 0,
  key: null,
  value,
  headers: {}
})

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
    const loadSchemas = makeLoadSchemas(Duration.seconds(30))
    const load = Effect.provideService(loadSchemas({ records: [record(unknown)] }), Codecs, codecs)
    // With a registry, the codecs say that the schema's id is unknown.
    const hasRegistry = Effect.map(load, (loaded) => {
      const decoded = loaded.decode("raw-event", unknown)
      assert.strictEqual(decoded._tag, "Undecodable")
      return decoded._tag === "Undecodable" && decoded.reason !== "schema_unavailable"
    })
    assert.strictEqual(yield* Effect.flip(load), away)
    yield* TestClock.adjust("29 seconds")
    assert.strictEqual(yield* Effect.flip(load), away)
    yield* TestClock.adjust("1 second")
    assert.isFalse(yield* hasRegistry)
    yield* TestClock.adjust("20 seconds")
    assert.isFalse(yield* hasRegistry)
    assert.strictEqual(state.asked, 3)
    state.isAway = false
    yield* TestClock.adjust("10 seconds")
    assert.isTrue(yield* hasRegistry)
    // The next outage has its own time.
    state.isAway = true
    yield* TestClock.adjust("1 minute")
    assert.strictEqual(yield* Effect.flip(load), away)
  })
)

it.effect("asks again in time also where the clock was set back meanwhile", () =>
  Effect.gen(function* () {
    yield* TestClock.setTime(3_600_000)
    const { state, codecs } = registry()
    const loadSchemas = makeLoadSchemas(Duration.seconds(30))
    const load = Effect.provideService(loadSchemas({ records: [record(unknown)] }), Codecs, codecs)
    assert.strictEqual(yield* Effect.flip(load), away)
    yield* TestClock.setTime(0)
    assert.strictEqual(yield* Effect.flip(load), away)
    yield* TestClock.adjust("30 seconds")
    yield* load
    assert.strictEqual(state.asked, 3)
    yield* TestClock.adjust("1 hour")
    yield* load
    yield* TestClock.setTime(0)
    state.isAway = false
    yield* TestClock.adjust("30 seconds")
    yield* load
    assert.strictEqual(state.asked, 5)
  })
)
