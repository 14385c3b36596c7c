/** `capi replay`: lets a stage read its input again from a moment on, by setting its group's offsets. */
import { Clock, Effect } from "effect"
import { Prompt } from "effect/cli"
import { SettingsService } from "../../../shared/config/settings.ts"
import { KafkaClient } from "../../../shared/kafka/port.ts"
import { Command, Flag } from "../cli.ts"
import { CommandError } from "../command-error.ts"
import { count } from "../format.ts"
import { type Moment, parseMoment } from "../moment.ts"
import { Output, show, table } from "../output.ts"
import { withKafka } from "../services.ts"
import { type Stage, stagesOf } from "../stages.ts"

const stage = Flag.String("stage").pipe(
  Flag.withDescription("normalizer, mapper, delivery-<platform>, delivery-<platform>.<connection> or health")
)
const from = Flag.String("from").pipe(Flag.withDescription("beginning, a time, or how long ago (2 hours)"))
const dryRun = Flag.Boolean("dry-run").pipe(
  Flag.withDescription("Say how many events it is, change nothing"),
  Flag.withDefault(false)
)
const yes = Flag.Boolean("yes").pipe(Flag.withAlias("y"), Flag.withDescription("Do not ask"), Flag.withDefault(false))

export const replay = Command.make("replay", { stage, from, dryRun, yes }, ({ stage, from, dryRun, yes }) =>
  withKafka(
    Effect.gen(function* () {
      const moment = yield* Effect.fromResult(parseMoment(from, yield* Clock.currentTimeMillis))
      const plans = yield* Effect.forEach(yield* stagesOf(stage), (one) => planOf(one, moment))
      const records = plans.reduce((sum, plan) => sum + plan.records, 0)
      const value = { stage, from, records, dry_run: dryRun, groups: plans }
      yield* show(value, (paint) =>
        [
          `${stage} would read ${count(records, "record")} again.`,
          table(
            ["GROUP", "TOPIC", "RECORDS", "MEMBERS"],
            plans.map((plan) => [plan.group, plan.topic, plan.records, plan.members]),
            paint
          )
        ].join("\n")
      )
      if (dryRun) return
      yield* refuseWhileRunning(plans)
      if (!yes) yield* confirm(records)
      const kafka = yield* KafkaClient
      yield* Effect.forEach(plans, (plan) => kafka.resetOffsets(plan.group, plan.topic, plan.offsets), {
        discard: true
      })
      yield* (yield* Output).note(`Done: ${stage} will begin there when it starts.`)
    })
  )
).pipe(
  Command.withDescription(
    "Let a stage read its input again; platforms deduplicate by event_id, and the same input gives the same bytes"
  ),
  Command.withExamples([
    { command: 'capi replay --stage mapper --from "2 hours" --dry-run', description: "How many events would that be" },
    { command: "capi replay --stage delivery-meta.meta-shop --from beginning --yes", description: "Send all again" }
  ])
)

export interface Plan {
  readonly group: string
  readonly topic: string
  readonly members: number
  /** Records between the moment and where the group stands now (or the end, where it never committed). */
  readonly records: number
  readonly offsets: ReadonlyArray<{ readonly partition: number; readonly offset: number }>
}

/** What a replay of a stage comes to. Topics and groups with prefix. */
export const planOf = Effect.fnUntraced(function* (stage: Stage, from: Moment) {
  const kafka = yield* KafkaClient
  const prefix = (yield* SettingsService).topicPrefix
  const [group, topic] = [prefix + stage.group, prefix + stage.topic]
  const ends = yield* kafka.topicOffsets(topic)
  const committed = new Map((yield* kafka.committed(group, topic)).map(({ partition, offset }) => [partition, offset]))
  const at = from._tag === "At" ? yield* kafka.offsetsAt(topic, from.millis) : null
  const offsets = ends.map(({ partition, low, high }) => {
    const start = at?.find((found) => found.partition === partition)?.offset ?? (at === null ? low : high)
    // A replay never skips: where the moment lies ahead of the group, the group stays where it is.
    return { partition, offset: Math.max(low, Math.min(start, committed.get(partition) ?? high)) }
  })
  const records = ends.reduce((sum, { partition, high }) => {
    const start = offsets.find((found) => found.partition === partition)?.offset ?? high
    return sum + Math.max(0, (committed.get(partition) ?? high) - start)
  }, 0)
  const members = (yield* kafka.groups).find((found) => found.groupId === group)?.members ?? 0
  return { group, topic, members, records, offsets } satisfies Plan
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

const confirm = Effect.fnUntraced(function* (records: number) {
  const output = yield* Output
  const agreed = output.interactive
    ? yield* Prompt.run(Prompt.Confirm({ message: `Read ${count(records, "record")} again?` }))
    : false
  if (agreed) return
  return yield* new CommandError({
    code: "not_confirmed",
    message: "Nothing was changed.",
    nextStep: "Confirm with --yes.",
    exitCode: 2
  })
})
