/** Decoding as a plain function call: the writer's schema is resolved to ours once for each pair, then kept. */
import type avro from "avsc"
import type { Codecs, Decoded, SchemaName, Undecodable } from "./codecs.ts"
import { frameBytes, schemaIdOf, unframed } from "./frame.ts"
import { recordTypes, schemaNames } from "./record-types.ts"

/** A writer's schema by its id; `unsupported` is one that is not Avro. */
export type WriterSchemas = ReadonlyMap<number, avro.Type | "unsupported">

// `null` reads directly: the writer's schema is ours. A text says why the two cannot be resolved.
type Reader = avro.Resolver | null | string

/** The `decode` of Codecs over the schemas that are known when it is called. */
export const makeDecoder = (writers: WriterSchemas): Codecs["Service"]["decode"] => {
  const readers = new Map(schemaNames.map((name) => [name, new Map<number, Reader>()]))
  return <S extends SchemaName>(schema: S, value: Buffer | null): Decoded<never> => {
    const id = schemaIdOf(value)
    if (id === null || value === null) return unframed(value)
    let reader = readers.get(schema)!.get(id)
    if (reader === undefined) {
      const writer = writers.get(id)
      if (writer === undefined) {
        return undecodable("unknown_schema_id", `The schema registry does not know schema id ${id}.`)
      }
      reader = resolve(recordTypes[schema], writer)
      readers.get(schema)!.set(id, reader)
    }
    if (typeof reader === "string") return undecodable("undecodable", `Schema id ${id} cannot be read: ${reader}`)
    return read(recordTypes[schema], value, reader)
  }
}

const undecodable = (reason: Undecodable["reason"], message: string): Undecodable => ({
  _tag: "Undecodable",
  reason,
  message
})

// avsc reports by throwing, and an Effect for each event would cost more than the decoding: hence try, here only. What it
// throws may quote the record, so it is not passed on: a message never holds personal data.
const read = (type: avro.Type, value: Buffer, resolver: avro.Resolver | null): Decoded<never> => {
  try {
    const { value: record, offset } =
      resolver === null ? type.decode(value, frameBytes) : type.decode(value, frameBytes, resolver)
    if (offset === value.length) return { _tag: "Decoded", value: record as never }
    return undecodable(
      "undecodable",
      offset < 0
        ? `The record ends too early: its ${value.length} bytes are not what its schema says.`
        : `${value.length - offset} bytes are left over after the record that its schema describes.`
    )
  } catch {
    return undecodable("undecodable", `The record's ${value.length} bytes are not what its schema says.`)
  }
}

// avsc throws where a writer's schema lacks what the reader needs; its message names schemas and fields, not values.
const resolve = (type: avro.Type, writer: avro.Type | "unsupported"): Reader => {
  if (writer === "unsupported") return "it is not an Avro schema."
  if (type.equals(writer)) return null
  try {
    return type.createResolver(writer)
  } catch (cause) {
    return cause instanceof Error ? cause.message : String(cause)
  }
}
