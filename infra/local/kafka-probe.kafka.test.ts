import { assert, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { testBrokers, testRegistryUrl } from "../../tests/harness/test-services.ts"
import { accepts, brokersKnownAt } from "./kafka-probe.ts"
import { freePort } from "./ports.ts"
import { registryAnswers } from "./registry-jar.ts"

it.live("a broker answers with the ids of its cluster's brokers", () =>
  Effect.gen(function* () {
    const ids = yield* brokersKnownAt(testBrokers()[0]!)
    assert.isNotNull(ids)
    assert.isAtLeast(ids.length, 1)
    assert.isTrue(yield* accepts(testBrokers()[0]!))
  })
)

it.live("there is no answer from a port where nothing listens", () =>
  Effect.gen(function* () {
    const address = `127.0.0.1:${yield* freePort}`
    assert.isNull(yield* brokersKnownAt(address))
    assert.isFalse(yield* accepts(address))
    assert.isFalse(yield* registryAnswers(`http://${address}`))
  })
)

it.live("the tests' registry answers", () =>
  Effect.gen(function* () {
    assert.isTrue(yield* registryAnswers(testRegistryUrl()))
  })
)
