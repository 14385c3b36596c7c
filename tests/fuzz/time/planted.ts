/** The text in every place where a record of a schema, or a platform's answer, holds one. */
import type { SchemaName } from "../../../shared/codec/codecs.ts"
import { schemaJson } from "../../../shared/codec/schemas.ts"
import type { Json } from "../../../shared/model/json.ts"

type AvroType = string | ReadonlyArray<AvroType> | AvroObject
interface AvroObject {
  readonly type: AvroType
  readonly name?: string
  readonly fields?: ReadonlyArray<{ readonly name: string; readonly type: AvroType }>
  readonly items?: AvroType
  readonly values?: AvroType
}

export type Path = ReadonlyArray<string>

/** The paths of all texts of a record; `[]` for the elements of a list, `{}` for the values of a map, `{name}` for their names. */
export const textPaths = (schema: SchemaName): ReadonlyArray<Path> => {
  const named = new Map<string, AvroObject>()
  const walk = (type: AvroType, path: Path): ReadonlyArray<Path> => {
    if (Array.isArray(type))
      return [...new Map(type.flatMap((one) => walk(one, path)).map((at) => [at.join("."), at])).values()]
    if (typeof type === "string") {
      if (type === "string") return [path]
      const known = named.get(type.split(".").pop()!)
      return known === undefined ? [] : walk(known, path)
    }
    const { fields, items, name, type: kind, values } = type as AvroObject
    if (name !== undefined && fields !== undefined) named.set(name.split(".").pop()!, type as AvroObject)
    if (fields !== undefined) return fields.flatMap((field) => walk(field.type, [...path, field.name]))
    if (items !== undefined) return walk(items, [...path, "[]"])
    if (values !== undefined) return [[...path, "{name}"], ...walk(values, [...path, "{}"])]
    return typeof kind === "string" && kind === "string" ? [path] : []
  }
  return walk(JSON.parse(schemaJson[schema]) as AvroObject, [])
}

/** A copy with the text at a path; lists get it as one more element, maps under one more name. */
export const plant = (record: Json, [step, ...rest]: Path, text: string): Json => {
  if (step === undefined) return text
  if (step === "[]") {
    const list = Array.isArray(record) ? record : []
    return [...list, plant(list[0] ?? null, rest, text)]
  }
  const group = record !== null && typeof record === "object" && !Array.isArray(record) ? record : {}
  if (step === "{name}") return { ...group, [text]: "x" }
  if (step === "{}") return { ...group, planted: plant(null, rest, text) }
  return { ...group, [step]: plant((group as Readonly<Record<string, Json>>)[step] ?? null, rest, text) }
}
