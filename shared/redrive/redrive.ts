/**
 * Sends chosen dead letters on their way again. The records and the dead letters' marks are one transaction a page, on a producer
 * that only one redrive at a time can hold; so each dead letter goes once, though a redrive is cut off or two are begun.
 */

import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type { SourcePosition } from "../../schemas/types.gen.ts"
import { Codecs } from "../codec/codecs.ts"
import { SettingsService } from "../config/settings.ts"
import { KafkaClient, type KafkaError, type ProducedRecord, type TransactionalProducer } from "../kafka/client.ts"
import { readTopic } from "../kafka/read-topic.ts"
import { topicNames } from "../model/topics.ts"
import {
  type DeadLetterEntry,
  keysAtHand,
  type Marks,
  type OpenOriginal,
  originalOpener,
  RedriveError,
  readMarks,
  scanDeadLetters
} from "./dead-letter-entries.ts"
import {
  connectionsOfMapper,
  finishedBy,
  headersOf,
  isSelected,
  markOf,
  type Obstacles,
  obstacleOf,
  type RedriveChoice,
  redrivenRecord,
  revokedRefusal
} from "./redrive-plan.ts"

interface RedriveOptions extends RedriveChoice {
  /** Called after each transaction with how many dead letters have been redriven. */
  readonly onProgress?: (redriven: number) => void
  /** Asked before each transaction: false ends the redrive; what was sent until then is sent and marked. */
  readonly mayGoOn?: () => boolean
}

interface Redriven {
  readonly redriven: number
  /** Could not be mapped again: their normalized events are gone. */
  readonly missing: number
}

const normalizedTopic = topicNames.normalized

export const redriveDeadLetters = Effect.fnUntraced(function* (options: RedriveOptions) {
  const kafka = yield* KafkaClient
  const { topicPrefix: prefix } = yield* SettingsService
  const open = yield* originalOpener
  const { connections, remap: isRemap } = options
  const obstacles = { connections, remap: isRemap, decided: yield* connectionsOfMapper, hasKey: yield* keysAtHand }
  const producer = yield* kafka.transactional(`${prefix}capi-redrive`)
  // Only from here on no other redrive can mark dead letters.
  const marks = yield* readMarks(options.from)
  const toRemap = new Map<string, DeadLetterEntry>()
  let redriven = 0
  const { onProgress = () => undefined, mayGoOn = () => true } = options
  const commit = commitWith(producer)
  const advance = (by: number) => {
    redriven += by
    onProgress(redriven)
  }
  yield* scanDeadLetters(options.from, (page) =>
    Effect.gen(function* () {
      if (!mayGoOn()) return
      const chosen = page.filter((one) => isChosen(one, marks, options, obstacles))
      const now = chosen.filter((one) => !(options.remap && one.deadLetter.stage.startsWith("delivery-")))
      yield* collectSources(chosen, now, open, toRemap)
      const records = yield* Effect.forEach(now, (one) => Effect.fromResult(redrivenRecord(one, open, prefix)))
      const at = yield* Clock.currentTimeMillis
      yield* commit([...records, ...now.flatMap((one) => [markOf(one, prefix), ...revokedRefusal(one, prefix, at)])])
      advance(now.length)
    })
  )
  if (toRemap.size > 0) yield* remap(toRemap, commit, prefix, { advance, mayGoOn })
  return { redriven, missing: mayGoOn() ? toRemap.size : 0 } satisfies Redriven
}, Effect.scoped)

const isChosen = (one: DeadLetterEntry, marks: Marks, options: RedriveOptions, obstacles: Obstacles): boolean =>
  isSelected(one, options.selection) &&
  obstacleOf(one, obstacles) === null &&
  finishedBy(one, marks, options.again) === null

type Commit = (records: ReadonlyArray<ProducedRecord>) => Effect.Effect<void, KafkaError | RedriveError>

const commitWith =
  (producer: TransactionalProducer): Commit =>
  (records) =>
    producer.commit({ records, offsets: [] }).pipe(
      Effect.catchIf(
        (error) => error.code === "fenced",
        (cause) =>
          Effect.fail(
            new RedriveError({
              code: "redrive_running",
              message: "Another redrive began, so this one stopped; what it had sent is marked.",
              nextStep: "Wait until the other one is done, then look with --dry-run what is left.",
              cause
            })
          )
      )
    )

/** Dead letters that are to be mapped again, by connection and raw position, which distinguish the event from a producer's repeat. */
const collectSources = Effect.fnUntraced(function* (
  chosen: ReadonlyArray<DeadLetterEntry>,
  now: ReadonlyArray<DeadLetterEntry>,
  open: OpenOriginal,
  toRemap: Map<string, DeadLetterEntry>
) {
  const codecs = yield* Codecs
  const later = chosen.filter((one) => !now.includes(one))
  const originals = yield* Effect.forEach(later, (one) => Effect.fromResult(open(one.deadLetter)))
  yield* codecs.loadSchemas(originals.map(({ value }) => value))
  for (const [index, one] of later.entries()) {
    const decoded = codecs.decode("mapped-event", originals[index]!.value)
    const source = decoded._tag === "Decoded" ? decoded.value.source : null
    toRemap.set(`${sourceKey(source)} ${one.id}`, { ...one, deadLetter: { ...one.deadLetter, original: null } })
  }
})

/** Writes the dead letters' normalized events again, each for its connection; takes those that it found out of the map. */
const remap = Effect.fnUntraced(function* (
  toRemap: Map<string, DeadLetterEntry>,
  commit: Commit,
  prefix: string,
  progress: { readonly advance: (by: number) => void; readonly mayGoOn: () => boolean }
) {
  const codecs = yield* Codecs
  const bySource = new Map<string, Array<string>>()
  for (const key of toRemap.keys()) {
    const source = key.slice(0, key.indexOf(" "))
    bySource.set(source, [...(bySource.get(source) ?? []), key])
  }
  yield* readTopic({
    topic: normalizedTopic,
    from: { _tag: "Beginning" },
    follow: false,
    // What is written again is at the broker before.
    releases: true,
    onRecords: Effect.fnUntraced(function* (page) {
      yield* codecs.loadSchemas(page.map((record) => record.value))
      if (!progress.mayGoOn()) return
      const records: Array<ProducedRecord> = []
      let found = 0
      const at = yield* Clock.currentTimeMillis
      for (const { value, key, partition } of page) {
        const decoded = codecs.decode("normalized-event", value)
        if (decoded._tag !== "Decoded") continue
        for (const name of bySource.get(sourceKey(decoded.value.source)) ?? []) {
          const one = toRemap.get(name)
          // A replay may have written the event several times: once is enough.
          if (one === undefined) continue
          toRemap.delete(name)
          const headers = { ...headersOf(one.id, one.deadLetter), ...one.trace }
          records.push({ topic: prefix + normalizedTopic, partition, key, value, headers }, markOf(one, prefix))
          records.push(...revokedRefusal(one, prefix, at))
          found++
        }
      }
      yield* commit(records)
      progress.advance(found)
    })
  })
})

const sourceKey = (source: SourcePosition | null): string =>
  source === null ? "?" : `${source.partition}:${source.offset}@${source.timestamp}`
