/** The one way to build a dead letter, its record, and the headers of its marks. Pure. */
import type { DeadLetter } from "../../schemas/types.gen.ts"
import { topicNames } from "./topics.ts"

/** The record that could not go on. Key and value are absent where only its position is known. */
export interface DeadLetterSource {
  /** Without prefix. */
  readonly topic: string
  readonly partition: number
  readonly offset: number
  /** Kafka's, in milliseconds since the epoch. */
  readonly timestamp: number
  /** Sealed where `sealed` says so, as the value. */
  readonly key?: Buffer | null
  readonly value?: Buffer | null
  /** Its value is not kept: see `FetchedRecord`. */
  readonly omittedBytes?: number
}

type FromSource =
  | "source_topic"
  | "source_partition"
  | "source_offset"
  | "source_timestamp"
  | "original_key"
  | "original"

type Required = "stage" | "reason_code" | "message" | "timestamp"

/**
 * The fields beside the record. `timestamp` is when it was given up, in milliseconds since the epoch; `attempts` are the
 * requests made to a platform for the event: 0 (the default) where none was. All else is null by default, and not sealed.
 */
export type DeadLetterFields = Pick<DeadLetter, Required> & Partial<Omit<DeadLetter, Required | FromSource>>

/** Every field of a dead letter, named: a field that the schema gains does not compile until it is given here. */
export const deadLetter = (source: DeadLetterSource, fields: DeadLetterFields): DeadLetter => ({
  stage: fields.stage,
  reason_code: fields.reason_code,
  message: fields.message,
  source_topic: source.topic,
  source_partition: source.partition,
  source_offset: source.offset,
  source_timestamp: source.timestamp,
  timestamp: fields.timestamp,
  attempts: fields.attempts ?? 0,
  original_key: source.key ?? null,
  original: source.value ?? null,
  sealed: fields.sealed ?? false,
  event_id: fields.event_id ?? null,
  event_name: fields.event_name ?? null,
  connection_id: fields.connection_id ?? null,
  platform: fields.platform ?? null,
  next_step: fields.next_step ?? null,
  request_id: fields.request_id ?? null
})

/**
 * The key on `dead-letters`: the event's id where it is known, else the record's position as `topic/partition/offset`. Nothing
 * reads a position out of it (dead letters of earlier versions joined it by hyphens): the value holds it.
 */
export const deadLetterKey = ({
  event_id,
  source_topic,
  source_partition,
  source_offset
}: Pick<DeadLetter, "event_id" | "source_topic" | "source_partition" | "source_offset">): string =>
  event_id ?? `${source_topic}/${source_partition}/${source_offset}`

/** Its record on `dead-letters`, without a topic prefix and without headers. */
export const deadLetterRecord = (
  { encode }: { readonly encode: (topic: string, schema: "dead-letter", value: DeadLetter) => Buffer },
  entry: DeadLetter
) => ({
  topic: topicNames.deadLetters,
  key: deadLetterKey(entry),
  value: encode(topicNames.deadLetters, "dead-letter", entry)
})

/** The `stage` of what a platform's delivery gives up. */
export const deliveryStage = (platform: string): string => `delivery-${platform}`

/** Headers of marks on `dead-letters`: records without a value that say what became of a dead letter. */
export const deadLetterHeaders = {
  /** The id of a dead letter that was redriven. */
  redriven: "redriven",
  /** By `resolvedName`: the platform delivered the dead letter's event after all. */
  resolved: "resolved",
  /** Of a resolved dead letter: the outcome that holds. */
  outcome: "outcome"
} as const

/** The name by which a mark finds the dead letters of a request. */
export const resolvedName = (connectionId: string, requestId: string): string => `${connectionId}|${requestId}`

/** The word of a reason code: `event_too_old` of `event_too_old:100/2804003`. */
export const reasonWord = (reason: string): string => reason.split(":", 1)[0]!

/** Whether a reason code is meant: by the whole of it, or by its word. */
export const isReason = (wanted: string, reason: string): boolean => wanted === reason || wanted === reasonWord(reason)
