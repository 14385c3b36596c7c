import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as TestClock from "effect/testing/TestClock"
import type { DeadLetter, Suppression } from "../../schemas/types.gen.ts"
import { makeIdentityKey } from "../../shared/credentials/identity-key.ts"
import { testSealer } from "../../shared/testing/event-fixture.ts"
import { makeMemoryCodecs, memoryCodecs } from "../../shared/testing/memory-codecs.ts"
import { runBatches } from "../../shared/testing/run-batches.ts"
import { consentChanges } from "./consent-changes.ts"
import { sha256 } from "./identity/text.ts"

const codecs = makeMemoryCodecs()
const identity = makeIdentityKey(Buffer.alloc(32, 5))
const jane = sha256("jane@shop.example")
const at = 1_795_000_000_000

const taken = (
  records: ReadonlyArray<readonly [key: string | null, value: Buffer | object | string | null]>,
  headers: Readonly<Record<string, string>> = {}
) =>
  Effect.gen(function* () {
    yield* TestClock.setTime(at)
    const [committed] = yield* runBatches(consentChanges(identity, testSealer), [
      {
        topic: "consent-changes",
        partition: 1,
        records: records.map(([key, value], offset) => ({
          topic: "consent-changes",
          partition: 1,
          offset,
          timestamp: at,
          key: key === null ? null : Buffer.from(key),
          value:
            value === null || Buffer.isBuffer(value)
              ? value
              : Buffer.from(typeof value === "string" ? value : JSON.stringify(value)),
          headers
        }))
      }
    ])
    return committed!.outputs
  }).pipe(Effect.provide(memoryCodecs))

const read = (value: Buffer | null): Suppression | null => {
  if (value === null) return null
  const decoded = codecs.decode("suppression", value)
  return decoded._tag === "Decoded" ? { ...decoded.value } : assert.fail(decoded.message)
}
const suppression = (fields: Partial<Suppression>): Suppression => ({
  at,
  erasure: null,
  destroy_at: null,
  ad_user_data: null,
  ad_personalization: null,
  sale_of_data: null,
  ...fields
})

describe("a change of consent", () => {
  it.effect("is taken over under the keyed id, from JSON and Avro, and ends by a record without a value", () =>
    Effect.gen(function* () {
      const avro = codecs.encode("consent-changes", "consent-change", {
        ad_user_data: "denied",
        ad_personalization: "granted",
        sale_of_data: null,
        changed_at: at - 5
      })
      const outputs = yield* taken([
        [jane, { ad_user_data: "DENIED" }],
        [jane.toUpperCase(), avro],
        [jane, { sale_of_data: false, changed_at: "2026-11-18T00:00:00Z" }],
        [jane, null]
      ])
      assert.deepStrictEqual(
        [...new Set(outputs.map(({ topic, key }) => `${topic} ${key}`))],
        [`suppressions consent:${identity.idTextOf([jane])}`]
      )
      assert.deepStrictEqual(
        outputs.map(({ value }) => read(value)),
        [
          suppression({ ad_user_data: "denied" }),
          suppression({ at: at - 5, ad_user_data: "denied", ad_personalization: "granted" }),
          suppression({ at: Date.UTC(2026, 10, 18), sale_of_data: "denied" }),
          null
        ]
      )
    })
  )

  it.effect(
    "holds where an erasure removes its record: events from before the erasure may come back by its cancellation",
    () =>
      Effect.gen(function* () {
        assert.deepStrictEqual(yield* taken([[jane, null]], { erasure: "e-1" }), [])
        // A header of a producer's record says nothing.
        assert.strictEqual((yield* taken([[jane, { ad_user_data: "denied" }]], { erasure: "e-1" })).length, 1)
      })
  )

  it.effect("in a word that is not known is a denial, and one of tomorrow or in seconds is as late as its record", () =>
    Effect.gen(function* () {
      const outputs = yield* taken([
        [jane, { ad_user_data: "revoked?" }],
        [jane, { ad_user_data: "denied", changed_at: at + 86_400_000 }],
        [jane, { ad_user_data: "denied", changed_at: at / 1_000 }]
      ])
      for (const { value } of outputs) assert.deepStrictEqual(read(value), suppression({ ad_user_data: "denied" }))
    })
  )

  it.effect("that cannot be read is a dead letter, sealed, and changes nothing", () =>
    Effect.gen(function* () {
      const outputs = yield* taken([
        ["jane@shop.example", { ad_user_data: "denied" }],
        [null, { ad_user_data: "denied" }],
        [jane, "jane@shop.example said no"],
        [jane, {}],
        [jane, Buffer.from([0, 0, 0, 0, 99, 1])]
      ])
      const letters = outputs.map(({ topic, value }) => {
        assert.strictEqual(topic, "dead-letters")
        const decoded = codecs.decode("dead-letter", value)
        return decoded._tag === "Decoded" ? (decoded.value as DeadLetter) : assert.fail(decoded.message)
      })
      assert.deepStrictEqual(
        letters.map(({ stage, reason_code }) => `${stage} ${reason_code}`),
        ["invalid_identity", "invalid_identity", "not_avro_not_json", "empty", "unknown_schema_id"].map(
          (reason) => `consent-changes ${reason}`
        )
      )
      for (const { value } of outputs) assert.notInclude(value!.toString("latin1"), "jane@shop")
    })
  )
})
