/** Encoding as a plain function call: our schemas compiled, records written into slabs that are not copied. */
import type { SchemaName } from "./codecs.ts"
import { compileRecord } from "./compile-record.ts"
import { frameBytes, writeFrame } from "./frame.ts"
import { recordTypes, schemaNames, schemaTexts } from "./record-types.ts"
import { type Pooled, RecordWriter } from "./record-writer.ts"

/** Encodes a record under a schema id. A record that does not fit its schema is a bug and throws. */
export interface Encoder {
  (schema: SchemaName, schemaId: number, record: unknown): Buffer
  /** See `Codecs`. */
  readonly pooled: <A>(write: () => A) => Pooled<A>
}

export const makeEncoder = (): Encoder => {
  const writer = new RecordWriter()
  const compiled = new Map(schemaNames.map((name) => [name, compileRecord(schemaTexts[name])]))
  const encode = (schema: SchemaName, schemaId: number, record: unknown) => {
    const own = compiled.get(schema)
    if (own === null || own === undefined) return encodeByAvsc(schema, schemaId, record)
    writer.begin(frameBytes)
    own.write(writer, record)
    const value = writer.end()
    writeFrame(value, 0, schemaId)
    return value
  }
  return Object.assign(encode, { pooled: <A>(write: () => A) => writer.pooled(write) })
}

// For a schema that uses what the compiler does not know.
const encodeByAvsc = (schema: SchemaName, schemaId: number, record: unknown): Buffer => {
  const value = Buffer.concat([Buffer.alloc(frameBytes), recordTypes[schema].toBuffer(record)])
  writeFrame(value, 0, schemaId)
  return value
}
