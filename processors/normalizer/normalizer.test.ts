import { assert, describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import * as TestClock from "effect/testing/TestClock"
import type { DeadLetter, NormalizedEvent } from "../../schemas/types.gen.ts"
import { builtinConnection } from "../../shared/connectors/load-connections.ts"
import { deadLetterAad, makeSealer } from "../../shared/credentials/sealer.ts"
import type { ConnectorKind } from "../../shared/model/platform.ts"
import type { Inbound, Outbound } from "../../shared/runtime/contract.ts"
import { makeMemoryCodecs, memoryCodecs } from "../../shared/testing/memory-codecs.ts"
import { runBatches } from "../../shared/testing/run-batches.ts"
import { decide, type NormalizerConfig } from "./decide.ts"
import { sha256 } from "./identity/text.ts"
import { normalizer } from "./normalizer.ts"
import { configOf } from "./program.ts"
import { rawEventFromJson } from "./read/read-record.ts"

const now = Date.UTC(2026, 10, 23)
const sealer = makeSealer(Redacted.make("a master key for tests"))
const config: NormalizerConfig = {
  options: { defaultCountries: [], recipients: null, messageEvents: null, futureToleranceMillis: 86_400_000 },
  deadLetters: sealer,
  recordBytesMax: 4_096,
  schemaTimeout: Duration.seconds(30)
}
const codecs = makeMemoryCodecs()

const good = { event_id: "e-1", event_name: "purchase", event_time: now - 5, user: { email: "jane@shop.example" } }
const avro = (): Buffer => {
  const read = rawEventFromJson({ ...good, event_id: "e-avro" })
  return read._tag === "Read"
    ? codecs.encode("raw-events", "raw-event", read.raw)
    : assert.fail("The fixture is no event.")
}

const records = (values: ReadonlyArray<Buffer | string | null>): ReadonlyArray<Inbound> =>
  values.map((value, index) => ({
    topic: "raw-events",
    partition: 3,
    offset: 100 + index,
    timestamp: now,
    key: Buffer.from("jane@shop.example"),
    value: typeof value === "string" ? Buffer.from(value) : value,
    headers: {}
  }))

const journal = Effect.fn("journal")(function* (values: ReadonlyArray<Buffer | string | null>) {
  yield* TestClock.setTime(now)
  return yield* runBatches(normalizer(config), [{ topic: "raw-events", partition: 3, records: records(values) }])
})

const deadLetterOf = ({ value }: Outbound): DeadLetter => {
  const decoded = codecs.decode("dead-letter", value)
  return decoded._tag === "Decoded" ? decoded.value : assert.fail(decoded.message)
}
const eventOf = ({ value }: Outbound): NormalizedEvent => {
  const decoded = codecs.decode("normalized-event", value)
  return decoded._tag === "Decoded" ? decoded.value : assert.fail(decoded.message)
}

describe("the normalizer", () => {
  it.effect("writes each event under its id, Avro and JSON alike", () =>
    Effect.gen(function* () {
      const [step] = yield* journal([
        avro(),
        JSON.stringify(good),
        `\ufeff \n${JSON.stringify({ ...good, event_id: "e-2" })}`
      ])
      assert.strictEqual(step?.next, 103)
      assert.deepStrictEqual(
        step?.outputs.map(({ key, topic }) => [topic, key]),
        [
          ["normalized-events", "e-avro"],
          ["normalized-events", "e-1"],
          ["normalized-events", "e-2"]
        ]
      )
      const event = eventOf(step!.outputs[0]!)
      assert.deepStrictEqual(event.user.email, [sha256("jane@shop.example")])
      assert.deepStrictEqual({ ...event.source }, { topic: "raw-events", partition: 3, offset: 100, timestamp: now })
    }).pipe(Effect.provide(memoryCodecs))
  )

  it("counts what was left out of a deadLettered event too", () => {
    const [topic, partition] = ["raw-events", 3]
    const batch = { topic, partition, records: records([JSON.stringify({ ...good, user: { email: "no-address" } })]) }
    const { dropped, deadLettered } = decide(batch, config, codecs, now)
    assert.deepStrictEqual([...deadLettered], [["empty_identity", 1]])
    assert.deepStrictEqual([...dropped], [["user.email invalid_email", 1]])
  })

  it.effect("makes a dead letter with its reason of every invalid record, and the others go on", () =>
    Effect.gen(function* () {
      const bad: ReadonlyArray<readonly [string, Buffer | string | null]> = [
        ["empty", null],
        ["empty", ""],
        ["empty", " \n"],
        ["not_avro_not_json", "<xml/>"],
        ["not_avro_not_json", `[${JSON.stringify(good)}]`],
        ["undecodable", '{"event_id": NaN}'],
        ["undecodable", Buffer.concat([Buffer.from('{"a":"'), Buffer.of(0xff, 0xfe), Buffer.from('"}')])],
        ["undecodable", Buffer.concat([avro().subarray(0, 5), Buffer.of(0xff)])],
        ["unknown_schema_id", Buffer.of(0, 0, 0, 99, 99, 1, 2, 3)],
        ["record_too_large", JSON.stringify({ ...good, pad: "x".repeat(5_000) })],
        ["undecodable", `{"a":${"[".repeat(3_000)}`],
        ["missing_event_id", JSON.stringify({ ...good, event_id: undefined })],
        ["missing_event_name", JSON.stringify({ ...good, event_name: "" })],
        ["event_time_in_seconds", JSON.stringify({ ...good, event_time: Math.trunc(now / 1000) })],
        ["event_time_in_future", JSON.stringify({ ...good, event_time: now + 2 * 86_400_000 })],
        ["empty_identity", JSON.stringify({ ...good, user: {} })]
      ]
      const values = bad.flatMap(([, value]) => [JSON.stringify(good), value])
      const [step] = yield* journal([...values, JSON.stringify(good)])
      const outputs = step?.outputs ?? []
      assert.strictEqual(outputs.length, bad.length * 2 + 1)
      assert.isTrue(
        outputs.every(({ topic }, index) => topic === (index % 2 === 0 ? "normalized-events" : "dead-letters"))
      )
      for (const [index, [reason, value]] of bad.entries()) {
        const deadLetter = deadLetterOf(outputs[index * 2 + 1]!)
        assert.strictEqual(deadLetter.reason_code, reason)
        assert.strictEqual(deadLetter.attempts, 0)
        assert.isNotEmpty(deadLetter.message)
        assert.isNotEmpty(deadLetter.next_step)
        const offset = 100 + index * 2 + 1
        assert.deepStrictEqual(
          [deadLetter.source_partition, deadLetter.source_offset, deadLetter.timestamp],
          [3, offset, now]
        )
        const opened =
          deadLetter.original === null
            ? null
            : sealer.open(deadLetter.original, deadLetterAad("value", "raw-events", 3, offset))
        if (value === null) assert.isNull(opened)
        else assert.deepStrictEqual(opened, Result.succeed(Buffer.from(value)))
      }
    }).pipe(Effect.provide(memoryCodecs))
  )

  it.effect("shows nothing of the person in a dead letter, not in its key either", () =>
    Effect.gen(function* () {
      const event = { ...good, event_id: "jane@shop.example/1", properties: { value: "jane@shop.example" } }
      const [step] = yield* journal([JSON.stringify(event)])
      const [output] = step?.outputs ?? []
      assert.strictEqual(output?.key, "raw-events/3/100")
      assert.isFalse(output?.value?.includes("jane"))
    }).pipe(Effect.provide(memoryCodecs))
  )

  it.effect("gives the same bytes at a replay", () =>
    Effect.gen(function* () {
      const values = [JSON.stringify(good), "{", avro()]
      assert.deepStrictEqual(yield* journal(values), yield* journal(values))
    }).pipe(Effect.provide(memoryCodecs))
  )
})

describe("the configuration", () => {
  const connection = (kind: ConnectorKind, defaultCountry: string | null) => {
    const builtin = builtinConnection(kind)
    return { ...builtin, mapping: { ...builtin.mapping, defaultCountry } }
  }
  const settings = { recordBytesMax: 1, futureTolerance: Duration.hours(1), schemaTimeout: Duration.seconds(30) }

  it("seals phone numbers only of events that may become messages", () => {
    assert.isNull(configOf([connection("meta", "DE")], sealer, settings).options.recipients)
    const whatsapp = connection("whatsapp", null)
    const { purchase } = whatsapp.mapping.templates
    const one = { ...whatsapp, mapping: { ...whatsapp.mapping, templates: { purchase: purchase! } } }
    const { options } = configOf([connection("meta", "DE"), one], sealer, settings)
    assert.strictEqual(options.recipients, sealer)
    const sealed = ["purchase", "Order Completed", "lead", "unknown"].filter((name) => options.messageEvents?.has(name))
    assert.deepStrictEqual(sealed, ["purchase", "Order Completed"])
  })

  it("knows each default country once", () => {
    const connections = [connection("meta", "US"), connection("tiktok", "DE"), connection("google", "US")]
    assert.deepStrictEqual(configOf(connections, sealer, settings).options.defaultCountries, ["DE", "US"])
  })
})
