/** Writes `types.gen.ts` from the `.avsc` files: the schemas are the one place where a record's shape is told. */
import { readdirSync, readFileSync, writeFileSync } from "node:fs"
import path from "node:path"
import process from "node:process"
import { fileURLToPath } from "node:url"

interface AvroField {
  readonly name: string
  readonly type: AvroType
  readonly doc?: string
}
type AvroType =
  | string
  | ReadonlyArray<AvroType>
  | { readonly type: "record"; readonly name: string; readonly doc?: string; readonly fields: ReadonlyArray<AvroField> }
  | { readonly type: "array"; readonly items: AvroType }
  | { readonly type: "map"; readonly values: AvroType }

const folder = path.dirname(fileURLToPath(import.meta.url))
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
export const generate = (): string => {
  const records = new Map<string, string>()
  for (const file of schemaFiles()) render(JSON.parse(readFileSync(path.join(folder, file), "utf8")), records)
  return `// Made by schemas/generate.ts (npm run schemas) from the .avsc files. Do not edit.\n\n${[...records.values()].join("\n\n")}\n`
}

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
const absentFields: ReadonlySet<string> = new Set(["DroppedField.nearest"])

const isUnion = (type: AvroType): type is ReadonlyArray<AvroType> => Array.isArray(type)

if (process.argv[1] === fileURLToPath(import.meta.url)) writeFileSync(path.join(folder, "types.gen.ts"), generate())
