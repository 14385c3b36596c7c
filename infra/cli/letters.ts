/** Dead letters as the commands read them, with the marks of those that were sent on their way again. */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import { deadLetterHeaders, resolvedName } from "../../processors/delivery/engine/settings.ts"
import type { DeadLetter } from "../../schemas/types.gen.ts"
import { Codecs } from "../../shared/codec/codecs.ts"
import { loadFileSettings } from "../../shared/config/settings.ts"
import { deadLetterAad, type SealError } from "../../shared/credentials/sealer.ts"
import { sealerOf } from "../../shared/credentials/sealer-layer.ts"
import type { FetchedRecord } from "../../shared/kafka/client.ts"
import { CommandError } from "./command-error.ts"
import type { Moment } from "./moment.ts"
import { readTopic } from "./read-topic.ts"

export const deadLettersTopic = "dead-letters"

/** A dead letter and where it stands. */
export interface Letter {
  /** `partition:offset` in dead-letters: its name for people. */
  readonly id: string
  readonly partition: number
  readonly letter: DeadLetter
}

/**
 * What the marks say: records without a value beside the letters. A redrive writes one with the letter's id in the transaction
 * that sends its original on its way again; a delivery writes one where the platform delivered the event after all.
 */
export interface Marks {
  /** Ids of letters. */
  readonly redriven: ReadonlySet<string>
  /** The outcome that holds for a letter's event, where its failure was corrected; else null. */
  readonly resolvedBy: (letter: Pick<DeadLetter, "connection_id" | "request_id">) => string | null
}

/** Reads letters from a moment on, page by page; comes back with what their marks say. */
export const scanLetters = Effect.fnUntraced(function* <E = never, R = never>(
  from: Moment,
  use: (letters: ReadonlyArray<Letter>) => Effect.Effect<void, E, R>
) {
  const codecs = yield* Codecs
  const redriven = new Set<string>()
  const resolved = new Map<string, string>()
  yield* readTopic({
    topic: deadLettersTopic,
    from,
    follow: false,
    onRecords: Effect.fnUntraced(function* (records: ReadonlyArray<FetchedRecord>) {
      yield* codecs.loadSchemas(records.map((record) => record.value))
      const letters: Array<Letter> = []
      for (const record of records) {
        if (record.value === null) {
          const id = record.headers[deadLetterHeaders.redriven]
          if (id !== undefined) redriven.add(id)
          const name = record.headers[deadLetterHeaders.resolved]
          if (name !== undefined) resolved.set(name, record.headers[deadLetterHeaders.outcome] ?? "delivered")
        }
        const decoded = codecs.decode("dead-letter", record.value)
        if (decoded._tag !== "Decoded") continue
        letters.push({
          id: `${record.partition}:${record.offset}`,
          partition: record.partition,
          letter: decoded.value
        })
      }
      yield* use(letters)
    })
  })
  const resolvedBy: Marks["resolvedBy"] = ({ connection_id, request_id }) =>
    connection_id === null || request_id === null
      ? null
      : (resolved.get(resolvedName(connection_id, request_id)) ?? null)
  return { redriven, resolvedBy } satisfies Marks
})

/** The last letters that fit, oldest first, how many fit, and what the marks say. */
export const readLetters = Effect.fnUntraced(function* (
  from: Moment,
  fits: (letter: Letter) => boolean,
  limit: number
) {
  let letters: Array<Letter> = []
  let total = 0
  const marks = yield* scanLetters(from, (page) =>
    Effect.sync(() => {
      const fitting = page.filter(fits)
      total += fitting.length
      letters.push(...fitting)
      // Originals may be large: only those that will be shown are held.
      if (letters.length > limit + 200) letters = lastOf(letters, limit)
    })
  )
  return { letters: lastOf(letters, limit), marks, total }
})

const lastOf = (letters: ReadonlyArray<Letter>, limit: number) =>
  letters.toSorted((left, right) => left.letter.timestamp - right.letter.timestamp).slice(-limit)

/** The bytes of a letter's original record. */
export interface Original {
  readonly key: Buffer | null
  readonly value: Buffer | null
}

export type Open = (letter: DeadLetter) => Result.Result<Original, CommandError | SealError>

/** Opens sealed originals with `CAPI_MASTER_KEY`; what is not sealed needs no key. */
export const originalOpener = Effect.map(loadFileSettings, (settings): Open => {
  const sealer = sealerOf(settings)
  return (letter) => {
    if (!letter.sealed) return Result.succeed({ key: letter.original_key, value: letter.original })
    if (sealer === null) return Result.fail(noMasterKey)
    const part = (name: "key" | "value", bytes: Buffer | null): Result.Result<Buffer | null, SealError> =>
      bytes === null
        ? Result.succeed(null)
        : sealer.open(bytes, deadLetterAad(name, letter.source_topic, letter.source_partition, letter.source_offset))
    return Result.all({ key: part("key", letter.original_key), value: part("value", letter.original) })
  }
})

const noMasterKey = new CommandError({
  code: "no_master_key",
  message: "The original is sealed, and CAPI_MASTER_KEY is not set.",
  nextStep: "Set CAPI_MASTER_KEY to the key of the program that sealed it."
})
