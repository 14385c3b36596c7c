/** A raw event with a text in one place, in all places, and with many values: read, normalized and written as a record. */
import { defaultNormalizerOptions, normalize } from "../../../processors/normalizer/normalize/normalize.ts"
import { readRecord } from "../../../processors/normalizer/read/read-record.ts"
import type { Json } from "../../../shared/model/json.ts"
import { makeMemoryCodecs } from "../../../shared/testing/memory-codecs.ts"
import type { TimeTarget } from "./measure.ts"
import { plant, textPaths } from "./planted.ts"

const now = Date.UTC(2026, 10, 23)
const codecs = makeMemoryCodecs()
const recordBytesMax = 16 * 1_048_576

const options = { ...defaultNormalizerOptions, defaultCountries: ["US", "DE"], now }
const source = { topic: "raw-events", partition: 0, offset: 0, timestamp: now }

const normalizeRecord = (value: Buffer): unknown => {
  const read = readRecord(value, (bytes) => codecs.decode("raw-event", bytes), recordBytesMax)
  if (read._tag === "Problem") return read
  const result = normalize(read.raw, source, options, read.dropped)
  return result._tag === "Normalized" ? codecs.encode("normalized-events", "normalized-event", result.event) : result
}

const asJson = (json: Json): Buffer => Buffer.from(JSON.stringify(json))
const asAvro = (json: Json): Buffer => {
  const read = readRecord(asJson(json), (bytes) => codecs.decode("raw-event", bytes), recordBytesMax)
  if (read._tag === "Problem") return Buffer.from([0])
  const time = Number.isSafeInteger(read.raw.event_time) ? read.raw.event_time : now
  return codecs.encode("raw-events", "raw-event", { ...read.raw, event_time: time })
}
const encodings = [
  ["JSON", asJson],
  ["Avro", asAvro]
] as const

const jane = { email: "jane@shop.example", first_name: "Jane", last_name: "Doe", phone: "+14155550132", country: "US" }
const event = { event_id: "e-1", event_name: "lead", event_time: now, user: jane }
/** Where another text is refused before the rest is read. */
const needed = ["event_id", "event_name"]
const rawPaths = textPaths("raw-event")

export const placesOfRawEvent: ReadonlyArray<TimeTarget> = [
  ...rawPaths,
  ["unknown"],
  ["user", "unknown"],
  ["{name}"],
  ["user", "{name}"],
  ["consent", "{name}"],
  ["properties", "{name}"]
].flatMap((place) =>
  encodings.map(([encoding, encode]) => ({
    name: `${place.join(".")} of a raw event in ${encoding}`,
    prepare: (text: string) => {
      const record = encode(plant(event, place, text))
      return () => normalizeRecord(record)
    }
  }))
)

/** The text in all places, as long as texts may be, and in free properties until the record is as long as is asked. */
export const everywhere = (text: string): Json => {
  const places = rawPaths.filter((place) => !needed.includes(place.join(".")))
  const length = Math.min(8_000, Math.floor(text.length / (2 * places.length)))
  const short = text.slice(0, length) + text.slice(-2)
  const planted = places.reduce<Json>(
    (record, place) => plant(record, place, place.includes("{name}") ? short.slice(0, 200) : short),
    event
  )
  const properties = (planted as { readonly properties: { readonly custom: Readonly<Record<string, Json>> } })
    .properties
  const count = Math.floor((text.length - places.length * length) / 8_000)
  const part = text.slice(0, 7_900) + text.slice(-2)
  const free = Object.fromEntries(Array.from({ length: Math.max(0, count) }, (_, index) => [`free${index}`, part]))
  return { ...(planted as object), properties: { ...properties, custom: { ...properties.custom, ...free } } }
}

export const wholeEvent: ReadonlyArray<TimeTarget> = encodings.map(([encoding, encode]) => ({
  name: `all places of a raw event in ${encoding}`,
  prepare: (text) => {
    const record = encode(everywhere(text))
    return () => normalizeRecord(record)
  }
}))

const many = <A>(length: number, make: (index: number) => A): ReadonlyArray<A> =>
  Array.from({ length: Math.ceil(length / 16) }, (_, index) => make(index))
const named = (length: number, name: string): Readonly<Record<string, Json>> =>
  Object.fromEntries(many(length, (index) => [`${name}${index}`, "v"]))
const withUser = (fields: Readonly<Record<string, Json>>, text = ""): Json => ({
  ...event,
  user: { ...jane, ...fields },
  properties: { search_string: text }
})
const withProperties = (properties: Readonly<Record<string, Json>>): Json => ({ ...event, properties })

/** Where many values may stand, which have about so many characters together. */
const listsOfRawEvent: Readonly<Record<string, (length: number) => Json>> = {
  "phones beside a text of digits": (length) =>
    withUser({ phone: many(length, (index) => `+1415${index + 1_000_000}`) }, "1 ".repeat(4000)),
  emails: (length) => withUser({ email: many(length, (index) => `jane${index}@x.example`) }),
  "external ids": (length) => withUser({ external_id: many(length, (index) => `u${index}`) }),
  "words of a name beside a text": (length) =>
    withUser({ first_name: many(length, (index) => `name${index.toString(36)}x`).join(" ") }, "name ".repeat(1600)),
  items: (length) => withProperties({ items: many(length, () => ({ id: "i", price: 1 })) }),
  "custom properties": (length) => withProperties({ custom: named(length, "k") }),
  "unknown fields": (length) => ({ ...event, ...named(length, "unknown") }),
  "unknown fields of the customer": (length) => withUser(named(length, "unknown")),
  extinfo: (length) => ({ ...event, app: { extinfo: many(length, () => "a%40b") } }),
  "lists within lists": (length) => withProperties({ custom: { free: many(length, () => [[1]]) } })
}

export const manyValues: ReadonlyArray<TimeTarget> = Object.entries(listsOfRawEvent).flatMap(([name, make]) =>
  encodings.map(([encoding, encode]) => ({
    name: `${name} in ${encoding}`,
    takesAnyText: true,
    prepare: (text: string) => {
      const record = encode(make(text.length))
      return () => normalizeRecord(record)
    }
  }))
)
