/**
 * Reads values out of parsed JSON into the types of the Avro schemas. Small differences are bridged (a number as a
 * string of digits, an id as a number); anything else leaves the field out with a reason, and the event goes on. Fields that
 * the schema does not know are named, since a misspelt field is lost data.
 */
import * as Result from "effect/Result"
import type { DroppedField, RawEvent } from "../../../schemas/types.gen.ts"
import type { SkippedFields } from "../../../shared/codec/codecs.ts"
import { isRecord, type JsonRecord } from "../../../shared/model/json.ts"
import type { DropReason } from "../identity/field.ts"
import { consentTarget, type StrayConsent, withStrayConsent } from "../normalize/consent.ts"
import { knownFields, type Level, nearestField } from "../normalize/known-fields.ts"
import { readTime } from "../normalize/time.ts"
import { PersonalData } from "../pii/personal-data.ts"
import { positionsMax } from "./limits.ts"

/** Notes what was left out; one for each event. */
export class JsonReader {
  readonly dropped: Array<DroppedField> = []
  /** Whether a number had lost digits in parsing: an integer beyond 2⁵³. */
  isInexact = false

  drop(field: string, reason: DropReason): null {
    this.dropped.push({ field, reason })
    return null
  }

  /** Text, or a list of one; numbers and booleans by their usual spelling. What is left out is named by `path` and `key`. */
  string(value: unknown, path: string, key: string): string | null {
    if (typeof value === "string") return value
    if (value === undefined || value === null) return null
    const only: unknown = Array.isArray(value) && value.length === 1 ? value[0] : value
    return this.spelled(only) ?? this.drop(path + key, "invalid_type")
  }

  /** As `text`, but true and false are no value of a person and no id: their hash would be that of thousands. */
  identifier(value: unknown, path: string, key: string): string | null {
    if (typeof value === "string") return value
    const only: unknown = Array.isArray(value) && value.length === 1 ? value[0] : value
    return typeof only === "boolean" ? this.drop(path + key, "invalid_type") : this.string(value, path, key)
  }

  /** One identifier or a list of them. */
  identifiers(value: unknown, path: string, key: string): string | ReadonlyArray<string> | null {
    if (typeof value === "string") return value
    const elements = elementsOf(value)
    if (elements === null) return this.identifier(value, path, key)
    const list: Array<string> = []
    if (elements.length > positionsMax) this.drop(path + key, "too_many")
    for (const element of elements.slice(0, positionsMax)) {
      if (element === null) continue
      const text = typeof element === "boolean" ? null : this.spelled(element)
      if (text === null) this.drop(path + key, "invalid_type")
      else list.push(text)
    }
    return list
  }

  /** Strings by name; any other value is left out. */
  strings(value: unknown, path: string, key: string): Readonly<Record<string, string>> | null {
    const given = this.record(value, path, key)
    if (given === null) return null
    const strings: Record<string, string> = {}
    const names = Object.keys(given)
    if (names.length > positionsMax) this.drop(path + key, "too_many")
    for (const name of names.slice(0, positionsMax)) {
      const text = name === "__proto__" ? null : this.identifier(given[name], `${path}${key}.`, name)
      if (text !== null) strings[name] = text
    }
    return strings
  }

  /** A list whose elements are known by their position: a null, and what is not a string, is an empty string in its place. */
  positions(value: unknown, path: string, key: string): ReadonlyArray<string> {
    const elements = elementsOf(value)
    if (elements === null) {
      const only = this.string(value, path, key)
      return only === null ? [] : [only]
    }
    if (elements.length > positionsMax) this.drop(path + key, "too_many")
    return elements.slice(0, positionsMax).map((element: unknown, index) => {
      if (element === null) return ""
      return this.spelled(element) ?? this.drop(`${path}${key}[${index}]`, "invalid_type") ?? ""
    })
  }

  /** A finite number; a plain decimal in a string is one. Anything else leaves the field out. */
  number(value: unknown, path: string, key: string): number | null {
    if (value === undefined || value === null) return null
    if (typeof value === "number" && Number.isFinite(value)) return value
    if (typeof value === "string" && value.trim() === "") return null
    if (typeof value === "string" && value.length <= 64 && decimal.test(value.trim())) return Number(value)
    return this.drop(path + key, "not_a_number")
  }

  boolean(value: unknown, path: string, key: string): boolean | null {
    if (typeof value === "boolean") return value
    if (value === undefined || value === null) return null
    const word = typeof value === "string" ? value.trim().toLowerCase() : value
    if (word === "") return null
    if (word === 1 || word === "1" || word === "true" || word === "yes") return true
    if (word === 0 || word === "0" || word === "false" || word === "no") return false
    return this.drop(path + key, "invalid_type")
  }

  /** Milliseconds since the epoch, or ISO 8601 with an offset. */
  time(value: unknown, path: string, key: string): number | null {
    const time = readTime(value)
    if (typeof time !== "string") return time
    return this.drop(path + key, time === "invalid" ? "invalid_time" : "time_without_offset")
  }

  /** A nested object; null for anything else. */
  record(value: unknown, path: string, key: string): JsonRecord | null {
    if (value === undefined || value === null || isEmptyList(value)) return null
    return isRecord(value) ? value : this.drop(path + key, "invalid_type")
  }

  isExact(value: number): boolean {
    if (Number.isSafeInteger(value) || (Number.isFinite(value) && !Number.isInteger(value))) return true
    this.isInexact = true
    return false
  }

  private spelled(value: unknown): string | null {
    if (typeof value === "string") return value
    // A number beyond the safe integers has lost digits in parsing: it is no id any more.
    if (typeof value === "number") return this.isExact(value) ? String(value) : null
    return typeof value === "boolean" ? String(value) : null
  }
}

/**
 * The elements of a list; null for any other value. PHP writes a list from which elements were taken as an object with
 * their numbers as its keys.
 */
export const elementsOf = (value: unknown): ReadonlyArray<unknown> | null => {
  if (Array.isArray(value)) return value
  if (!isRecord(value)) return null
  for (const key in value) if (!elementNumber.test(key)) return null
  const elements = Object.values(value)
  return elements.length === 0 ? null : elements
}

const elementNumber = /^(?:0|[1-9][0-9]{0,8})$/

/** PHP writes an empty map so: it says nothing, like an empty object. */
export const isEmptyList = (value: unknown): boolean => Array.isArray(value) && value.length === 0

const decimal = /^[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:e[+-]?[0-9]{1,3})?$/i

/** A raw event and what reading it left out. */
export interface ReadEvent {
  readonly raw: RawEvent
  readonly dropped: ReadonlyArray<DroppedField>
}

/** The event with the unknown fields of the JSON that it was read from among what was left out. */
export const withUnknownFields = (json: JsonRecord, read: ReadEvent): ReadEvent => {
  const strange = unknownIn(json)
  return strange === null ? read : withUnknown(strange, read)
}

/** The names alone, where the event could not be read. */
export const unknownFieldsOf = (json: JsonRecord): ReadonlyArray<DroppedField> => {
  const strange = unknownIn(json)
  return strange === null ? [] : namesOf(strange, new PersonalData(null))
}

/** A field that the schema does not know; free properties are none, unless they are about consent. */
export interface UnknownField {
  readonly level: Level
  readonly name: string
  readonly value: unknown
}

/** The event with such fields among what was left out, and with the consent that they give. */
const withUnknown = (strange: ReadonlyArray<UnknownField>, { dropped, raw }: ReadEvent): ReadEvent => {
  const names = namesOf(strange, new PersonalData(raw.user))
  const strays = strange.flatMap(({ level, name, value }): ReadonlyArray<StrayConsent> => {
    const target = consentTarget(level, name)
    return target === null ? [] : [{ target, value }]
  })
  const unclear: Array<DroppedField> = []
  const consent = withStrayConsent(raw.consent, strays, (field) =>
    unclear.push({ field: `consent.${field}`, reason: "unclear_consent" })
  )
  return { raw: consent === raw.consent ? raw : { ...raw, consent }, dropped: [...dropped, ...names, ...unclear] }
}

/** Null where all are known: nearly always. */
const unknownIn = (json: JsonRecord): ReadonlyArray<UnknownField> | null => {
  let found: Array<UnknownField> | null = null
  const look = (record: unknown, level: Level): void => {
    if (!isRecord(record)) return
    const known = knownFields(level)
    for (const name in record) {
      if (known.has(name) || (level === "properties." && consentTarget(level, name) === null)) continue
      found ??= []
      if (found.length >= lookedAtMax) return
      found.push({ level, name, value: record[name] })
    }
  }
  look(json, "")
  look(json["user"], "user.")
  look(json["consent"], "consent.")
  look(json["app"], "app.")
  look(json["consent_signals"], "consent_signals.")
  const properties = json["properties"]
  look(properties, "properties.")
  const items = isRecord(properties) ? properties["items"] : undefined
  if (Array.isArray(items)) for (let index = 0; index < items.length; index++) look(items[index], "properties.items[].")
  return found
}

/**
 * Each name once, with the known field that was most likely meant. A name may contain personal data: one that is
 * not an identifier, or one too many, is only counted.
 */
const namesOf = (strange: ReadonlyArray<UnknownField>, personal: PersonalData): ReadonlyArray<DroppedField> => {
  const named = new Map<string, DroppedField>()
  const counts = new Map<Level, number>()
  for (const { level, name } of strange) {
    const field = level + name
    if (named.has(field)) continue
    if (named.size < namedMax && isShown(name, personal)) {
      named.set(field, { field, reason: "unknown_field", nearest: nearestField(level, name) })
    } else counts.set(level, (counts.get(level) ?? 0) + 1)
  }
  const more = [...counts].map(([level, count]) => ({ field: `${level}* (${count})`, reason: "unknown_field" }))
  return [...named.values(), ...more]
}

const isShown = (name: string, personal: PersonalData): boolean =>
  identifier.test(name) && !manyDigits.test(name) && !personal.inText(name)

const identifier = /^[A-Za-z_][A-Za-z0-9_-]{0,63}$/
/** More of them may be a phone number or somebody's id. */
const manyDigits = /[0-9]{5}/
const namedMax = 20
/** Of more, what is wrong is seen in the first ones. */
const lookedAtMax = 1_000

/** Where an unknown field stands, as a label of a metric: the known field that it is near, else its record. */
export const unknownLabel = ({ field, nearest }: DroppedField): string => {
  if (typeof nearest === "string") return nearest
  const record = records.find((level) => field.startsWith(level))
  return `${record ?? ""}*`
}

const records: ReadonlyArray<Level> = ["user.", "consent.", "app.", "properties.items[].", "properties."]

/** The Avro event with the fields that its writer's schema has and ours does not among what was left out. */
export const withSkippedFields = ({ paths, writerRecord: whole }: SkippedFields, read: ReadEvent): ReadEvent => {
  const fields = fieldsOf(paths)
  if (!fields.some(({ level, name }) => consentTarget(level, name) !== null)) return withUnknown(fields, read)
  // Only a field that is about consent is read: what it says decides whether the event may be sent.
  const record = Result.try(whole)
  return withUnknown(
    // What is there and cannot be read may have been a denial.
    fields.map((field) => ({
      ...field,
      value: Result.isSuccess(record) ? valueAt(record.success, field) : "unreadable"
    })),
    read
  )
}

/** Once for each writer's schema. */
const fieldsOf = (paths: ReadonlyArray<string>): ReadonlyArray<UnknownField> => {
  const known = ofSchema.get(paths)
  if (known !== undefined) return known
  const fields = paths.map((path): UnknownField => {
    const level = levels.find((one) => path.startsWith(one)) ?? ""
    return { level, name: path.slice(level.length), value: null }
  })
  ofSchema.set(paths, fields)
  return fields
}

const ofSchema = new WeakMap<ReadonlyArray<string>, ReadonlyArray<UnknownField>>()
const levels: ReadonlyArray<Level> = ["user.", "consent.", "app.", "properties.items[].", "properties."]

const valueAt = (record: unknown, { level, name }: UnknownField): unknown => {
  if (!isRecord(record)) return null
  const group = level === "" ? record : record[level.slice(0, -1)]
  return isRecord(group) ? group[name] : null
}
