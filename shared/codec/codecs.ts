/**
 * The service that decodes and encodes Avro records in Confluent's frame: magic byte 0, schema id (4 bytes, big-endian), Avro
 * binary. A writer's schema is fetched from the registry and resolved to ours once, so that decoding an event is a plain function
 * call. The folder's public face: this service and its layer (`registry.ts`), the registry's client, the schemas.
 */
import * as Context from "effect/Context"
import * as Data from "effect/Data"
import type * as Effect from "effect/Effect"
import type {
  ConnectorHealthPoint,
  ConnectorHealthStatus,
  ConnectorState,
  ConsentChange,
  DeadLetter,
  ErasureLogEntry,
  EventDeliveryLog,
  HealthAlert,
  MappedEvent,
  MapperConnections,
  NormalizedEvent,
  PendingOutcome,
  RawEvent,
  SealingKey,
  SendIntent,
  Suppression
} from "../../schemas/types.gen.ts"
import type { StringBytes } from "./record-reader.ts"
import type { Pooled } from "./record-writer.ts"

/**
 * Confluent-Avro records: magic byte 0, schema id (4 bytes, big-endian), Avro binary. Writers' schemas come from the
 * registry; each is resolved to our reader schema once, so that decoding an event is a plain function call.
 */

/** The records by the name of their schema file. */
export interface Records {
  readonly "raw-event": RawEvent
  readonly "normalized-event": NormalizedEvent
  readonly "mapped-event": MappedEvent
  readonly "event-delivery-log": EventDeliveryLog
  readonly "connector-health-status": ConnectorHealthStatus
  readonly "connector-health-history": ConnectorHealthPoint
  readonly "health-alert": HealthAlert
  readonly "dead-letter": DeadLetter
  readonly "connector-state": ConnectorState
  readonly "sealing-key": SealingKey
  readonly "send-intent": SendIntent
  readonly "pending-outcome": PendingOutcome
  readonly "mapper-connections": MapperConnections
  readonly "consent-change": ConsentChange
  readonly suppression: Suppression
  readonly "erasure-log-entry": ErasureLogEntry
}
export type SchemaName = keyof Records

/** A mapped event whose payload may still be bytes: delivery copies it into a request and never reads it. */
export type SendableEvent = Omit<MappedEvent, "payload"> & { readonly payload: string | StringBytes }

/** Other ways to read a record, by name: with long strings left as bytes. */
export interface Views {
  readonly "sendable-event": SendableEvent
}
/** What can be read: records and views of them. */
export interface Readable extends Records, Views {}
export type ReadableName = keyof Readable

/** Why bytes are not a record of ours: a value, not a failure, since it ends in `dead-letters`. */
export interface Undecodable {
  readonly _tag: "Undecodable"
  readonly reason: "empty" | "not_avro" | "unknown_schema_id" | "schema_unavailable" | "undecodable"
  readonly message: string
}
export type Decoded<A> =
  | {
      readonly _tag: "Decoded"
      readonly value: A
      /** What the writer's schema has and ours does not; absent where there is nothing. */
      readonly skipped?: SkippedFields
    }
  | Undecodable

/** Fields of a record that are left out since our schema does not have them. */
export interface SkippedFields {
  /** Their paths, `[]` for an index; the same array for every record of one writer's schema. */
  readonly paths: ReadonlyArray<string>
  /** The record as its writer's schema has it. Throws where the bytes are no such record. */
  readonly writerRecord: () => unknown
}

export class RegistryError extends Data.TaggedError("RegistryError")<{
  readonly code: "unreachable" | "incompatible" | "id_changed" | "other"
  readonly message: string
  readonly nextStep: string
  readonly cause: unknown
}> {}

export class Codecs extends Context.Service<
  Codecs,
  {
    /** Fetches the writers' schemas of these values that are not known yet. Ids the registry does not know stay unknown. */
    readonly loadSchemas: (values: ReadonlyArray<Buffer | null>) => Effect.Effect<void, RegistryError>
    /** Decodes one value. Call `loadSchemas` on the batch before. */
    readonly decode: <S extends ReadableName>(schema: S, value: Buffer | null) => Decoded<Readable[S]>
    /** Encodes a record for a topic (logical name), with the id that the topic's subject has in the registry. */
    readonly encode: <S extends SchemaName>(topic: string, schema: S, record: Records[S]) => Buffer
    /**
     * Encodes what `write` encodes into pooled buffers, for a step's outputs: the runtime calls `release` after their commit, and
     * nothing may read them after that.
     */
    readonly encodePooled: <A>(write: () => A) => Pooled<A>
  }
>()("shared/codec/Codecs") {}

/** Bytes of the frame in front of a record. */
export const frameBytes = 5

/** The schema id of a framed value, or null if it is not framed. */
export const schemaIdOf = (value: Buffer | null): number | null =>
  value === null || value.length < frameBytes || value[0] !== 0 ? null : value.readUInt32BE(1)

/** Writes the frame's head at `at`. */
export const writeFrame = (into: Buffer, at: number, schemaId: number): void => {
  into[at] = 0
  into.writeUInt32BE(schemaId, at + 1)
}

/** Why a value without a schema id is not a record. */
export const unframed = (value: Buffer | null): Undecodable =>
  value === null || value.length === 0
    ? { _tag: "Undecodable", reason: "empty", message: "The record has no value." }
    : {
        _tag: "Undecodable",
        reason: "not_avro",
        message: `The record does not begin with a schema id (magic byte 0 and 4 bytes); it has ${value.length} bytes.`
      }
