/**
 * Writes what follows from the schemas (npm run schemas): the types of all records, records without a value, the names of topics, and
 * the reader of raw events in JSON. The schemas are the one place where a record's fields are listed.
 */
import { readdirSync, readFileSync, writeFileSync } from "node:fs"
import path from "node:path"
import process from "node:process"
import { fileURLToPath } from "node:url"
import type { AvroField, AvroRecord, AvroType } from "./avro-schema.ts"

const folder = path.dirname(fileURLToPath(import.meta.url))

/** The generated files by their path in the repository. */
export const generated = (): ReadonlyMap<string, string> =>
  new Map([
    ["schemas/types.gen.ts", types()],
    ["schemas/values.gen.ts", values()],
    ["processors/normalizer/read/raw-event.gen.ts", rawEventReader()]
  ])

const note = "// Made by schemas/generate.ts (npm run schemas) from the .avsc files and topics.json. Do not edit.\n"

const primitives: Readonly<Record<string, string>> = {
  null: "null",
  boolean: "boolean",
  int: "number",
  long: "number",
  float: "number",
  double: "number",
  bytes: "Buffer",
  string: "string"
}

/** The TypeScript of every schema in `schemas/`, as avsc decodes it (unions unwrapped, `long` a number, `bytes` a Buffer). */
const types = (): string => {
  const records = new Map<string, string>()
  for (const file of schemaFiles()) render(readSchema(file), records)
  return `${note}\n${[...records.values()].join("\n\n")}\n`
}

const readSchema = (file: string): AvroRecord => JSON.parse(readFileSync(path.join(folder, file), "utf8")) as AvroRecord

/** The `.avsc` files of this folder, sorted. */
export const schemaFiles = (): ReadonlyArray<string> =>
  readdirSync(folder)
    .filter((file) => file.endsWith(".avsc"))
    .sort()

const render = (type: AvroType, records: Map<string, string>): string => {
  if (typeof type === "string") return primitives[type] ?? type.slice(type.lastIndexOf(".") + 1)
  if (isUnion(type)) return type.map((member) => render(member, records)).join(" | ")
  if (type.type === "array") return `ReadonlyArray<${render(type.items, records)}>`
  if (type.type === "map") return `Readonly<Record<string, ${render(type.values, records)}>>`
  const fields = type.fields.map((field) => {
    const mayBeAbsent = absentFields.has(`${type.name}.${field.name}`) ? "?" : ""
    const doc = field.doc === undefined ? "" : `  /** ${field.doc} */\n`
    return `${doc}  readonly ${field.name}${mayBeAbsent}: ${render(field.type, records)}`
  })
  records.set(type.name, `/** ${type.doc ?? type.name} */\nexport interface ${type.name} {\n${fields.join("\n")}\n}`)
  return type.name
}

/** Fields that a writer may leave out, which are then null: those that hardly any record has. */
const absentFields: ReadonlySet<string> = new Set([
  "DroppedField.nearest",
  "NormalizedEvent.consent_country",
  "NormalizedEvent.tcf_vendors_denied",
  "MappedEvent.consent_country"
])

const isUnion = (type: AvroType): type is ReadonlyArray<AvroType> => Array.isArray(type)

/** Records without a value, and the names of the topics. */
const values = (): string => {
  const event = readSchema("raw-event.avsc")
  const empty = (name: string, record: AvroRecord): string =>
    `export const ${name}: ${record.name} = {\n${record.fields.map((field) => `  ${field.name}: ${emptyOf(field)}`).join(",\n")}\n}`
  const { topics } = JSON.parse(readFileSync(path.join(folder, "topics.json"), "utf8")) as Topics
  const names = topics.map(({ name }) => (name.includes("{") ? `\`${name.replace("{", "${")}\`` : `"${name}"`))
  return [
    note + typeImport("Item, NormalizedUser, RawUser", "./types.gen.ts"),
    `/** A raw user without any value. */\n${empty("emptyRawUser", recordAt(event, "user"))}`,
    `/** An item without any value. */\n${empty("emptyItem", recordAt(recordAt(event, "properties"), "items"))}`,
    `/** A normalized user without any value. */\n${empty("emptyNormalizedUser", recordAt(readSchema("normalized-event.avsc"), "user"))}`,
    `/** The topics of topics.json, without prefix. */\nexport type TopicName<platform extends string = string> =\n${names.map((name) => `  | ${name}`).join("\n")}\n`
  ].join("\n\n")
}

const typeImport = (names: string, file: string): string => `import type { ${names} } from "${file}"`

interface Topics {
  readonly topics: ReadonlyArray<{ readonly name: string }>
}

const emptyOf = ({ type }: AvroField): string => {
  if (isUnion(type) && type.includes("null")) return "null"
  return type === "string" ? '""' : "[]"
}

/** The record in a field, or of the elements of its list. */
const recordAt = (record: AvroRecord, name: string): AvroRecord => {
  const type = record.fields.find((field) => field.name === name)!.type
  const branches = (isUnion(type) ? type : [type]).map((branch) =>
    typeof branch === "object" && "items" in branch ? branch.items : branch
  )
  return branches.find((branch) => typeof branch === "object" && "fields" in branch) as AvroRecord
}

/** Functions that read the records of a raw event from parsed JSON, field by field: a literal of fixed keys is the fastest. */
const rawEventReader = (): string => {
  const event = readSchema("raw-event.avsc")
  const properties = recordAt(event, "properties")
  const names = properties.fields.map(({ name }) => `"${name}"`).join(", ")
  return [
    note + typeImport("App, ConsentSignals, Item, Properties, RawUser", "../../../schemas/types.gen.ts"),
    typeImport("JsonRecord", "../../../shared/model/json.ts"),
    `${typeImport("JsonReader", "./json-reader.ts")}\n`,
    readerOf(recordAt(event, "user"), "user."),
    `/** How the fields are read that are lists or maps. */`,
    `export type PropertyReaders = { readonly [K in "items" | "custom"]: (reader: JsonReader, json: JsonRecord) => Properties[K] }\n`,
    readerOf(properties, "properties.", "readers: PropertyReaders", (name) => `readers.${name}(reader, json)`),
    readerOf(recordAt(properties, "items"), null, "path: string, id: string", (name) => name),
    readerOf(recordAt(event, "app"), "app."),
    readerOf(recordAt(event, "consent_signals"), "consent_signals."),
    `/** The fields of Properties; any other property is a free one. */`,
    `export const propertyNames: ReadonlySet<string> = new Set([${names}])\n`
  ].join("\n")
}

/** @param byHand the expression for a field that no method of `JsonReader` reads */
const readerOf = (record: AvroRecord, at: string | null, parameters = "", byHand = (name: string) => name): string => {
  const lines = record.fields.map((field) => {
    const method = `${record.name}.${field.name}` === "Item.id" ? null : methodOf(record.name, field)
    const path = at === null ? "path" : `"${at}"`
    const value =
      method === null ? byHand(field.name) : `reader.${method}(json["${field.name}"], ${path}, "${field.name}")`
    return value === field.name ? `  ${value}` : `  ${field.name}: ${value}`
  })
  const more = parameters === "" ? "" : `, ${parameters}`
  return `export const read${record.name} = (reader: JsonReader, json: JsonRecord${more}): ${record.name} => ({\n${lines.join(",\n")}\n})\n`
}

/**
 * The method of `JsonReader` for a field; null without one. True and false are no value of a user and no id, so what
 * identifies something is read as an identifier.
 */
const methodOf = (record: string, { name, type }: AvroField): string | null => {
  const branches = isUnion(type) ? type.filter((member) => member !== "null") : [type]
  const [only] = branches
  if (branches.length > 1) return "identifiers"
  if (typeof only === "object" && "values" in only && only.values === "string") return "strings"
  if (typeof only === "object") return "items" in only && only.items === "string" ? "positions" : null
  if (only === "long") return "time"
  if (only === "double") return "number"
  if (only === "boolean") return "boolean"
  return record === "RawUser" || identifiers.has(name) ? "identifier" : "string"
}

const identifiers: ReadonlySet<string> = new Set(["order_id", "app_id"])

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  for (const [file, text] of generated()) writeFileSync(path.join(folder, "..", file), text)
}
