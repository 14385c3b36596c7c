/** `./capi tail`: the records of a topic as they come, decoded, without personal data. */

import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { maskKey, maskRecord } from "../../../processors/normalizer/preview/mask.ts"
import { omittedProblem } from "../../../processors/normalizer/read/omitted.ts"
import topicTable from "../../../schemas/topics.json" with { type: "json" }
import { Codecs, type SchemaName } from "../../../shared/codec/codecs.ts"
import { expandPlatforms, topicSchemas } from "../../../shared/codec/schemas.ts"
import { loadSettings } from "../../../shared/config/settings.ts"
import { decodeRecord } from "../../../shared/event-story/decode-record.ts"
import type { FetchedRecord } from "../../../shared/kafka/client.ts"
import { readLast, readTopic } from "../../../shared/kafka/read-topic.ts"
import { printableLine } from "../../../shared/telemetry/printable.ts"
import { Argument, Command, CommandError, countFlag, Flag, Json } from "../cli.ts"
import { examplePlatform } from "../example-names.ts"
import { unknownValue } from "../filter-values.ts"
import { Output, type Paint, painter } from "../output.ts"
import { withKafkaAndCodecs } from "../services.ts"
import { parseStartPosition } from "../start-position.ts"

const topic = Argument.String("topic").pipe(
  Argument.withDescription(`Such as raw-events or mapped-events.${examplePlatform}`)
)
const from = Flag.String("from").pipe(
  Flag.withDescription("beginning, a time, or how long ago (15 min); else only what comes from now on"),
  Flag.optional
)
const last = countFlag("last", "Begin with the last so many records of all partitions, by their time").pipe(
  Flag.optional
)
const follow = Flag.Boolean("follow").pipe(
  Flag.withAlias("f"),
  Flag.withDescription("Go on after the end; the default without --from and --last"),
  Flag.withDefault(false)
)

export const tail = Command.make("tail", { topic, from, last, follow }, ({ topic, from, last, follow }) =>
  Effect.gen(function* () {
    const { topicPrefix } = yield* loadSettings
    // The broker's name of a topic is taken too.
    const name = topicPrefix !== "" && topic.startsWith(topicPrefix) ? topic.slice(topicPrefix.length) : topic
    const schema = yield* schemaOf(name)
    const now = yield* Clock.currentTimeMillis
    const start = Option.isSome(from) ? yield* Effect.fromResult(parseStartPosition(from.value, now)) : null
    if (start !== null && Option.isSome(last)) return yield* twoStarts
    yield* withKafkaAndCodecs(
      Effect.gen(function* () {
        const render = yield* renderer(schema)
        const renderAll = (records: ReadonlyArray<FetchedRecord>) => Effect.forEach(records, render, { discard: true })
        const newest = Option.isSome(last) ? yield* readLast(name, last.value) : null
        if (newest !== null) yield* renderAll(newest.records)
        if (newest?.isCut === true) yield* (yield* Output).note(cutNote)
        if (newest !== null && !follow) return
        const position = newest === null ? start : ({ _tag: "Offsets", by: newest.ends } as const)
        if (position === null) yield* (yield* Output).note(`Following ${name} from now on; Ctrl-C ends it.`)
        yield* readTopic({
          topic: name,
          from: position ?? { _tag: "End" },
          follow: follow || position === null,
          onRecords: renderAll
        })
      })
    )
  })
).pipe(
  Command.withDescription("Show the records of a topic, decoded, with personal data masked"),
  Command.withExamples([
    { command: "./capi tail delivery-results", description: "Outcomes as they come, until Ctrl-C" },
    { command: "./capi tail raw-events --from beginning --json", description: "All records as JSON lines" },
    { command: "./capi tail dead-letters --last 10", description: "The last ten" }
  ])
)

const cutNote = "There are earlier records of these, which are too large to be held at once: see them with --from."

const twoStarts = new CommandError({
  code: "two_starts",
  message: "--from and --last both say where to begin.",
  nextStep: "Give one of them.",
  exitCode: 2
})

/** The schema of a declared topic; null where its records are not Avro. */
export const schemaOf = (topic: string): Effect.Effect<SchemaName | null, CommandError> =>
  declaredTopics.has(topic)
    ? Effect.succeed(topicSchemas.find((row) => row.topic === topic)?.schema ?? null)
    : Effect.fail(unknownValue("topic", topic, [...declaredTopics]))

const declaredTopics = new Set(topicTable.topics.flatMap(({ name }) => expandPlatforms(name)))

const renderer = Effect.fnUntraced(function* (schema: SchemaName | null) {
  const codecs = yield* Codecs
  const output = yield* Output
  const json = yield* Json
  const paint = painter(output.colours)
  return Effect.fnUntraced(function* (record: FetchedRecord) {
    const view = yield* describe(record, schema).pipe(Effect.provideService(Codecs, codecs))
    yield* output.write(`${json ? JSON.stringify(view) : lineOf(view, paint)}\n`)
  })
})

export interface RecordView {
  readonly partition: number
  readonly offset: number
  readonly time: string
  readonly key: string | null
  readonly value: unknown
}

/** A record as it may be shown. */
export const describe = Effect.fnUntraced(function* (record: FetchedRecord, schema: SchemaName | null) {
  const codecs = yield* Codecs
  const { partition, offset, omittedBytes } = record
  const time = new Date(record.timestamp).toISOString()
  const undecoded = (value: unknown): RecordView => ({ partition, offset, time, key: maskKey(record.key, null), value })
  if (schema === null) return undecoded({ bytes: record.value?.length ?? 0 })
  if (omittedBytes !== undefined) {
    const { reason, message } = omittedProblem(omittedBytes)
    return undecoded({ undecodable: reason, message, bytes: Math.max(0, omittedBytes) })
  }
  // A registry that is away leaves the record undecoded, which the view says.
  yield* Effect.ignore(codecs.loadSchemas([record.value]))
  const decoded = decodeRecord(codecs, schema, record.value)
  const value =
    decoded._tag === "Decoded"
      ? maskRecord(schema, decoded.value)
      : { undecodable: decoded.reason, message: decoded.message, bytes: record.value?.length ?? 0 }
  const key = maskKey(record.key, decoded._tag === "Decoded" ? value : null)
  return { partition, offset, time, key, value } satisfies RecordView
})

/** One line of it for people. */
export const lineOf = (view: RecordView, paint: Paint): string => {
  const head = paint("dim", `${view.time} ${view.partition}:${view.offset}`)
  const key = view.key === null ? "" : ` ${paint("blue", printableLine(view.key))}`
  return `${head}${key} ${JSON.stringify(withoutNulls(view.value))}`
}

const withoutNulls = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.map(withoutNulls)
  if (value === null || typeof value !== "object") return value
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, item]) => item !== null && !(Array.isArray(item) && item.length === 0))
      .map(([key, item]) => [key, withoutNulls(item)])
  )
}
