/** Fields of a raw event that its schema does not know: they are named, since a misspelt field is lost data. */

import * as Result from "effect/Result"
import type { DroppedField, RawEvent } from "../../../schemas/types.gen.ts"
import type { SkippedFields } from "../../../shared/codec/codecs.ts"
import { isRecord, type JsonRecord } from "../../../shared/model/json.ts"
import { consentTarget, type StrayConsent, withStrayConsent } from "../normalize/consent.ts"
import { knownFields, type Level, nearestField } from "../normalize/known-fields.ts"
import { PersonalData } from "../pii/personal-data.ts"

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
      if (found.length < lookedAtMax) found.push({ level, name, value: record[name] })
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
  const record = Result.getOrElse(Result.try(whole), () => null)
  return withUnknown(
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
