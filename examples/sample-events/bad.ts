/** Bad records, two of each kind, with the reason that dead-letters must give, and events that the mapper refuses. */
import type { DeadLetterReason, JsonObject, SampleLine } from "../../infra/samples/sample-events.ts"

const minutesAgo = (minutes: number) => ({ offset_ms: -minutes * 60_000, unit: "milliseconds" as const })

const good = (id: string): JsonObject => ({
  event_id: id,
  event_name: "purchase",
  action_source: "website",
  event_source_url: "https://shop.example/thanks",
  user: { email: "jane.doe@example.com", country: "US", ip: "93.184.216.34", user_agent: "Mozilla/5.0" },
  consent: { ad_user_data: "granted", ad_personalization: "granted" },
  properties: { value: 129.95, currency: "USD", order_id: `order-${id}` }
})

const without = (event: JsonObject, key: string): JsonObject =>
  Object.fromEntries(Object.entries(event).filter(([name]) => name !== key))

const withProperties = (event: JsonObject, properties: JsonObject): JsonObject => ({
  ...event,
  properties: { ...(event.properties as JsonObject), ...properties }
})

const asJson = (reason: DeadLetterReason, event: JsonObject, more: Partial<SampleLine> = {}): SampleLine => ({
  key: String(event.event_id ?? "unnamed"),
  encoding: "json",
  event,
  time: minutesAgo(3),
  expect: { outcome: "dead_letter", reason },
  ...more
})

/** The normalizer keeps such an event and names what is not usable in it; as a purchase it goes to no platform. */
const refusedByMapper = (
  reason: "invalid_value" | "unknown_currency",
  event: JsonObject,
  encoding: SampleLine["encoding"] = "json"
): SampleLine => ({
  key: String(event.event_id),
  encoding,
  event,
  time: minutesAgo(3),
  expect: { outcome: "rejected", reason }
})

const asBytes = (reason: DeadLetterReason, key: string, bytes: Buffer, more: Partial<SampleLine> = {}): SampleLine => ({
  key,
  encoding: "bytes",
  base64: bytes.toString("base64"),
  expect: { outcome: "dead_letter", reason },
  ...more
})

const untimed = (reason: DeadLetterReason, event: JsonObject): SampleLine => {
  const { time: _, ...line } = asJson(reason, event)
  return line
}

/** Confluent's frame: a zero, the schema's id, Avro. */
const framed = (schemaId: number, avro: ReadonlyArray<number>): Buffer => {
  const head = Buffer.alloc(5)
  head.writeUInt32BE(schemaId, 1)
  return Buffer.concat([head, Buffer.from(avro)])
}

export const badLines: ReadonlyArray<SampleLine> = [
  asBytes("not_avro_not_json", "bad-text", Buffer.from("purchase;jane;129.95\n")),
  asBytes("not_avro_not_json", "bad-binary", Buffer.from([0xff, 0xd8, 0xff, 0xe0, 0x10, 0x4a, 0x46])),
  asBytes("empty", "bad-empty-1", Buffer.alloc(0)),
  asBytes("empty", "bad-empty-2", Buffer.alloc(0)),
  asBytes("unknown_schema_id", "bad-schema-1", framed(2_147_483_000, [2, 97, 2, 98])),
  asBytes("unknown_schema_id", "bad-schema-2", framed(1_999_999_999, [0, 0, 0])),
  // A string of 4,611,686,018,427,387,903 bytes, and a record that ends in the middle.
  asBytes("undecodable", "bad-avro-1", framed(0, [0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f]), {
    stamp_schema_id: true
  }),
  asBytes("undecodable", "bad-avro-2", framed(0, [0x06, 0x61]), { stamp_schema_id: true }),
  asJson("missing_event_id", without(good("x"), "event_id"), { key: "bad-no-id" }),
  asJson("missing_event_id", { ...good("x"), event_id: "  " }, { key: "bad-blank-id" }),
  asJson("missing_event_name", without(good("bad-no-name"), "event_name")),
  asJson("missing_event_name", { ...good("bad-empty-name"), event_name: "" }),
  untimed("missing_event_time", good("bad-no-time")),
  untimed("missing_event_time", { ...good("bad-null-time"), event_time: null }),
  asJson("event_time_in_seconds", good("bad-seconds-1"), { time: { offset_ms: -60_000, unit: "seconds" } }),
  asJson("event_time_in_seconds", good("bad-seconds-2"), {
    encoding: "avro",
    time: { offset_ms: -9_000_000, unit: "seconds" }
  }),
  asJson("event_time_in_future", good("bad-future-1"), { time: { offset_ms: 3 * 86_400_000, unit: "milliseconds" } }),
  asJson("event_time_in_future", good("bad-future-2"), {
    encoding: "avro",
    time: { offset_ms: 31_536_000_000, unit: "milliseconds" }
  }),
  untimed("event_time_invalid", { ...good("bad-time-1"), event_time: "yesterday" }),
  untimed("event_time_invalid", { ...good("bad-time-2"), event_time: -5 }),
  refusedByMapper("invalid_value", withProperties(good("bad-value-1"), { value: "a lot" })),
  refusedByMapper("invalid_value", withProperties(good("bad-value-2"), { value: "1.299,95 €" })),
  refusedByMapper("unknown_currency", withProperties(good("bad-currency-1"), { currency: "XQQ" })),
  refusedByMapper("unknown_currency", withProperties(good("bad-currency-2"), { currency: "dollars" }), "avro"),
  asJson("empty_identity", { ...good("bad-identity-1"), user: {} }),
  asJson(
    "empty_identity",
    { ...good("bad-identity-2"), user: { email: "n/a", phone: "unknown", first_name: "null" } },
    { encoding: "avro" }
  ),
  asJson("record_too_large", withProperties(good("bad-large-1"), { custom: {} }), { fill_bytes: 10 * 1024 * 1024 })
]
