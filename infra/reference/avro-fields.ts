/** The fields of an Avro schema as rows: their path, type in words, and meaning. */
import type { AvroRecord, AvroType } from "../../schemas/avro-schema.ts"

export interface FieldRow {
  /** Such as `user.email`; of a record in a list `properties.items[].id`. */
  readonly path: string
  /** In words; `or null` where it may be absent. */
  readonly type: string
  readonly doc: string
  readonly isRequired: boolean
}

/** The fields of a record, and below each record among them its fields. */
export const fieldsOf = (
  record: AvroRecord,
  known: ReadonlyMap<string, AvroRecord> = recordsIn(record)
): ReadonlyArray<FieldRow> =>
  record.fields.flatMap((field) => {
    const row = {
      path: field.name,
      type: wordsOf(field.type),
      doc: field.doc ?? "",
      isRequired: field.default === undefined
    }
    const below = recordOf(field.type, known)
    if (below === null) return [row]
    const prefix = isList(field.type) ? `${field.name}[].` : `${field.name}.`
    return [row, ...fieldsOf(below, known).map((one) => ({ ...one, path: prefix + one.path }))]
  })

/** Avro's unions hold no unions. */
type Branch = Exclude<AvroType, ReadonlyArray<AvroType>>

const branchesOf = (type: AvroType): ReadonlyArray<Branch> => (Array.isArray(type) ? type : [type as Branch])

const isList = (type: AvroType): boolean =>
  branchesOf(type).some((branch) => typeof branch === "object" && "items" in branch)

/** The record of a field, or of the elements of its list. */
const recordOf = (type: AvroType, known: ReadonlyMap<string, AvroRecord>): AvroRecord | null => {
  for (const branch of branchesOf(type)) {
    const element = typeof branch === "object" && "items" in branch ? branch.items : branch
    if (typeof element === "object" && "fields" in element) return element
    if (typeof element === "string" && known.has(shortName(element))) return known.get(shortName(element))!
  }
  return null
}

/** Every record of a schema by its name: a later use of one names it alone. */
const recordsIn = (record: AvroRecord, found = new Map<string, AvroRecord>()): ReadonlyMap<string, AvroRecord> => {
  found.set(record.name, record)
  for (const { type } of record.fields) {
    const below = recordOf(type, found)
    if (below !== null && !found.has(below.name)) recordsIn(below, found)
  }
  return found
}

const shortName = (name: string): string => name.slice(name.lastIndexOf(".") + 1)

const wordsOf = (type: AvroType): string => {
  const branches = branchesOf(type).filter((branch) => branch !== "null")
  const words = branches.map((branch) => {
    if (typeof branch === "string") return primitives[branch] ?? "group"
    if ("items" in branch) return `list of ${plural(wordsOf(branch.items))}`
    if ("values" in branch) return `map of ${plural(wordsOf(branch.values))}`
    return "group"
  })
  return words.join(" or ") + (branches.length < branchesOf(type).length ? " or null" : "")
}

const primitives: Readonly<Record<string, string>> = {
  boolean: "boolean",
  int: "integer",
  long: "integer",
  float: "number",
  double: "number",
  bytes: "bytes",
  string: "string"
}

const plural = (words: string): string =>
  words
    .split(" or ")
    .map((word) => (word === "null" || word.endsWith("s") ? word : `${word}s`))
    .join(" or ")
