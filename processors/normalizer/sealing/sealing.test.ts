/** Sealing, opening, and destroying secrets, without Kafka: what the sealer writes is what the normalizer restores and reads. */
import { assert, describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as TestClock from "effect/testing/TestClock"
import type { NormalizedEvent } from "../../../schemas/types.gen.ts"
import { SuppressionTable } from "../../../shared/suppression/suppressions.ts"
import { runBatches } from "../../../shared/testing/run-batches.ts"
import { sha256 } from "../identity/text.ts"
import { normalizer } from "../normalizer.ts"

import {
  config,
  described,
  identity,
  normalized,
  ofTopic,
  partition,
  raw,
  rawBatch,
  read,
  sealerSetup,
  test
} from "./testing.ts"

describe("the sealer", () => {
  it.effect("writes one sealed record for each raw one, in its partition, and nothing of a person in clear", () =>
    test(
      Effect.gen(function* () {
        const step = yield* (yield* sealerSetup().open).step(rawBatch)
        const sealed = ofTopic(step, "sealed-events")
        assert.strictEqual(sealed.length, raw.length)
        assert.deepStrictEqual([...new Set(step.outputs.map((output) => output.partition))], [partition])
        // Jane's email and id, Joe's email and phone, and the day.
        assert.strictEqual(ofTopic(step, "person-keys").length, 5)
        const bytes = Buffer.concat(
          step.outputs.flatMap(({ key, value }) => [Buffer.from(key ?? ""), value ?? Buffer.alloc(0)])
        )
        for (const text of ["jane", "Jane", "joe", "u-77", "U-77", "4155550132", "203.0.113.7", "purchase"])
          assert.notInclude(bytes.toString("latin1"), text)
        for (const hash of ["jane@shop.example", "u-77", "+14155550132"].map(sha256)) {
          assert.notInclude(bytes.toString("latin1"), hash)
          assert.strictEqual(bytes.indexOf(Buffer.from(hash, "hex").subarray(0, 8)), -1)
        }
      })
    )
  )

  it.effect("gives the normalizer the producers' bytes back: the same events and dead letters as without it", () =>
    test(
      Effect.gen(function* () {
        const step = yield* (yield* sealerSetup().open).step(rawBatch)
        const outputs = yield* normalized(
          ofTopic(step, "sealed-events"),
          ofTopic(step, "person-keys"),
          new SuppressionTable()
        )
        const [direct] = yield* runBatches(normalizer(config), [rawBatch])
        assert.deepStrictEqual(outputs.map(described), direct!.outputs.map(described))
        assert.include(outputs.map(described), "jane-avro")
        const event = read<NormalizedEvent>("normalized-event", outputs[0]!)
        const expected = read<NormalizedEvent>("normalized-event", direct!.outputs[0]!)
        assert.deepStrictEqual({ ...event, source: null }, { ...expected, source: null })
        assert.strictEqual(event.source.topic, "sealed-events")
        assert.strictEqual(event.person_ids, identity.idTextOf(["jane@shop.example", "u-77"].map(sha256)))
      })
    )
  )
})

it.effect("the secret of a day is destroyed when its records have been kept long enough", () =>
  test(
    Effect.gen(function* () {
      const task = yield* sealerSetup().open
      const first = yield* task.step(rawBatch)
      yield* TestClock.adjust(Duration.days(28))
      const check = yield* task.check
      const tombstones = ofTopic(check, "person-keys").filter(({ value }) => value === null)
      assert.strictEqual(tombstones.length, 1)
      const keys = [...ofTopic(first, "person-keys"), ...tombstones]
      const outputs = yield* normalized(ofTopic(first, "sealed-events"), keys, new SuppressionTable())
      assert.deepStrictEqual(outputs.map(described), [
        "jane-1",
        "jane-2",
        "joe-1",
        "skipped:erased",
        "skipped:erased",
        "skipped:erased",
        "jane-avro"
      ])
    })
  )
)
