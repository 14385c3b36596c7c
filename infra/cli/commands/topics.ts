/** `./capi topics`: the declared topics beside what the broker has. */
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schedule from "effect/Schedule"
import topicTable from "../../../schemas/topics.json" with { type: "json" }
import { expandPlatforms } from "../../../shared/codec/schemas.ts"
import { SettingsService } from "../../../shared/config/settings.ts"
import { KafkaClient } from "../../../shared/kafka/client.ts"
import { registryAddressOf } from "../../../shared/runtime/services.ts"
import { createTopics, type TopicDifference } from "../../topics/create-topics.ts"
import { eventTopics } from "../../topics/declared-topics.ts"
import { registerSchemas } from "../../topics/register-schemas.ts"
import { Command, CommandError, countFlag, Flag } from "../cli.ts"
import { undeliveredEvents, undeliveredLines } from "../ledger-report.ts"
import { count, show, table } from "../output.ts"
import { withKafka } from "../services.ts"

const create = Flag.Boolean("create").pipe(
  Flag.withDescription("Create what is missing and register the schemas (FULL_TRANSITIVE)"),
  Flag.withDefault(false)
)

const wait = Flag.Boolean("wait").pipe(
  Flag.withDescription("Wait for broker and registry as long as programs do at their start (STARTUP_TIMEOUT)"),
  Flag.withDefault(false)
)

const partitions = countFlag(
  "partitions",
  "Of the topics that events pass through, where they are created (without it as many as those have that are there, else 4)"
).pipe(Flag.optional)

const addPartitions = countFlag(
  "add-partitions",
  "Give the existing topics that events pass through so many partitions, all together"
).pipe(Flag.optional)

/** What becomes of the state by key; said where partitions are added. */
const whatAddingMeans = [
  "Keys move to other partitions; what was sent and which event ids came is found there again, so that a replay sends no message twice.",
  "Running programs take the new partitions within five minutes; a restart makes it now. Events of one key may overtake one another meanwhile."
]

export const topics = Command.make("topics", { create, wait, partitions, addPartitions }, (flags) =>
  withKafka(
    Effect.gen(function* () {
      const { create, partitions } = flags
      const settings = yield* SettingsService
      const untilAnswered = repeated(flags.wait ? settings.startupTimeout : null)
      const grown = Option.isSome(flags.addPartitions)
        ? yield* grow(settings.topicPrefix, flags.addPartitions.value)
        : []
      const report = create
        ? yield* untilAnswered(createTopics(settings.topicPrefix, Option.getOrUndefined(partitions), settings.eventLog))
        : null
      const schemas = create
        ? yield* untilAnswered(registerSchemas(registryAddressOf(settings.registry), settings.topicPrefix))
        : []
      const rows = yield* untilAnswered(declaredAndPresent(settings.topicPrefix))
      const created = new Set(report?.created ?? [])
      const value = rows.map((row) => ({ ...row, created: created.has(settings.topicPrefix + row.name) }))
      const notes = grown.length > 0 ? whatAddingMeans : []
      const unread = yield* untilAnswered(undeliveredEvents)
      yield* show(
        {
          prefix: settings.topicPrefix,
          topics: value,
          different: report?.different ?? [],
          schemas,
          grown,
          notes,
          unread
        },
        (paint) => {
          const lines = table(
            ["TOPIC", "SCHEMA", "PARTITIONS", "RECORDS", "CLEANUP", "STATE"],
            value.map((row) => [
              row.name,
              row.schema,
              row.partitions,
              row.records,
              row.cleanup,
              row.created ? paint("green", "created") : row.present ? "there" : paint("red", "missing")
            ]),
            paint
          )
          const different = (report?.different ?? []).map(
            ({ topic, setting, declared, present }) =>
              `${paint("yellow", topic)}: ${setting} is ${present}, declared is ${declared}`
          )
          const more = (report?.different ?? []).filter((one) => isFewer(one))
          const hint =
            more.length === 0 ? [] : [`Partitions are added by ./capi topics --add-partitions ${more[0]?.declared}.`]
          const added = grown.length === 0 ? [] : [`Partitions were added to ${count(grown.length, "topic")}.`]
          const { topicPrefix } = settings
          const prefixed = topicPrefix === "" ? [] : [`At the broker, the name of each begins with ${topicPrefix}`]
          return [
            lines,
            ...prefixed,
            ...different,
            ...hint,
            ...added,
            ...notes,
            ...undeliveredLines(unread, paint)
          ].join("\n")
        }
      )
    }),
    flags.wait
  )
).pipe(
  Command.withDescription("List the declared topics and what the broker has of them; --create makes the missing ones"),
  Command.withExamples([
    { command: "./capi topics --create", description: "Create topics and register schemas" },
    { command: "./capi topics --create --wait", description: "The same, where broker and registry are being started" },
    { command: "./capi topics --create --partitions 16", description: "The same, for 16 instances of each processor" },
    { command: "./capi topics --add-partitions 16", description: "More partitions for topics that are there" }
  ])
)

/** Gives the topics of events so many partitions, and refuses fewer than one has: programs need the same number of each. */
const grow = Effect.fnUntraced(function* (prefix: string, partitions: number) {
  const kafka = yield* KafkaClient
  const present = new Set(yield* kafka.listTopics)
  const numbers = yield* Effect.forEach(
    eventTopics(prefix).filter((name) => present.has(name)),
    (name) => Effect.map(kafka.topicOffsets(name), ({ length }) => length),
    { concurrency: 4 }
  )
  const most = Math.max(0, ...numbers)
  if (partitions < most)
    return yield* new CommandError({
      code: "fewer_partitions",
      message: `The topics of events have up to ${most} partitions, and none can be taken away: nothing was changed.`,
      nextStep: `Give ${most} or more: ./capi topics --add-partitions ${most}.`,
      exitCode: 2
    })
  return yield* kafka.addPartitions(eventTopics(prefix), partitions)
})

/** Repeats it each second while broker or registry does not answer, for at most `limit`; null: it is done once. */
const repeated =
  (limit: Duration.Duration | null) =>
  <A, E extends { readonly code: string }, R>(work: Effect.Effect<A, E, R>) =>
    limit === null
      ? work
      : Effect.retry(work, {
          schedule: Schedule.spaced("1 second").pipe(Schedule.upTo({ duration: limit })),
          while: ({ code }) => code === "unreachable" || code === "timeout"
        })

const isFewer = ({ setting, declared, present }: TopicDifference): boolean =>
  setting === "partitions" && Number(present) < Number(declared)

/** One row for each declared topic, by its name without prefix, as `tail` takes it; `records` is null where it is missing. */
const declaredAndPresent = Effect.fnUntraced(function* (prefix: string) {
  const kafka = yield* KafkaClient
  const present = new Set(yield* kafka.listTopics)
  const declared = topicTable.topics.flatMap((row) => expandPlatforms(row.name).map((name) => ({ ...row, name })))
  return yield* Effect.forEach(
    declared,
    Effect.fnUntraced(function* ({ name, schema, partitions, cleanup, retention_ms }) {
      const topic = prefix + name
      const offsets = present.has(topic) ? yield* kafka.topicOffsets(topic) : null
      return {
        name,
        schema,
        partitions: offsets?.length ?? partitions,
        // Offsets between the log's ends: a transaction's control records count, too.
        records: offsets?.reduce((sum, { low, high }) => sum + high - low, 0) ?? null,
        cleanup,
        retention_ms,
        present: offsets !== null
      }
    }),
    { concurrency: 4 }
  )
})
