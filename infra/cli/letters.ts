/** Dead letters as the commands read them, with the marks of those that were sent on their way again. */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import type { DeadLetter } from "../../schemas/types.gen.ts"
import { Codecs } from "../../shared/avro/codecs.ts"
import { loadFileSettings } from "../../shared/config/settings.ts"
import { deadLetterAad, type SealError } from "../../shared/credentials/sealer.ts"
import { sealerOf } from "../../shared/credentials/sealer-layer.ts"
import type { FetchedRecord } from "../../shared/kafka/port.ts"
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
 * The header of a mark: a record without a value on the letter's partition, written in the transaction that sent the
 * letter's original on its way again. It names the letter's id.
 */
export const redrivenHeader = "redriven"

/** Reads letters from a moment on, page by page; comes back with the ids of those that are marked as redriven. */
export const scanLetters = Effect.fnUntraced(function* <E = never, R = never>(
  from: Moment,
  use: (letters: ReadonlyArray<Letter>) => Effect.Effect<void, E, R>
) {
  const codecs = yield* Codecs
  const marked = new Set<string>()
  yield* readTopic({
    topic: deadLettersTopic,
    from,
    follow: false,
    onRecords: Effect.fnUntraced(function* (records: ReadonlyArray<FetchedRecord>) {
      yield* codecs.prepare(records.map((record) => record.value))
      const letters: Array<Letter> = []
      for (const record of records) {
        const mark = record.headers[redrivenHeader]
        if (record.value === null && mark !== undefined) marked.add(mark)
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
  return marked as ReadonlySet<string>
})

/** The last letters that fit, oldest first, and which letters are marked. */
export const readLetters = Effect.fnUntraced(function* (
  from: Moment,
  fits: (letter: Letter) => boolean,
  limit: number
) {
  let letters: Array<Letter> = []
  const marked = yield* scanLetters(from, (page) =>
    Effect.sync(() => {
      letters.push(...page.filter(fits))
      // Originals may be large: only those that will be shown are held.
      if (letters.length > limit + 200) letters = lastOf(letters, limit)
    })
  )
  return { letters: lastOf(letters, limit), marked }
})

const lastOf = (letters: ReadonlyArray<Letter>, limit: number) =>
  letters.toSorted((left, right) => left.letter.timestamp - right.letter.timestamp).slice(-Math.max(1, limit))

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
