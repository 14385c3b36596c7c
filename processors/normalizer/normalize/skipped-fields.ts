/** Unknown fields of raw events in Avro: those of the writer's schema that ours does not have. */
import * as Result from "effect/Result"
import type { SkippedFields } from "../../../shared/codec/codecs.ts"
import { isRecord } from "../read/json-reader.ts"
import { noted, type ReadEvent, type UnknownField } from "../read/unknown-fields.ts"
import type { Level } from "./known-fields.ts"
import { consentTarget } from "./stray-consent.ts"

/** The event with what its writer's schema has and ours does not among what was left out. */
export const withSkippedFields = ({ paths, whole }: SkippedFields, read: ReadEvent): ReadEvent => {
  const fields = fieldsOf(paths)
  if (!fields.some(({ level, name }) => consentTarget(level, name) !== null)) return noted(fields, read)
  // Only a field that is about consent is read: what it says decides whether the event may be sent.
  const record = Result.getOrElse(Result.try(whole), () => null)
  return noted(
    fields.map((field) => ({ ...field, value: valueAt(record, field) })),
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
