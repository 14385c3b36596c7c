/** `./capi replay`: makes a stage read its input again from a start position on, by setting its group's offsets. */

import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import { SettingsService } from "../../../shared/config/settings.ts"
import { KafkaClient, type KafkaError, type PartitionOffsets } from "../../../shared/kafka/client.ts"
import type { StartPosition } from "../../../shared/kafka/read-topic.ts"
import { headerNames } from "../../../shared/model/topics.ts"
import { forgetPositions, positionsOf, storedPositions } from "../../../shared/runtime/positions.ts"
import { Command, CommandError, Flag } from "../cli.ts"
import { exampleConnection, examplePlatform } from "../example-names.ts"
import { confirm, count, Output, show, table } from "../output.ts"
import { partitionsDiffer, replayWarnings, type Stage, stagesOf } from "../replay-plan.ts"
import { withKafka } from "../services.ts"
import { parseOffsets, parseStartPosition } from "../start-position.ts"

const stage = Flag.String("stage").pipe(
  Flag.withDescription("normalizer, mapper, delivery-<platform>, delivery-<platform>.<connection> or health")
)
const from = Flag.String("from").pipe(
  Flag.withDescription("beginning, a time, how long ago (2 hours), or offsets as partition:offset,partition:offset")
)
const dryRun = Flag.Boolean("dry-run").pipe(
  Flag.withDescription("Say how many events it is, change nothing"),
  Flag.withDefault(false)
)
const yes = Flag.Boolean("yes").pipe(Flag.withAlias("y"), Flag.withDescription("Do not ask"), Flag.withDefault(false))

export const replay = Command.make("replay", { stage, from, dryRun, yes }, ({ stage, from, dryRun, yes }) =>
  Effect.gen(function* () {
    const begin =
      parseOffsets(from) ?? (yield* Effect.fromResult(parseStartPosition(from, yield* Clock.currentTimeMillis)))
    const stages = yield* stagesOf(stage)
    yield* withKafka(
      Effect.gen(function* () {
        const plans = yield* Effect.forEach(stages, (one) => planOf(one, begin))
        const records = plans.reduce((sum, plan) => sum + plan.records, 0)
        const { notes, different, most } = yield* replayWarnings(stages, (yield* SettingsService).topicPrefix)
        const value = {
          stage,
          from,
          records,
          dry_run: dryRun,
          groups: plans.map(({ stage: _, ...plan }) => plan),
          notes: [...notes, ...different]
        }
        yield* show(value, (paint) =>
          [
            `${stage} would read ${count(records, "record")} again.`,
            table(
              ["GROUP", "TOPIC", "RECORDS", "MEMBERS"],
              plans.map((plan) => [plan.group, plan.topic, plan.records, plan.members]),
              paint
            ),
            ...notes,
            ...different.map((one) => paint("red", one))
          ].join("\n")
        )
        if (different.length > 0) return yield* partitionsDiffer(different, most)
        if (dryRun) return
        yield* refuseWhileRunning(plans)
        if (!yes) yield* confirm(`Read ${count(records, "record")} again?`, "Nothing was changed.")
        yield* resetGroups(plans)
        yield* (yield* Output).note(`Done: ${stage} will begin there when it starts.`)
      })
    )
  })
).pipe(
  Command.withDescription(
    "Let a stage read its input again; platforms deduplicate by event_id, and the same input gives the same bytes"
  ),
  Command.withExamples([
    {
      command: './capi replay --stage mapper --from "2 hours" --dry-run',
      description: "How many events would that be"
    },
    {
      command: `./capi replay --stage delivery-${examplePlatform}.${exampleConnection} --from beginning --yes`,
      description: "Send all again"
    }
  ])
)

/**
 * Sets the groups' offsets. A stage that was started since the plan was made is found here: of a connection's group, which has no
 * members, the broker would take the offsets, and the running delivery would write its own over them.
 */
export const resetGroups = Effect.fnUntraced(function* (plans: ReadonlyArray<Plan>) {
  const kafka = yield* KafkaClient
  yield* refuseWhileRunning(
    yield* Effect.forEach(plans, (plan) => Effect.map(membersOf(plan.stage), (members) => ({ ...plan, members })))
  )
  for (const plan of plans) {
    if (plan.offsets.length === 0) continue
    yield* kafka.commitOffsets(
      plan.group,
      plan.offsets.map(({ partition, offset }) => ({ topic: plan.topic, partition, next: offset }))
    )
    if (plan.stage.connection !== null) yield* forgetStored(plan)
  }
})

const membersOf = Effect.fnUntraced(function* ({ members }: Stage) {
  const { topicPrefix } = yield* SettingsService
  return (yield* (yield* KafkaClient).groups).find(({ groupId }) => groupId === topicPrefix + members)?.members ?? 0
})

const forgetStored = ({ stage, offsets }: Plan) =>
  Effect.flatMap(SettingsService, ({ topicPrefix }) =>
    forgetPositions(
      topicPrefix,
      stage.group,
      stage.topic,
      offsets.map(({ partition }) => partition)
    )
  )

export interface Plan {
  readonly stage: Stage
  readonly group: string
  readonly topic: string
  readonly members: number
  /**
   * Records that the group takes between the start position and its committed offset (or the end, where it never committed), as it
   * counts them: without transactions' markers and without what other connections read.
   */
  readonly records: number
  readonly offsets: ReadonlyArray<{ readonly partition: number; readonly offset: number }>
}

/** Where a replay begins: a time, or the offsets of some partitions. */
export type Beginning = StartPosition | ReadonlyMap<number, number>

/** What a replay of a stage comes to. Topics and groups with prefix. */
export const planOf = Effect.fnUntraced(function* (stage: Stage, from: Beginning) {
  const kafka = yield* KafkaClient
  const prefix = (yield* SettingsService).topicPrefix
  const [group, topic] = [prefix + stage.group, prefix + stage.topic]
  const ends = yield* kafka.topicOffsets(topic)
  const committed =
    stage.connection === null
      ? new Map((yield* kafka.committedOfGroups([group], [topic])).map(({ partition, offset }) => [partition, offset]))
      : yield* positionsOf(yield* storedPositions(prefix), prefix, stage.group, stage.topic)
  const starts = yield* startsOf(topic, ends, from)
  const ranges = ends.flatMap(({ partition, low, high }) => {
    const start = starts.get(partition)
    // One that is not named is left alone: where the group never committed, its end would skip all that is there.
    if (start === undefined) return []
    const stands = committed.get(partition) ?? high
    // A replay never skips: where the start position lies ahead of the group, the group stays where it is.
    return [{ partition, from: Math.max(low, Math.min(start, stands)), to: stands }]
  })
  const records = yield* countRecords(topic, ranges, stage.connection)
  const members = yield* membersOf(stage)
  const offsets = ranges.map((range) => ({ partition: range.partition, offset: range.from }))
  return { stage, group, topic, members, records, offsets } satisfies Plan
})

const startsOf = Effect.fnUntraced(function* (
  topic: string,
  ends: ReadonlyArray<PartitionOffsets>,
  from: Beginning
): Effect.fn.Return<ReadonlyMap<number, number>, KafkaError | CommandError, KafkaClient> {
  if ("get" in from) {
    const stranger = [...from.keys()].find((partition) => !ends.some((end) => end.partition === partition))
    return stranger === undefined ? from : yield* noSuchPartition(topic, stranger, ends.length)
  }
  if (from._tag === "Beginning") return new Map(ends.map(({ partition, low }) => [partition, low]))
  const found = yield* (yield* KafkaClient).offsetsAt(topic, from.millis)
  return new Map(found.map(({ partition, offset }) => [partition, offset]))
})

const countRecords = Effect.fnUntraced(function* (
  topic: string,
  ranges: ReadonlyArray<{ readonly partition: number; readonly from: number; readonly to: number }>,
  connection: string | null
) {
  let records = 0
  yield* (yield* KafkaClient).read({
    topic,
    ranges: ranges.filter(({ from, to }) => from < to),
    onRecords: (page) => {
      for (const { headers } of page)
        if (connection === null || headers[headerNames.connection] === connection) records++
    }
  })
  return records
})

const noSuchPartition = (topic: string, partition: number, partitions: number) =>
  new CommandError({
    code: "unknown_partition",
    message: `${topic} has no partition ${partition}.`,
    nextStep: `Its partitions are 0 to ${partitions - 1}.`,
    exitCode: 2
  })

const refuseWhileRunning = (plans: ReadonlyArray<Plan>): Effect.Effect<void, CommandError> => {
  const running = plans.filter((plan) => plan.members > 0).map((plan) => plan.group)
  return running.length === 0
    ? Effect.void
    : Effect.fail(
        new CommandError({
          code: "group_running",
          message: `${running.join(", ")} ${running.length === 1 ? "has" : "have"} running members.`,
          nextStep: "Stop that processor (SIGTERM), replay, then start it again."
        })
      )
}
