/**
 * Decoding and encoding as plain function calls. Records under our schemas go through compiled functions (`compile-record.ts`);
 * another writer's schema is resolved to ours by avsc, once for each pair of schemas.
 */
import avro from "avsc"
import {
  type Codecs,
  type Decoded,
  frameBytes,
  type ReadableName,
  type SchemaName,
  type SkippedFields,
  schemaIdOf,
  type Undecodable,
  unframed,
  type Views,
  writeFrame
} from "./codecs.ts"
import { compileRecord } from "./compile-record.ts"
import { RecordReader } from "./record-reader.ts"
import { type Pooled, RecordWriter } from "./record-writer.ts"
import { recordTypes, schemaJson, schemaNames } from "./schemas.ts"
import type { WriterSchema } from "./writer-schema.ts"

/** The `decode` of Codecs over the schemas that are known when it is called. */
export const makeDecoder = (writers: Pick<WriterSchemas, "get">): Codecs["Service"]["decode"] => {
  const names: ReadonlyArray<ReadableName> = [...schemaNames, ...viewNames]
  const readers = new Map(names.map((name) => [name, new Map<number, Reader | Unreadable>()]))
  const compiledReaders = new Map(names.map((name) => [name, compiledReader(name)]))
  return <S extends ReadableName>(schema: S, value: Buffer | null): Decoded<never> => {
    const id = schemaIdOf(value)
    if (id === null || value === null) return unframed(value)
    let reader = readers.get(schema)!.get(id)
    if (reader === undefined) {
      const writer = writers.get(id)
      if (writer === undefined) {
        return undecodable(
          "unknown_schema_id",
          `The schema registry does not know schema id ${id}, or does not let this program read it.`
        )
      }
      reader = resolve(recordTypes[schemaOf(schema)], compiledReaders.get(schema)!, writer)
      const known = readers.get(schema)!
      // Made again where they are needed.
      if (known.size >= readersMax) known.clear()
      known.set(id, reader)
    }
    if (typeof reader === "string") return undecodable("undecodable", `Schema id ${id} cannot be read: ${reader}`)
    return read(reader, value)
  }
}

/** Of one of our schemas, for other writers' schemas. */
const readersMax = 2_000

/** Encodes a record under a schema id. Throws a TypeError if the record does not fit its schema, which is a bug. */
export interface Encoder {
  (schema: SchemaName, schemaId: number, record: unknown): Buffer
  /** See `Codecs`. */
  readonly pooled: <A>(write: () => A) => Pooled<A>
}

export const makeEncoder = (): Encoder => {
  const writer = new RecordWriter()
  const compiled = new Map(schemaNames.map((name) => [name, compileRecord(schemaJson[name])]))
  const encode = (schema: SchemaName, schemaId: number, record: unknown) => {
    const codec = compiled.get(schema)
    if (codec === null || codec === undefined) return encodeByAvsc(schema, schemaId, record)
    writer.begin(frameBytes)
    codec.write(writer, record)
    const value = writer.end()
    writeFrame(value, 0, schemaId)
    return value
  }
  return Object.assign(encode, { pooled: <A>(write: () => A) => writer.pooled(write) })
}

/** Reads records of one writer; throws if the bytes are no such record. */
type Reader = (value: Buffer) => Reading
/** Why records of a writer cannot be read. */
type Unreadable = string
interface Reading {
  readonly record: unknown
  readonly end: number
  readonly skipped?: SkippedFields
}

const undecodable = (reason: Undecodable["reason"], message: string): Undecodable => ({
  _tag: "Undecodable",
  reason,
  message
})

/** The record that each view reads, and its strings that stay bytes. Records of another writer's schema have them as strings. */
const views: Readonly<Record<keyof Views, { readonly schema: SchemaName; readonly asBytes: ReadonlyArray<string> }>> = {
  "sendable-event": { schema: "mapped-event", asBytes: ["payload"] }
}
const viewNames = Object.keys(views) as ReadonlyArray<keyof Views>
const viewOf = (name: ReadableName) => (name in views ? views[name as keyof Views] : null)
const schemaOf = (name: ReadableName): SchemaName => viewOf(name)?.schema ?? (name as SchemaName)

// avsc's own reader for a schema with types that the compiler does not support.
const compiledReader = (name: ReadableName): Reader => {
  const schema = schemaOf(name)
  const compiled = compileRecord(schemaJson[schema], viewOf(name)?.asBytes)
  if (compiled === null) return avscReader(recordTypes[schema])
  // A raw event is only checked: its strings are not part of a payload. Other records are our programs' own.
  const reader = schema === "raw-event" ? new RecordReader("sliced", "left out") : new RecordReader()
  return (value) => {
    reader.begin(value, frameBytes)
    const record = compiled.read(reader)
    return { record, end: reader.end() }
  }
}

const avscReader =
  (type: avro.Type, resolver?: avro.Resolver): Reader =>
  (value) => {
    const { value: record, offset } = type.decode(value, frameBytes, resolver)
    return { record, end: offset }
  }

// Readers report by throwing, and an Effect for each event would cost more than the decoding: hence try, here only. What
// avsc throws may quote the record, so it is not passed on: a message never holds personal data.
const read = (reader: Reader, value: Buffer): Decoded<never> => {
  try {
    const { record, end, skipped } = reader(value)
    if (end === value.length) {
      const decoded = { _tag: "Decoded", value: record as never } as const
      return skipped === undefined ? decoded : { ...decoded, skipped }
    }
    return undecodable(
      "undecodable",
      end < 0
        ? `The record ends too early: its ${value.length} bytes are not what its schema says.`
        : `${value.length - end} bytes are left over after the record that its schema describes.`
    )
  } catch {
    return undecodable("undecodable", `The record's ${value.length} bytes are not what its schema says.`)
  }
}

// avsc throws where a writer's schema lacks what the reader needs; its message names schemas and fields, not values.
const resolve = (type: avro.Type, compiled: Reader, writer: WriterSchema): Reader | Unreadable => {
  if (typeof writer === "string") return writer
  if (type.equals(writer)) return compiled
  try {
    const reader = avscReader(type, type.createResolver(writer))
    const paths = skippedPaths(writer, type)
    if (paths.length === 0) return reader
    const readWhole = avscReader(writer)
    return (value) => ({ ...reader(value), skipped: { paths, writerRecord: () => readWhole(value).record } })
  } catch (cause) {
    const message = cause instanceof Error ? cause.message : String(cause)
    return message === `no alias found for ${writer.name}`
      ? `it is the schema of ${writer.name}, and ${type.name} is expected here. A producer uses the latest schema of the subject <topic>-value.`
      : message
  }
}

/** The paths of the writer's fields that the reader does not have, `[]` for an index: Avro's resolution skips them silently. */
const skippedPaths = (writer: avro.Type, reader: avro.Type): ReadonlyArray<string> => {
  const paths: Array<string> = []
  const compare = (written: avro.Type, read: avro.Type, path: string, depth: number): void => {
    if (depth > depthMax) return
    const [from, to] = [groupOf(written), groupOf(read)]
    if (from instanceof avro.types.ArrayType && to instanceof avro.types.ArrayType) {
      compare(from.itemsType, to.itemsType, `${path.slice(0, -1)}[].`, depth + 1)
    }
    if (!(from instanceof avro.types.RecordType && to instanceof avro.types.RecordType)) return
    const known = new Map(to.fields.flatMap((field) => [field.name, ...field.aliases].map((name) => [name, field])))
    for (const field of from.fields) {
      const same = known.get(field.name)
      if (same === undefined) paths.push(path + field.name)
      else compare(field.type, same.type, `${path}${field.name}.`, depth + 1)
    }
  }
  compare(writer, reader, "", 0)
  return paths
}

/** The record or the array of a union, of which ours have one at most. */
const groupOf = (type: avro.Type): avro.Type => {
  if (!(type instanceof avro.types.UnwrappedUnionType || type instanceof avro.types.WrappedUnionType)) return type
  return (
    type.types.find((branch) => branch instanceof avro.types.RecordType || branch instanceof avro.types.ArrayType) ??
    type
  )
}

const depthMax = 16

// For a schema with types that the compiler does not support.
const encodeByAvsc = (schema: SchemaName, schemaId: number, record: unknown): Buffer => {
  const value = Buffer.concat([Buffer.alloc(frameBytes), recordTypes[schema].toBuffer(record)])
  writeFrame(value, 0, schemaId)
  return value
}

interface Entry {
  readonly schema: WriterSchema
  /** Number of the batch that had it last. */
  usedIn: number
}

/** Batches of all partitions that may be between loading and decoding. */
const batchesInUse = 64

/**
 * The writers' schemas that are known, by their ids: a bounded number, since whoever may register schemas may register any number of
 * them. The least recently used makes room, and is fetched again when a record needs it. What a batch has loaded is not forgotten before
 * it is decoded: where all are in use, a further one is not taken.
 */
export class WriterSchemas {
  private readonly entries = new Map<number, Entry>()
  private readonly schemasMax: number
  private batch = 0

  constructor(schemasMax = 2_000) {
    this.schemasMax = schemasMax
  }

  get size(): number {
    return this.entries.size
  }

  get(id: number): WriterSchema | undefined {
    return this.entries.get(id)?.schema
  }

  /** A batch begins. */
  begin(): void {
    this.batch++
  }

  /** Whether the schema is known; it counts as used by the batch. */
  use(id: number): boolean {
    const entry = this.entries.get(id)
    if (entry === undefined) return false
    entry.usedIn = this.batch
    return true
  }

  /** Adds a schema that the batch uses; false where there is no room for it. */
  add(id: number, schema: WriterSchema): boolean {
    if (this.entries.size >= this.schemasMax) this.makeRoom()
    if (this.entries.size >= this.schemasMax) return false
    this.entries.set(id, { schema, usedIn: this.batch })
    return true
  }

  /** A tenth at a time, so that many new schemas do not sort for each. */
  private makeRoom(): void {
    const unused = [...this.entries].filter(([, { usedIn }]) => usedIn + batchesInUse < this.batch)
    unused.sort(([, left], [, right]) => left.usedIn - right.usedIn)
    for (const [id] of unused.slice(0, Math.max(1, Math.floor(this.schemasMax / 10)))) this.entries.delete(id)
  }
}
