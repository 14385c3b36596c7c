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
  const parts: Parts = { functions: [], names: new Map(), blocks: 0, supported: true, view }
  const root = JSON.parse(schema) as Schema
  const write = writeStatement(root, "record", "record", parts)
  const read = readStatement(root, "record", parts)
  if (!parts.supported) return null
  const source = `"use strict";
${parts.functions.join("\n")}
return {
  write(w, record) { let b = w.slab, p = w.at; ${reserve} ${write} w.at = p },
  read(r) { const b = r.bytes; let p = r.at, n, record; ${read} r.at = p; return record }
}`
  return new Function(source)() as CompiledRecord
}

interface Parts {
  readonly functions: Array<string>
  /** The number of a record's functions, by its name. */
  readonly names: Map<string, number>
  /** Arrays and maps so far: the number of each names its variables. */
  blocks: number
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

// Statements that write `value` at the position `p` of the slab `b`; `field` is its path for messages.
const writeStatement = (schema: Schema, value: string, field: string, parts: Parts): string => {
  if (schema === "null") return ""
  if (schema === "string") return `p = w.string(${value}, p, ${literal(field)}); b = w.slab;`
  if (schema === "bytes") return `p = w.bytes(${value}, p, ${literal(field)}); b = w.slab;`
  if (typeof schema === "string" && primitives.has(schema)) return `p = w.${schema}(${value}, p, ${literal(field)});`
  if (isUnion(schema)) return writeUnion(schema, value, field, parts)
  if (typeof schema === "string") {
    const known = parts.names.get(shortName(schema))
    return known === undefined ? unsupported(parts) : callOf(known, value)
  }
  if (schema.type === "record") return callOf(recordFunctions(schema, parts), value)
  const inner = parts.functions.length
  if (schema.type === "array") {
    const item = writeStatement(schema.items, "item", `${field}[]`, parts)
    return `{ const items${inner} = ${value}; if (!Array.isArray(items${inner})) throw new TypeError(${literal(`${field} must be an array.`)});
      if (items${inner}.length > 0) { p = w.long(items${inner}.length, p, ""); for (const item of items${inner}) { ${item} ${reserve} } } b[p++] = 0; }`
  }
  if (schema.type === "map") {
    const item = writeStatement(schema.values, "values[key]", `${field}[]`, parts)
    return `{ const values = ${value}; if (typeof values !== "object" || values === null) throw new TypeError(${literal(`${field} must be a map.`)});
      const keys = Object.keys(values); if (keys.length > 0) { p = w.long(keys.length, p, ""); for (const key of keys) { p = w.string(key, p, ""); b = w.slab; ${item} ${reserve} } } b[p++] = 0; }`
  }
  return unsupported(parts)
}

// A field takes at most 22 bytes of the reserve: a branch, the number of its items, its end. Strings and bytes make it full again.
const reserving = (writes: ReadonlyArray<string>): string =>
  writes.map((write, index) => (index % 8 === 0 ? `${reserve} ${write}` : write)).join("\n")

const reserve = "p = w.reserve(p); b = w.slab;"
const callOf = (writer: number, value: string): string => `p = write${writer}(w, ${value}, p); b = w.slab;`

const writeUnion = (branches: ReadonlyArray<Schema>, value: string, field: string, parts: Parts): string => {
  if (branches.length > 63 || branches.filter(isObject).length > 1) return unsupported(parts)
  const cases = branches.map(
    (branch, index) =>
      `if (${isOfBranch(branch, "value", parts)}) { b[p++] = ${2 * index}; ${writeStatement(branch, "value", field, parts)} }`
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

// Statements that read a value from the position `p` of the bytes `b` into `target`. A byte that is not there is no number below 128.
const readStatement = (schema: Schema, target: string, parts: Parts): string => {
  if (schema === "null") return `${target} = null;`
  if (schema === "string" && parts.view !== null) return byMethod(target, `repeated(${parts.view.slots++})`)
  if (schema === "long" || schema === "int") {
    return `n = b[p]; if (n < 128) { p++; ${target} = (n >>> 1) ^ -(n & 1); } else { ${byMethod(target, schema === "long" ? "longOfField()" : "int()")} }`
  }
  if (schema === "bytes") return byMethod(target, "copiedBytes()")
  if (typeof schema === "string" && primitives.has(schema)) return byMethod(target, `${schema}()`)
  if (isUnion(schema)) {
    const cases = schema.map((branch, index) => `if (n === ${2 * index}) { ${readStatement(branch, target, parts)} }`)
    return `n = b[p++]; if (!(n < 128)) { p--; ${byMethod("n", "long()")} n *= 2; } ${cases.join(" else ")} else r.fail();`
  }
  if (typeof schema === "string") {
    const known = parts.names.get(shortName(schema))
    return known === undefined ? unsupported(parts) : byFunction(target, known)
  }
  if (schema.type === "record") return byFunction(target, recordFunctions(schema, parts))
  const inner = parts.blocks++
  const each = (begin: string, item: string) =>
    `{ ${begin} let count${inner}; ${byMethod(`count${inner}`, "block()")} while (count${inner} > 0) {
      while (count${inner}-- > 0) { ${item} } ${byMethod(`count${inner}`, "block()")} } ${target} = all${inner}; }`
  if (schema.type === "array") {
    const item = readStatement(schema.items, `item${inner}`, parts)
    return each(`const all${inner} = [];`, `let item${inner}; ${item} all${inner}.push(item${inner});`)
  }
  if (schema.type === "map") {
    const item = readStatement(schema.values, `all${inner}[key${inner}]`, parts)
    return each(`const all${inner} = {};`, `let key${inner}; ${byMethod(`key${inner}`, "string()")} ${item}`)
  }
  return unsupported(parts)
}

const byMethod = (target: string, call: string): string => `r.at = p; ${target} = r.${call}; p = r.at;`
const byFunction = (target: string, reader: number): string => `r.at = p; ${target} = read${reader}(r); p = r.at;`

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
  const reads = schema.fields.map(({ name, type }, index) => {
    const staysBytes = type === "string" && parts.view?.asBytes.has(name) === true
    return staysBytes ? byMethod(`f${index}`, "stringBytes()") : readStatement(type, `f${index}`, parts)
  })
  const variables = schema.fields.map((_, index) => `, f${index}`).join("")
  const fields = schema.fields.map(({ name }, index) => `${literal(name)}: f${index}`).join(", ")
  parts.functions.push(
    `function write${number}(w, record, p) { let b; ${reserving(writes)} return w.reserve(p) }`,
    `function read${number}(r) { const b = r.bytes; let p = r.at, n${variables}; ${reads.join("\n")} r.at = p; return { ${fields} } }`
  )
  return number
}
