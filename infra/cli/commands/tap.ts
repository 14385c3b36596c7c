/** `./capi tap`: the records of a stage or of a connection as they pass, decoded and masked, with filters. */

import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { environment, loadFileSettings, SettingsService } from "../../../shared/config/settings.ts"
import { loadConnections } from "../../../shared/connectors/load-connections.ts"
import { type FetchedRecord, KafkaClient } from "../../../shared/kafka/client.ts"
import { readTopic } from "../../../shared/kafka/read-topic.ts"
import { platforms } from "../../../shared/model/platform.ts"
import { headerNames, topicNames } from "../../../shared/model/topics.ts"
import { Argument, Command, countFlag, Flag, Json } from "../cli.ts"
import { exampleConnection } from "../example-names.ts"
import { unknownValue } from "../filter-values.ts"
import { Output, painter } from "../output.ts"
import { type Filter, matches, parseFilter } from "../record-filter.ts"
import { withKafkaAndCodecs } from "../services.ts"
import { describe, lineOf, schemaOf } from "./tail.ts"

const source = Argument.String("source").pipe(
  Argument.withDescription("raw, normalized, mapped, retries, results, dead-letters, health or alerts; or a connection")
)
const filters = Argument.String("filter").pipe(
  Argument.withDescription(
    "field=value, field~part or field!=value, such as outcome=rejected; or a text of the record"
  ),
  Argument.variadic()
)
const limit = countFlag("limit", "End after so many records").pipe(Flag.optional)

export const tap = Command.make("tap", { source, filters, limit }, ({ source, filters, limit }) =>
  Effect.gen(function* () {
    const { topics, connection } = yield* sourceOf(source)
    const wanted = filters.map(parseFilter)
    yield* withKafkaAndCodecs(follow(topics, connection, wanted, Option.getOrNull(limit)))
  })
).pipe(
  Command.withDescription("Show records as they pass, masked, of a stage or a connection, until Ctrl-C"),
  Command.withExamples([
    { command: `./capi tap ${exampleConnection}`, description: "What is mapped for it, sent and decided" },
    { command: "./capi tap results outcome=rejected", description: "Results that are rejections" },
    { command: "./capi tap dead-letters reason_code~missing --json", description: "As JSON lines" }
  ])
)

const follow = Effect.fnUntraced(function* (
  topics: ReadonlyArray<string>,
  connection: string | null,
  filters: ReadonlyArray<Filter>,
  limit: number | null
) {
  const output = yield* Output
  const json = yield* Json
  const paint = painter(output.colours)
  const { topicPrefix } = yield* SettingsService
  const present = new Set(yield* (yield* KafkaClient).listTopics)
  const enough = yield* Deferred.make<void>()
  let shown = 0
  const readOne = Effect.fnUntraced(function* (topic: string) {
    const schema = yield* schemaOf(topic)
    const show = Effect.fnUntraced(function* (record: FetchedRecord) {
      const header = record.headers[headerNames.connection]
      if (connection !== null && header !== undefined && header !== connection) return
      const view = yield* describe(record, schema)
      if (connection !== null && header === undefined && !matches(view, [connectionIs(connection)])) return
      if (!matches(view, filters) || (limit !== null && shown >= limit)) return
      shown++
      yield* output.write(
        json ? `${JSON.stringify({ topic, ...view })}\n` : `${paint("yellow", topic)} ${lineOf(view, paint)}\n`
      )
      if (shown === limit) yield* Deferred.succeed(enough, undefined)
    })
    yield* readTopic({
      topic,
      from: { _tag: "End" },
      follow: true,
      onRecords: (records) => Effect.forEach(records, show, { discard: true })
    })
  })
  const reading = Effect.forEach(
    topics.filter((topic) => present.has(topicPrefix + topic)),
    readOne,
    { concurrency: "unbounded", discard: true }
  )
  yield* output.note(`Following ${topics.join(", ")}; Ctrl-C ends it.`)
  yield* Effect.raceFirst(reading, Deferred.await(enough))
})

const connectionIs = (id: string): Filter => ({ path: ["connection_id"], kind: "equals", text: id })

/** The topics of a stage by its name. */
const stages: Readonly<Record<string, ReadonlyArray<string>>> = {
  raw: [topicNames.raw],
  normalized: [topicNames.normalized],
  mapped: platforms.map(topicNames.mapped),
  retries: platforms.map(topicNames.retry),
  results: [topicNames.results],
  "dead-letters": [topicNames.deadLetters],
  health: [topicNames.health],
  alerts: [topicNames.alerts]
}

const sourceOf = Effect.fnUntraced(function* (name: string) {
  const topics = Object.hasOwn(stages, name) ? stages[name] : undefined
  if (topics !== undefined) return { topics, connection: null }
  const settings = yield* loadFileSettings
  const { connections } = yield* loadConnections(settings.connectionsFile, environment())
  const found = connections.find(({ id }) => id === name)
  if (found === undefined)
    return yield* unknownValue("stage", name, [...Object.keys(stages), ...connections.map(({ id }) => id)])
  const { platform } = found
  const own = [topicNames.mapped(platform), topicNames.retry(platform)]
  return {
    topics: [...own, topicNames.results, topicNames.deadLetters, topicNames.alerts],
    connection: name as string | null
  }
})
