/**
 * Reads values out of parsed JSON into the types of the Avro schemas. Small differences are bridged (a number as a
 * string of digits, an id as a number); anything else leaves the field out with a reason, and the event goes on.
 */
import type { DroppedField } from "../../../schemas/types.gen.ts"
import { isRecord, type JsonRecord } from "../../../shared/model/json.ts"
import type { DropReason } from "../identity/field.ts"
import { readTime } from "../normalize/time.ts"

/** Notes what was left out; one for each event. */
export class JsonReader {
  readonly dropped: Array<DroppedField> = []

  drop(field: string, reason: DropReason): null {
    this.dropped.push({ field, reason })
    return null
  }

  /** Text, or a list of one; numbers and booleans by their usual spelling. */
  string(record: JsonRecord, key: string, path: string): string | null {
    const value = record[key]
    if (typeof value === "string") return value
    if (value === undefined || value === null) return null
    const only: unknown = Array.isArray(value) && value.length === 1 ? value[0] : value
    return this.spelled(only) ?? this.drop(path + key, "invalid_type")
  }

  /** As `text`, but true and false are no value of a person and no id: their hash would be that of thousands. */
  identifier(record: JsonRecord, key: string, path: string): string | null {
    const value = record[key]
    const only: unknown = Array.isArray(value) && value.length === 1 ? value[0] : value
    return typeof only === "boolean" ? this.drop(path + key, "invalid_type") : this.string(record, key, path)
  }

  /** One identifier or a list of them. */
  identifiers(record: JsonRecord, key: string, path: string): string | ReadonlyArray<string> | null {
    const value = elementsOf(record[key])
    if (value === null) return this.identifier(record, key, path)
    const list: Array<string> = []
    for (const element of value) {
      if (element === null) continue
      const text = typeof element === "boolean" ? null : this.spelled(element)
      if (text === null) this.drop(path + key, "invalid_type")
      else list.push(text)
    }
    return list
  }

  /** Strings by name; any other value is left out. */
  strings(record: JsonRecord, key: string, path: string): Readonly<Record<string, string>> | null {
    const given = this.record(record, key, path)
    if (given === null) return null
    const strings: Record<string, string> = {}
    for (const name of Object.keys(given).slice(0, positionsMax)) {
      const value = name === "__proto__" ? null : this.identifier(given, name, `${path}${key}.`)
      if (value !== null) strings[name] = value
    }
    return strings
  }

  /** A list whose elements are known by their position: a null, and what is not a string, is an empty string in its place. */
  positions(record: JsonRecord, key: string, path: string): ReadonlyArray<string> {
    const value = elementsOf(record[key])
    if (value === null) {
      const only = this.string(record, key, path)
      return only === null ? [] : [only]
    }
    return value.slice(0, positionsMax).map((element: unknown, index) => {
      if (element === null) return ""
      return this.spelled(element) ?? this.drop(`${path}${key}[${index}]`, "invalid_type") ?? ""
    })
  }

  /** A finite number; a plain decimal in a string is one. Anything else leaves the field out. */
  number(record: JsonRecord, key: string, path: string): number | null {
    const value = record[key]
    if (value === undefined || value === null) return null
    if (typeof value === "number" && Number.isFinite(value)) return value
    if (typeof value === "string" && value.trim() === "") return null
    if (typeof value === "string" && value.length <= 64 && decimal.test(value.trim())) return Number(value)
    return this.drop(path + key, "not_a_number")
  }

  boolean(record: JsonRecord, key: string, path: string): boolean | null {
    const value = record[key]
    if (typeof value === "boolean") return value
    if (value === undefined || value === null) return null
    const word = typeof value === "string" ? value.trim().toLowerCase() : value
    if (word === "") return null
    if (word === 1 || word === "1" || word === "true" || word === "yes") return true
    if (word === 0 || word === "0" || word === "false" || word === "no") return false
    return this.drop(path + key, "invalid_type")
  }

  /** Milliseconds since the epoch, or ISO 8601 with an offset. */
  time(record: JsonRecord, key: string, path: string): number | null {
    const time = readTime(record[key])
    if (typeof time !== "string") return time
    return this.drop(path + key, time === "invalid" ? "invalid_time" : "time_without_offset")
  }

  /** A nested object; null for anything else. */
  record(record: JsonRecord, key: string, path: string): JsonRecord | null {
    const value = record[key]
    if (value === undefined || value === null || isEmptyList(value)) return null
    return isRecord(value) ? value : this.drop(path + key, "invalid_type")
  }

  private spelled(value: unknown): string | null {
    if (typeof value === "string") return value
    // A number beyond the safe integers has lost digits in parsing: it is no id any more.
    if (typeof value === "number") return Number.isSafeInteger(value) || !Number.isInteger(value) ? String(value) : null
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

/** Four times what any platform asks for. */
const positionsMax = 64

const decimal = /^[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:e[+-]?[0-9]{1,3})?$/i
