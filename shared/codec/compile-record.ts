/**
 * A code generator: compiles an Avro schema to the source of two JavaScript functions, which write and read its records. avsc
 * looks up the branch of a union for each value; here the checks are part of the code. For our schemas only: records of other
 * writers go through avsc's resolvers.
 */
import type { RecordReader } from "./record-reader.ts"
import type { RecordWriter } from "./record-writer.ts"

export interface CompiledRecord {
  /** Throws a TypeError that names the field if the record does not fit. */
  readonly write: (writer: RecordWriter, record: unknown) => void
  /** Throws if the bytes are no such record. */
  readonly read: (reader: RecordReader) => unknown
}

type Schema =
  | string
  | ReadonlyArray<Schema>
  | RecordSchema
  | { type: "array"; items: Schema }
  | { type: "map"; values: Schema }
interface RecordSchema {
  readonly type: "record"
  readonly name: string
  readonly fields: ReadonlyArray<{ readonly name: string; readonly type: Schema; readonly default?: unknown }>
}

const primitives = new Set(["boolean", "int", "long", "double", "bytes", "string"])

/**
 * Null for a schema with types that ours do not have (enum, fixed, float, logical types). With `asBytes` the reader gives a view
 * of the record: the strings of these fields stay bytes, and the others are compared with those of the previous record, since
 * most are equal.
 */
export const compileRecord = (schema: string, asBytes?: ReadonlyArray<string>): CompiledRecord | null => {
  const view = asBytes === undefined ? null : { asBytes: new Set(asBytes), slots: 0 }
  const parts: Parts = { functions: [], names: new Map(), supported: true, view }
  const root = JSON.parse(schema) as Schema
  const write = `${writeStatement(root, "record", "record", parts)}`
  const read = readExpression(root, parts)
  if (!parts.supported) return null
  const source = `"use strict";\n${parts.functions.join("\n")}\nreturn { write(w, record) { ${write} }, read(r) { return ${read} } }`
  return new Function(source)() as CompiledRecord
}

interface Parts {
  readonly functions: Array<string>
  /** The number of a record's functions, by its name. */
  readonly names: Map<string, number>
  supported: boolean
  readonly view: { readonly asBytes: ReadonlySet<string>; slots: number } | null
}

const isUnion = (schema: Schema): schema is ReadonlyArray<Schema> => Array.isArray(schema)
const shortName = (name: string): string => name.slice(name.lastIndexOf(".") + 1)
const literal = (value: unknown): string => JSON.stringify(value)

const unsupported = (parts: Parts): string => {
  parts.supported = false
  return ""
}

// Statements that write `value`; `field` is its path for messages.
const writeStatement = (schema: Schema, value: string, field: string, parts: Parts): string => {
  if (schema === "null") return ""
  if (typeof schema === "string" && primitives.has(schema)) return `w.${schema}(${value}, ${literal(field)});`
  if (isUnion(schema)) return writeUnion(schema, value, field, parts)
  if (typeof schema === "string") {
    const known = parts.names.get(shortName(schema))
    return known === undefined ? unsupported(parts) : `write${known}(w, ${value});`
  }
  if (schema.type === "record") return `write${recordFunctions(schema, parts)}(w, ${value});`
  const inner = parts.functions.length
  if (schema.type === "array") {
    const item = writeStatement(schema.items, "item", `${field}[]`, parts)
    return `{ const items${inner} = ${value}; if (!Array.isArray(items${inner})) throw new TypeError(${literal(`${field} must be an array.`)});
      if (items${inner}.length > 0) { w.long(items${inner}.length, ""); for (const item of items${inner}) { ${item} } } w.small(0); }`
  }
  if (schema.type === "map") {
    const item = writeStatement(schema.values, "values[key]", `${field}[]`, parts)
    return `{ const values = ${value}; if (typeof values !== "object" || values === null) throw new TypeError(${literal(`${field} must be a map.`)});
      const keys = Object.keys(values); if (keys.length > 0) { w.long(keys.length, ""); for (const key of keys) { w.string(key, ""); ${item} } } w.small(0); }`
  }
  return unsupported(parts)
}

const writeUnion = (branches: ReadonlyArray<Schema>, value: string, field: string, parts: Parts): string => {
  if (branches.length > 63 || branches.filter(isObject).length > 1) return unsupported(parts)
  const cases = branches.map(
    (branch, index) =>
      `if (${isOfBranch(branch, "value", parts)}) { w.small(${index}); ${writeStatement(branch, "value", field, parts)} }`
  )
  return `{ const value = ${value}; ${cases.join(" else ")} else throw new TypeError(${literal(`${field} fits no branch of its union.`)}); }`
}

// A record or a map: both are objects in JavaScript, so a union with two of them is ambiguous.
const isObject = (branch: Schema): boolean =>
  !isUnion(branch) &&
  (typeof branch === "object" ? branch.type !== "array" : branch !== "null" && !primitives.has(branch))

const isOfBranch = (branch: Schema, value: string, parts: Parts): string => {
  if (typeof branch === "string") {
    if (branch === "null") return `${value} === null || ${value} === undefined`
    if (branch === "bytes") return `Buffer.isBuffer(${value})`
    if (branch === "boolean" || branch === "string") return `typeof ${value} === "${branch}"`
    if (primitives.has(branch)) return `typeof ${value} === "number"`
  }
  if (!isUnion(branch) && typeof branch === "object" && branch.type === "array") return `Array.isArray(${value})`
  if (isUnion(branch)) return unsupported(parts)
  return `typeof ${value} === "object"`
}

const readExpression = (schema: Schema, parts: Parts): string => {
  if (schema === "null") return "null"
  if (schema === "string" && parts.view !== null) return `r.repeated(${parts.view.slots++})`
  if (typeof schema === "string" && primitives.has(schema)) return `r.${schema}()`
  if (isUnion(schema)) {
    const cases = schema.map((branch, index) => `case ${index}: return ${readExpression(branch, parts)};`)
    return helper(parts, `switch (r.long()) { ${cases.join(" ")} default: return r.fail(); }`)
  }
  if (typeof schema === "string") {
    const known = parts.names.get(shortName(schema))
    return known === undefined ? unsupported(parts) : `read${known}(r)`
  }
  if (schema.type === "record") return `read${recordFunctions(schema, parts)}(r)`
  if (schema.type === "array") {
    const item = readExpression(schema.items, parts)
    return helper(
      parts,
      `const items = []; for (let n = r.block(); n > 0; n = r.block()) while (n-- > 0) items.push(${item}); return items;`
    )
  }
  if (schema.type === "map") {
    const item = readExpression(schema.values, parts)
    return helper(
      parts,
      `const values = {}; for (let n = r.block(); n > 0; n = r.block()) while (n-- > 0) values[r.string()] = ${item}; return values;`
    )
  }
  return unsupported(parts)
}

const helper = (parts: Parts, body: string): string => {
  const number = parts.functions.push(`function helper${parts.functions.length}(r) { ${body} }`) - 1
  return `helper${number}(r)`
}

// A record's two functions, generated where it first occurs; a field that is left out gets its default, as in avsc.
const recordFunctions = (schema: RecordSchema, parts: Parts): number => {
  const known = parts.names.get(schema.name)
  if (known !== undefined) return known
  const number = parts.names.size
  parts.names.set(schema.name, number)
  const writes = schema.fields.map(({ name, type, default: preset }) => {
    const value = `record[${literal(name)}]`
    const field = `${schema.name}.${name}`
    const filled =
      preset === undefined || preset === null ? value : `(${value} === undefined ? ${literal(preset)} : ${value})`
    return writeStatement(type, filled, field, parts)
  })
  const reads = schema.fields.map(({ name, type }) => {
    const staysBytes = type === "string" && parts.view?.asBytes.has(name) === true
    return `${literal(name)}: ${staysBytes ? "r.stringBytes()" : readExpression(type, parts)}`
  })
  parts.functions.push(`function write${number}(w, record) { ${writes.join("\n")} }`)
  parts.functions.push(`function read${number}(r) { return { ${reads.join(", ")} } }`)
  return number
}
