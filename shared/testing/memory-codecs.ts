/** Codecs without a registry, for unit tests: the same frames and the same answers, with ids that never change. */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { makeDecoder, makeEncoder } from "../codec/avro-codec.ts"
import { Codecs, type SchemaName } from "../codec/codecs.ts"
import { parseSchema, recordTypes, schemaNames } from "../codec/schemas.ts"

/** The id of each of our schemas here: its place in `schemaNames`, from 1. */
export const memorySchemaId = (schema: SchemaName): number => schemaNames.indexOf(schema) + 1

/** The service itself, for tests without Effect. `foreign` adds writers' schemas (JSON) of other producers by id. */
export const makeMemoryCodecs = (foreign: Readonly<Record<number, string>> = {}): Codecs["Service"] => {
  const writers = new Map([
    ...schemaNames.map((name) => [memorySchemaId(name), recordTypes[name]] as const),
    ...Object.entries(foreign).map(([id, schema]) => [Number(id), parseSchema(schema)] as const)
  ])
  const encode = makeEncoder()
  return {
    loadSchemas: () => Effect.void,
    decode: makeDecoder(writers),
    encode: (_topic, schema, record) => encode(schema, memorySchemaId(schema), record),
    encodePooled: encode.pooled
  }
}

export const memoryCodecs: Layer.Layer<Codecs> = Layer.sync(Codecs, () => makeMemoryCodecs())
