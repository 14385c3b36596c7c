/** Dead entries as the commands read them, with the marks of those that were sent on their way again. */

import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import type { DeadLetter } from "../../schemas/types.gen.ts"
import { Codecs } from "../codec/codecs.ts"
import { loadFileSettings } from "../config/settings.ts"
import { readMasterKeys } from "../credentials/master-key.ts"
import { deadLetterAad, type SealError, sealedUnder, sealerOfKeys } from "../credentials/sealer.ts"
import type { FetchedRecord } from "../kafka/client.ts"
import { readTopic, type StartPosition } from "../kafka/read-topic.ts"
import { deadLetterHeaders, resolvedName } from "../model/dead-letter.ts"
import { topicNames } from "../model/topics.ts"
import { type RecordHeaders, tracePartOf } from "../telemetry/trace-context.ts"

/** A redrive could not do what it was asked; `code` is stable, `nextStep` is for people. */
export class RedriveError extends Data.TaggedError("RedriveError")<{
  readonly code: "redrive_running" | "no_master_key"
  readonly message: string
  readonly nextStep: string
  readonly cause?: unknown
}> {}

export const deadLettersTopic = topicNames.deadLetters

/** A dead letter and where it stands. */
export interface DeadLetterEntry {
  /** `partition:offset` in dead-letters: its name for people. */
  readonly id: string
  readonly partition: number
  readonly deadLetter: DeadLetter
  /** The headers by which its event's trace goes on; none where it is not traced. */
  readonly trace?: RecordHeaders
}

/**
 * What the marks say: records without a value beside the dead letters. A redrive writes one with the dead letter's id in the transaction
 * that sends its original on its way again; a delivery writes one where the platform delivered the event after all.
 */
export interface Marks {
  /** Ids of dead letters. */
  readonly redriven: ReadonlySet<string>
  /** The outcome that holds for a dead letter's event, where its failure was corrected; else null. */
  readonly resolvedBy: (deadLetter: Pick<DeadLetter, "connection_id" | "request_id">) => string | null
}

/** Reads dead letters from a start position on, page by page; returns what their marks say. */
export const scanDeadLetters = Effect.fnUntraced(function* <E = never, R = never>(
  from: StartPosition,
  use: (entries: ReadonlyArray<DeadLetterEntry>) => Effect.Effect<void, E, R>
) {
  const codecs = yield* Codecs
  return yield* scanMarks(
    from,
    Effect.fnUntraced(function* (records: ReadonlyArray<FetchedRecord>) {
      yield* codecs.loadSchemas(records.map((record) => record.value))
      for (let at = 0; at < records.length; ) {
        const entries: Array<DeadLetterEntry> = []
        for (let bytes = 0; at < records.length && bytes < pageBytesMax; at++) {
          const record = records[at]!
          bytes += record.value?.length ?? 0
          const decoded = codecs.decode("dead-letter", record.value)
          if (decoded._tag !== "Decoded") continue
          entries.push({
            id: `${record.partition}:${record.offset}`,
            partition: record.partition,
            deadLetter: decoded.value,
            trace: tracePartOf(record.headers)
          })
        }
        yield* use(entries)
      }
    })
  )
})

/** Of originals that are copied at a time; the last of a page may go beyond it. */
const pageBytesMax = 8 * 1_048_576

/** What the marks from a start position on say. The dead letters beside them are not decoded, since that copies their originals. */
export const readMarks = (from: StartPosition) => scanMarks(from, () => Effect.void)

const scanMarks = Effect.fnUntraced(function* <E, R>(
  from: StartPosition,
  onRecords: (records: ReadonlyArray<FetchedRecord>) => Effect.Effect<void, E, R>
) {
  const redriven = new Set<string>()
  const resolved = new Map<string, string>()
  yield* readTopic({
    topic: deadLettersTopic,
    from,
    follow: false,
    releases: true,
    onRecords: (records: ReadonlyArray<FetchedRecord>) => {
      for (const record of records) {
        if (record.value !== null) continue
        const id = record.headers[deadLetterHeaders.redriven]
        if (id !== undefined) redriven.add(id)
        const name = record.headers[deadLetterHeaders.resolved]
        if (name !== undefined) resolved.set(name, record.headers[deadLetterHeaders.outcome] ?? "delivered")
      }
      return onRecords(records)
    }
  })
  const resolvedBy: Marks["resolvedBy"] = ({ connection_id, request_id }) =>
    connection_id === null || request_id === null
      ? null
      : (resolved.get(resolvedName(connection_id, request_id)) ?? null)
  return { redriven, resolvedBy } satisfies Marks
})

/** Without its original, which may have 16 MiB. */
export interface ListedDeadLetter extends DeadLetterEntry {
  /** Of the original. */
  readonly bytes: number
}

const listed = (entry: DeadLetterEntry): ListedDeadLetter => ({
  ...entry,
  deadLetter: { ...entry.deadLetter, original: null, original_key: null },
  bytes: entry.deadLetter.original?.length ?? 0
})

/** The last dead letters that fit, oldest first, how many fit, and what the marks say. */
export const lastDeadLetters = Effect.fnUntraced(function* (
  from: StartPosition,
  fits: (deadLetter: DeadLetterEntry) => boolean,
  limit: number
) {
  let entries: Array<ListedDeadLetter> = []
  let total = 0
  const marks = yield* scanDeadLetters(from, (page) =>
    Effect.sync(() => {
      const fitting = page.filter(fits)
      total += fitting.length
      for (const entry of fitting) entries.push(listed(entry))
      if (entries.length > limit + 200) entries = lastOf(entries, limit)
    })
  )
  return { entries: lastOf(entries, limit), marks, total }
})

const lastOf = (entries: ReadonlyArray<ListedDeadLetter>, limit: number) =>
  entries.toSorted((left, right) => left.deadLetter.timestamp - right.deadLetter.timestamp).slice(-limit)

/** The bytes of a dead letter's original record. */
interface OriginalRecord {
  readonly key: Buffer | null
  readonly value: Buffer | null
}

export type OpenOriginal = (deadLetter: DeadLetter) => Result.Result<OriginalRecord, RedriveError | SealError>

const sealerAtHand = Effect.map(Effect.flatMap(loadFileSettings, readMasterKeys), sealerOfKeys)

/**
 * Whether a key is at hand that opens the original, as far as its bytes say which one: what an earlier key sealed that is gone must
 * not hold the others up. Without any key all count as if there were one, and the first fails.
 */
export const keysAtHand = Effect.map(sealerAtHand, (sealer) => ({ sealed, original, original_key }: DeadLetter) => {
  if (!sealed || sealer === null) return true
  const keyIds = [original, original_key].flatMap((bytes) => (bytes === null ? [] : (sealedUnder(bytes) ?? [])))
  return keyIds.every((keyId) => sealer.opensKey(keyId))
})

/** Opens sealed originals with `CAPI_MASTER_KEY`; what is not sealed needs no key. */
export const originalOpener = Effect.map(sealerAtHand, (sealer): OpenOriginal => {
  return (deadLetter) => {
    if (!deadLetter.sealed) return Result.succeed({ key: deadLetter.original_key, value: deadLetter.original })
    if (sealer === null) return Result.fail(noMasterKey)
    const part = (name: "key" | "value", bytes: Buffer | null): Result.Result<Buffer | null, SealError> =>
      bytes === null
        ? Result.succeed(null)
        : sealer.open(
            bytes,
            deadLetterAad(name, deadLetter.source_topic, deadLetter.source_partition, deadLetter.source_offset)
          )
    return Result.all({ key: part("key", deadLetter.original_key), value: part("value", deadLetter.original) })
  }
})

const noMasterKey = new RedriveError({
  code: "no_master_key",
  message: "The original is sealed, and CAPI_MASTER_KEY is not set or too weak.",
  nextStep: "Set CAPI_MASTER_KEY to the key of the program that sealed it."
})
