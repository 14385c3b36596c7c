/** Erasures: what the sealer destroys, and what the normalizer still reads. */
import { assert, describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as TestClock from "effect/testing/TestClock"
import { sealedIdsOf } from "../../../shared/credentials/sealed-event.ts"
import { SuppressionTable } from "../../../shared/suppression/suppressions.ts"
import { runBatches } from "../../../shared/testing/run-batches.ts"
import { sealedNormalizer } from "../normalizer.ts"
import { dayIdOf } from "./person-secrets.ts"
import {
  batchAfter,
  batchOf,
  config,
  described,
  identity,
  inbound,
  normalized,
  now,
  ofTopic,
  partition,
  rawBatch,
  read,
  sealerSetup,
  test
} from "./testing.ts"

describe("an erasure", () => {
  const run = (eraseNow: (erase: (identifier: string) => void) => void, wait: Duration.Duration) =>
    Effect.gen(function* () {
      const { open, erase, suppressions } = sealerSetup()
      const task = yield* open
      const first = yield* task.step(rawBatch)
      eraseNow(erase)
      yield* TestClock.adjust(wait)
      const check = yield* task.check
      const keys = [...ofTopic(first, "person-keys"), ...ofTopic(check, "person-keys")]
      const outputs = yield* normalized(ofTopic(first, "sealed-events"), keys, suppressions)
      return { task, check, keys, outputs, suppressions, sealed: ofTopic(first, "sealed-events") }
    })

  it.effect("closes what has the identifier, and leaves the others, a result for each", () =>
    test(
      Effect.gen(function* () {
        const { outputs, check } = yield* run((erase) => erase("jane@shop.example"), Duration.minutes(2))
        assert.deepStrictEqual(outputs.map(described), [
          "skipped:erased",
          "jane-2",
          "joe-1",
          "cookie-1",
          "not_avro_not_json",
          "empty",
          "skipped:erased"
        ])
        assert.deepStrictEqual(
          ofTopic(check, "erasure-log").map((output) => {
            const { erasure, step, partition: at, secrets } = read<Record<string, unknown>>("erasure-log-entry", output)
            return [erasure, step, at, secrets]
          }),
          [["e-1", "keys_destroyed", partition, 1]]
        )
      })
    )
  )

  it.effect("holds without the suppression too, once the secret is destroyed: no key opens the record", () =>
    test(
      Effect.gen(function* () {
        const { sealed, keys } = yield* run((erase) => erase("jane@shop.example"), Duration.minutes(2))
        const outputs = yield* normalized(sealed, keys, new SuppressionTable())
        assert.deepStrictEqual(outputs.map(described).slice(0, 2), ["secret_missing", "jane-2"])
      })
    )
  )

  it.effect("destroys nothing within its grace window, though events are skipped from the request on", () =>
    test(
      Effect.gen(function* () {
        const { check, outputs } = yield* run((erase) => erase("jane@shop.example"), Duration.seconds(30))
        assert.deepStrictEqual(ofTopic(check, "person-keys"), [])
        assert.strictEqual(described(outputs[0]!), "skipped:erased")
      })
    )
  )

  it.effect("that is cancelled destroys nothing, and events go on", () =>
    test(
      Effect.gen(function* () {
        const { open, erase, cancel, suppressions } = sealerSetup()
        const task = yield* open
        const first = yield* task.step(rawBatch)
        erase("jane@shop.example")
        cancel("jane@shop.example")
        yield* TestClock.adjust(Duration.minutes(2))
        assert.deepStrictEqual((yield* task.check).outputs, [])
        const outputs = yield* normalized(ofTopic(first, "sealed-events"), ofTopic(first, "person-keys"), suppressions)
        assert.strictEqual(described(outputs[0]!), "jane-1")
      })
    )
  )

  it.effect("that is asked for again after it was cancelled has the grace window of the second time", () =>
    test(
      Effect.gen(function* () {
        const { open, erase, cancel } = sealerSetup()
        const task = yield* open
        yield* task.step(rawBatch)
        erase("jane@shop.example")
        cancel("jane@shop.example")
        erase("jane@shop.example", { erasure: "e-2", destroy_at: now + 300_000 })
        yield* TestClock.adjust(Duration.minutes(2))
        assert.deepStrictEqual((yield* task.check).outputs, [])
        yield* TestClock.adjust(Duration.minutes(4))
        const [entry] = ofTopic(yield* task.check, "erasure-log")
        assert.strictEqual(read<{ readonly erasure: string }>("erasure-log-entry", entry!).erasure, "e-2")
      })
    )
  )

  it.effect("leaves no secret to what comes too late: an event from before it, when the secrets are destroyed", () =>
    test(
      Effect.gen(function* () {
        const { task, keys, suppressions } = yield* run((erase) => erase("jane@shop.example"), Duration.minutes(2))
        // The customer is back, with a new secret, before the late record comes.
        const back = yield* task.step(batchAfter(120_000))
        const late = yield* task.step(rawBatch)
        assert.deepStrictEqual(ofTopic(late, "person-keys"), [])
        const ids = ofTopic(late, "sealed-events").map(({ value }) => sealedIdsOf(value)!.toString("base64url"))
        const [first, , , cookie] = ids
        assert.strictEqual(first, dayIdOf(identity, now).toString("base64url"))
        assert.strictEqual(first, cookie)
        const held = [...keys, ...ofTopic(back, "person-keys")]
        const outputs = yield* normalized(ofTopic(late, "sealed-events"), held, suppressions)
        assert.deepStrictEqual(outputs.map(described).slice(0, 3), ["skipped:erased", "jane-2", "joe-1"])
      })
    )
  )

  it.effect("leaves none to one whose own time cannot be read: its record's counts", () =>
    test(
      Effect.gen(function* () {
        const { task } = yield* run((erase) => erase("jane@shop.example"), Duration.minutes(2))
        const event = {
          event_id: "e",
          event_name: "lead",
          event_time: "yesterday",
          user: { email: "jane@shop.example" }
        }
        const value = Buffer.from(JSON.stringify(event))
        const late = yield* task.step(batchOf("raw-events", inbound("raw-events", [{ value }])))
        assert.deepStrictEqual(ofTopic(late, "person-keys"), [])
        const [ids] = ofTopic(late, "sealed-events").map((output) => sealedIdsOf(output.value)!.toString("base64url"))
        assert.strictEqual(ids, dayIdOf(identity, now).toString("base64url"))
      })
    )
  )

  it.effect("does not touch the secret of a customer who comes back", () =>
    test(
      Effect.gen(function* () {
        const { task, keys, suppressions } = yield* run((erase) => erase("jane@shop.example"), Duration.minutes(2))
        const back = yield* task.step(batchAfter(120_000))
        assert.strictEqual(ofTopic(back, "person-keys").length, 1)
        assert.deepStrictEqual(ofTopic(yield* task.check, "erasure-log"), [])
        const later = inbound("sealed-events", ofTopic(back, "sealed-events")).map((record) => ({
          ...record,
          timestamp: now + 120_000
        }))
        const [committed] = yield* runBatches(sealedNormalizer(config, identity), [batchOf("sealed-events", later)], {
          log: inbound("person-keys", [...keys, ...ofTopic(back, "person-keys")])
        })
        assert.strictEqual(described(committed!.outputs[0]!), "jane-1")
        assert.isNotNull(suppressions)
      })
    )
  )
})
