/** The value of a raw record to a raw event: Confluent-Avro (magic byte 0), or one JSON object with the schema's field names. */
import { isUtf8 } from "node:buffer"
import * as Result from "effect/Result"
import type { Consent, DroppedField, Item, RawEvent } from "../../../schemas/types.gen.ts"
import { emptyItem } from "../../../schemas/values.gen.ts"
import type { Decoded, Undecodable } from "../../../shared/codec/codecs.ts"
import { isRecord, type JsonRecord } from "../../../shared/model/json.ts"
import { type Problem, problem } from "../normalize/problem.ts"
import { readTime } from "../normalize/time.ts"
import { PersonalData } from "../pii/personal-data.ts"
import { jsonFault } from "./json-fault.ts"
import {
  elementsOf,
  isEmptyList,
  JsonReader,
  unknownFieldsOf,
  withSkippedFields,
  withUnknownFields
} from "./json-reader.ts"
import { customMax, itemsMax, withinLimits } from "./limits.ts"
import { longIntegersAsText } from "./long-integers.ts"
import {
  type PropertyReaders,
  propertyNames,
  readApp,
  readConsentSignals,
  readItem,
  readProperties,
  readRawUser
} from "./raw-event.gen.ts"

/** A raw event and what was left out of it, or why the record holds none. */
export type JsonEvent =
  | { readonly _tag: "Read"; readonly raw: RawEvent; readonly dropped: ReadonlyArray<DroppedField> }
  | { readonly _tag: "Problem"; readonly problem: Problem }

/**
 * @param decodeAvro decodes a value with magic byte 0, see `Codecs`
 * @param recordBytesMax longer values are refused before anything reads them
 */
export const readRecord = (
  value: Buffer | null,
  decodeAvro: (value: Buffer) => Decoded<RawEvent>,
  recordBytesMax: number
): JsonEvent => {
  if (value === null || value.length === 0) return problemEvent(problem("empty", "The record has no value."))
  if (value.length > recordBytesMax) {
    const message = `The record has ${value.length} bytes, more than the limit of ${recordBytesMax}.`
    return problemEvent(problem("record_too_large", message))
  }
  if (value[0] === 0) {
    const decoded = decodeAvro(value)
    if (decoded._tag === "Decoded") {
      const { skipped, value: raw } = decoded
      const read = withinLimits(raw)
      return { _tag: "Read", ...(skipped === undefined ? read : withSkippedFields(skipped, read)) }
    }
    return problemEvent(problem(avroReasons[decoded.reason], decoded.message))
  }
  return readJson(value)
}

/** One JSON object as text; a byte order mark and space around it are skipped. */
export const readJson = (value: Buffer): JsonEvent => {
  const start = firstByte(value)
  if (start < 0) return problemEvent(problem("empty", "The record holds nothing but space."))
  if (value[start] !== openingBrace) {
    return problemEvent(problem("not_avro_not_json", "The record is neither Confluent-Avro nor a JSON object."))
  }
  if (!isUtf8(value)) return problemEvent(problem("undecodable", "The JSON record is not in UTF-8."))
  const text = value.toString("utf8", start)
  const parsed = Result.try(() => JSON.parse(text) as unknown)
  if (Result.isFailure(parsed)) return problemEvent(problem("undecodable", jsonFault(text, parsed.failure)))
  const reader = new JsonReader()
  const read = rawEventFromJson(parsed.success, reader)
  return reader.isInexact ? rawEventFromJson(JSON.parse(longIntegersAsText(text))) : read
}

const openingBrace = 0x7b

/** The first byte that is neither space nor part of a byte order mark; -1 without one. */
const firstByte = (value: Buffer): number => {
  let at = value[0] === 0xef && value[1] === 0xbb && value[2] === 0xbf ? 3 : 0
  while (at < value.length && isSpace(value[at]!)) at++
  return at < value.length ? at : -1
}

const isSpace = (byte: number): boolean => byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09

const avroReasons = {
  empty: "empty",
  not_avro: "not_avro_not_json",
  unknown_schema_id: "unknown_schema_id",
  schema_unavailable: "schema_unavailable",
  undecodable: "undecodable"
} as const satisfies Record<Undecodable["reason"], Problem["reason"]>

/**
 * Plain JSON, with the field names of the Avro schema, to a raw event. Unknown fields are named among what was left out.
 *
 * @param json a parsed JSON value; of a key that stood there twice, the parser kept the last value
 * @param reader says afterwards whether numbers had lost digits in parsing, which are left out
 */
export const rawEventFromJson = (json: unknown, reader = new JsonReader()): JsonEvent => {
  if (!isRecord(json)) return problemEvent(problem("not_avro_not_json", "The JSON value is not an object."))
  const id = identifier(json["event_id"], reader)
  const name = identifier(json["event_name"], reader)
  const unread = (reason: Problem): JsonEvent => problemEvent({ ...reason, dropped: unknownFieldsOf(json) })
  if (id === null) return unread(noIdentifier("event_id", json, null, shown(name, json)))
  if (name === null) return unread(noIdentifier("event_name", json, shown(id, json), null))
  const time = readTime(json["event_time"])
  if (time === null || time === "without_offset") {
    const [eventId, eventName] = [shown(id, json), shown(name, json)]
    return unread(
      time === null
        ? problem("missing_event_time", missing("event_time", json), eventId, eventName)
        : problem("event_time_without_offset", "The event_time has no offset from UTC.", eventId, eventName)
    )
  }
  const user = reader.record(json["user"], "", "user")
  const properties = reader.record(json["properties"], "", "properties")
  const app = reader.record(json["app"], "", "app")
  const signals = reader.record(json["consent_signals"], "", "consent_signals")
  const raw: RawEvent = {
    event_id: id,
    event_name: name,
    // The normalizer reports an invalid time.
    event_time: time === "invalid" ? Number.NaN : time,
    action_source: reader.string(json["action_source"], "", "action_source"),
    event_source_url: reader.string(json["event_source_url"], "", "event_source_url"),
    referrer_url: reader.string(json["referrer_url"], "", "referrer_url"),
    messaging_channel: reader.string(json["messaging_channel"], "", "messaging_channel"),
    page_id: reader.identifier(json["page_id"], "", "page_id"),
    whatsapp_business_account_id: reader.identifier(
      json["whatsapp_business_account_id"],
      "",
      "whatsapp_business_account_id"
    ),
    ig_account_id: reader.identifier(json["ig_account_id"], "", "ig_account_id"),
    user: user === null ? null : readRawUser(reader, user),
    consent: readConsent(json["consent"]),
    properties: properties === null ? null : readProperties(reader, properties, listsAndMaps),
    app: app === null ? null : readApp(reader, app),
    consent_signals: signals === null ? null : readConsentSignals(reader, signals)
  }
  return { _tag: "Read", ...withUnknownFields(json, { raw, dropped: reader.dropped }) }
}

const problemEvent = (reason: Problem): JsonEvent => ({ _tag: "Problem", problem: reason })

const identifier = (value: unknown, reader: JsonReader): string | null => {
  if (typeof value === "string") return value
  return typeof value === "number" && reader.isExact(value) && Number.isInteger(value) ? String(value) : null
}

const noIdentifier = (
  field: "event_id" | "event_name",
  json: JsonRecord,
  eventId: string | null,
  eventName: string | null
): Problem => {
  const value = json[field]
  if (value === undefined || value === null) {
    return problem(`missing_${field}`, missing(field, json), eventId, eventName)
  }
  const message = typeof value === "number" ? "is a number that JSON does not keep exactly" : "is not a string"
  return problem(`invalid_${field}`, `The ${field} ${message}; send it as a string.`, eventId, eventName)
}

/** With where it may be: in an envelope of another program, or under a name that is nearly the right one. */
const missing = (field: string, json: JsonRecord): string => {
  const envelope = envelopes.find((name) => {
    const inner = json[name]
    return isRecord(inner) && inner[field] !== undefined
  })
  if (envelope !== undefined) return `The event has no ${field}: it is under ${envelope}. Publish what is there alone.`
  const near = unknownFieldsOf(json).find(({ nearest }) => nearest === field)
  return near === undefined
    ? `The event has no ${field}.`
    : `The event has no ${field}; ${near.field} is not a known field. Did you mean it?`
}

/** What Kafka Connect's converter with schemas, CloudEvents, Debezium and queues put events into. */
const envelopes = ["payload", "data", "event", "message", "value", "after", "body", "detail"]

/** An id or name of an event that is not read further; null where it is too long or personal data. */
const shown = (value: string | null, json: JsonRecord): string | null => {
  if (value === null || value.length > 256) return null
  const reader = new JsonReader()
  const user = reader.record(json["user"], "", "user")
  return new PersonalData(user === null ? null : readRawUser(reader, user)).inId(value) ? null : value
}

/** A value that is not a string is read as a word without a meaning, which `normalizeConsent` takes for a denial. */
const readConsent = (json: unknown): Consent | null => {
  if (json === undefined || json === null || isEmptyList(json)) return null
  const word = (key: keyof Consent): string | null => {
    const value = isRecord(json) ? json[key] : json
    if (value === undefined || value === null) return null
    return isRecord(json) && typeof value !== "object" ? String(value) : "unreadable"
  }
  return {
    ad_user_data: word("ad_user_data"),
    ad_personalization: word("ad_personalization"),
    sale_of_data: word("sale_of_data")
  }
}

const readItems: PropertyReaders["items"] = (reader, properties) => {
  const json = properties["items"]
  if (json === undefined || json === null) return []
  const items: Array<Item> = []
  // One product without a list around it is a list of one.
  const elements = elementsOf(json) ?? (isRecord(json) && json["id"] !== undefined ? [json] : null)
  if (elements === null) {
    reader.drop("properties.items", "invalid_type")
    return items
  }
  if (elements.length > itemsMax) reader.drop("properties.items", "too_many")
  const count = Math.min(elements.length, itemsMax)
  for (let index = 0; index < count; index++) {
    const item = elements[index]
    const path = itemPaths[index] ?? pathOfItem(index)
    // One without id keeps its place, so that the normalizer, which leaves it out, names the others by theirs.
    const id = isRecord(item) ? reader.identifier(item["id"], path, "id") : null
    items.push(isRecord(item) && id !== null ? readItem(reader, item, path, id) : emptyItem)
  }
  return items
}

const pathOfItem = (index: number): string => `properties.items[${index}].`
/** Those of usual orders, since they are needed only where something is left out. */
const itemPaths = Array.from({ length: 16 }, (_, index) => pathOfItem(index))

/**
 * The free properties: those under `custom`, and every property that the schema does not know. A nested value travels as a JSON
 * string; one nested deeper than `depthMax` is left out.
 */
const readCustom: PropertyReaders["custom"] = (reader, properties) => {
  const custom: Record<string, string | number | boolean | null> = {}
  let count = 0
  const add = (key: string, value: unknown): void => {
    // The one key that an object cannot hold as plain data.
    if (value === undefined || key === "__proto__" || Object.hasOwn(custom, key)) return
    count++
    if (count > customMax) {
      if (count === customMax + 1) reader.drop("properties.custom", "too_many")
      return
    }
    const read = scalar(value, reader)
    if (read === undefined) reader.drop("properties.custom", "too_deep")
    else custom[key] = read
  }
  const own = reader.record(properties["custom"], "properties.", "custom") ?? {}
  for (const key in own) {
    if (count > customMax) break
    if (Object.hasOwn(own, key)) add(key, own[key])
  }
  for (const key in properties) {
    if (!propertyNames.has(key) && Object.hasOwn(properties, key)) add(key, properties[key])
  }
  return custom
}

const scalar = (value: unknown, reader: JsonReader): string | number | boolean | null | undefined => {
  if (value === null || typeof value === "string" || typeof value === "boolean") return value
  // What is too large for a number is infinite here; the normalizer leaves it out by its name.
  if (typeof value === "number") {
    reader.isExact(value)
    return value
  }
  return isDeeperThan(value, depthMax, reader) ? undefined : JSON.stringify(value)
}

/** Notes numbers that are not exact on the way. */
const isDeeperThan = (value: unknown, levels: number, reader: JsonReader): boolean => {
  if (typeof value === "number") reader.isExact(value)
  if (typeof value !== "object" || value === null) return false
  if (levels === 0) return true
  const inner: ReadonlyArray<unknown> = isRecord(value) ? Object.values(value) : (value as ReadonlyArray<unknown>)
  return inner.some((element) => isDeeperThan(element, levels - 1, reader))
}

const listsAndMaps: PropertyReaders = { items: readItems, custom: readCustom }
const depthMax = 16
