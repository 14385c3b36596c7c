/** `./capi redrive`: sends what dead letters hold back to the stage that gave it up. */

import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { Connections } from "../../../shared/connections/connections.ts"
import { connectionsLayer } from "../../../shared/connectors/load-connections.ts"
import { redriveDeadLetters } from "../../../shared/redrive/redrive.ts"
import {
  planRedrive,
  type RedriveChoice,
  type RedrivePlan,
  type Selection,
  whyTheyStay
} from "../../../shared/redrive/redrive-plan.ts"
import { Argument, Command, CommandError, Flag } from "../cli.ts"
import { event } from "../event-flag.ts"
import { exampleConnection } from "../example-names.ts"
import { DeadLetterFilterValues, deadLetterStages, expectKnown } from "../filter-values.ts"
import { confirm, count, Output, show, table } from "../output.ts"
import { withKafkaAndCodecs } from "../services.ts"
import { parseStartPosition } from "../start-position.ts"

const ids = Argument.String("dead-letter").pipe(
  Argument.withDescription("Ids of dead letters, as `./capi dead-letters list` shows them"),
  Argument.variadic()
)
const flags = {
  all: Flag.Boolean("all").pipe(Flag.withDescription("Every dead letter"), Flag.withDefault(false)),
  reason: Flag.String("reason").pipe(Flag.withDescription("Only this reason code"), Flag.optional),
  stage: Flag.String("stage").pipe(
    Flag.withDescription("Only dead letters of normalizer, mapper, delivery or delivery-<platform>"),
    Flag.optional
  ),
  connection: Flag.String("connection").pipe(Flag.withDescription("Only this connection"), Flag.optional),
  event,
  since: Flag.String("since").pipe(
    Flag.withDescription("Dead letters from here on: beginning (default), a time, or how long ago (2 hours)"),
    Flag.withDefault("beginning")
  ),
  until: Flag.String("until").pipe(
    Flag.withDescription("Dead letters before this time; now by default"),
    Flag.optional
  ),
  remap: Flag.Boolean("remap").pipe(
    Flag.withDescription("Map events that a platform refused again, by the connections as they are now"),
    Flag.withDefault(false)
  ),
  again: Flag.Boolean("again").pipe(
    Flag.withDescription("Also dead letters that were redriven before"),
    Flag.withDefault(false)
  ),
  dryRun: Flag.Boolean("dry-run").pipe(
    Flag.withDescription("Say how many dead letters it is, send nothing"),
    Flag.withDefault(false)
  ),
  yes: Flag.Boolean("yes").pipe(Flag.withAlias("y"), Flag.withDescription("Do not ask"), Flag.withDefault(false))
}

export const redrive = Command.make("redrive", { ids, ...flags }, (options) =>
  Effect.gen(function* () {
    const now = yield* Clock.currentTimeMillis
    const from = yield* Effect.fromResult(parseStartPosition(options.since, now))
    const selection = yield* selectionOf(options, now)
    yield* expectKnown("stage", options.stage, deadLetterStages)
    yield* withKafkaAndCodecs(
      Effect.gen(function* () {
        const enabled = yield* Connections.pipe(Effect.provide(connectionsLayer))
        const connections = new Map(enabled.enabled.map(({ id, platform }) => [id, platform]))
        const choice = { from, selection, connections, again: options.again, remap: options.remap }
        const plan = yield* planOf(choice)
        yield* show({ ...planToJson(plan), dry_run: options.dryRun }, (paint) => planText(plan, paint))
        if (options.dryRun) return
        if (plan.deadLetters === 0) return yield* plan.left["other_key"] === undefined ? Effect.void : keyGone
        if (!options.yes) yield* confirm(`Redrive ${count(plan.deadLetters, "dead letter")}?`, "Nothing was sent.")
        const sent = yield* redriveDeadLetters(choice)
        const output = yield* Output
        yield* output.note(`Done: ${count(sent.redriven, "dead letter")} redriven.`)
        if (sent.missing > 0) yield* gone(sent.missing)
      })
    )
  })
).pipe(
  Command.withDescription(
    "Send what dead letters hold back to the stage that gave it up; each once, unless you say --again.\n" +
      "  Those of the normalizer go to raw-events, of the mapper to normalized-events, of a delivery to the topic of\n" +
      "  mapped events, for the dead letter's connection alone. Platforms deduplicate by the unchanged event_id."
  ),
  Command.withShortDescription("Send what dead letters hold back to the stage that gave it up, each once"),
  Command.withExamples([
    { command: "./capi redrive --reason invalid_currency --dry-run", description: "How many would that be" },
    {
      command: `./capi redrive --connection ${exampleConnection} --since "2 hours" --remap --yes`,
      description: "After a better mapping"
    },
    { command: "./capi redrive 2:17", description: "One dead letter, after a question" }
  ])
)

type Options = Omit<Selection, "until"> & { readonly all: boolean; readonly until: Option.Option<string> }

const selectionOf = Effect.fnUntraced(function* (options: Options & { readonly since: string }, now: number) {
  const until = Option.isNone(options.until)
    ? null
    : yield* Effect.fromResult(parseStartPosition(options.until.value, now))
  const narrow = [options.reason, options.stage, options.connection, options.event].some(Option.isSome)
  if (!narrow && options.ids.length === 0 && !options.all && options.since === "beginning")
    return yield* new CommandError({
      code: "nothing_chosen",
      message: "No dead letters are named.",
      nextStep: "Give ids, --reason, --stage, --connection, --event or --since; or --all.",
      exitCode: 2
    })
  return {
    ...options,
    until: until === null ? Number.MAX_SAFE_INTEGER : until._tag === "At" ? until.millis : 0
  } satisfies Selection
})

/** The plan, where the values of the filters exist. */
const planOf = Effect.fnUntraced(function* (choice: RedriveChoice) {
  const { selection } = choice
  const seen = new DeadLetterFilterValues()
  const missing = new Set(selection.ids)
  const plan = yield* planRedrive(choice, (one) => {
    seen.add(one)
    missing.delete(one.id)
  })
  yield* seen.expect(selection)
  if (missing.size > 0) yield* noSuchDeadLetters([...missing])
  return plan
})

/** Field names as machines read them. */
const planToJson = ({ deadLetters, groups, left }: RedrivePlan) => ({
  letters: deadLetters,
  groups: groups.map(({ stage, reason_code, connection_id, to, deadLetters }) => ({
    ...{ stage, reason_code, connection_id, to },
    letters: deadLetters
  })),
  left
})

const noSuchDeadLetters = (ids: ReadonlyArray<string>) =>
  new CommandError({
    code: "not_found",
    message: `There is no dead letter ${ids.slice(0, 5).join(", ")}, or not since the given time.`,
    nextStep: "See `./capi dead-letters list`."
  })

const planText = (plan: RedrivePlan, paint: Parameters<Parameters<typeof show>[1]>[0]): string =>
  [
    `${count(plan.deadLetters, "dead letter")} would be redriven.`,
    ...(plan.groups.length === 0
      ? []
      : [
          table(
            ["STAGE", "REASON", "CONNECTION", "TO", "DEAD LETTERS"],
            plan.groups.map((group) => [
              group.stage,
              group.reason_code,
              group.connection_id,
              group.to,
              group.deadLetters
            ]),
            paint
          )
        ]),
    ...Object.entries(plan.left).map(([why, number]) => paint("yellow", `${number} stay: ${whyTheyStay[why] ?? why}.`))
  ].join("\n")

const keyGone = new CommandError({
  code: "other_key",
  message: "The originals are sealed under a master key that is not at hand: nothing was sent.",
  nextStep: "Add that key to CAPI_MASTER_KEY_PREVIOUS; ./capi dead-letters show <id> --reveal names it."
})

const gone = (missing: number) =>
  new CommandError({
    code: "not_found",
    message: `${count(missing, "dead letter")} could not be mapped again: the normalized events left their topic by its retention.`,
    nextStep: "Redrive them as they are, without --remap."
  })
