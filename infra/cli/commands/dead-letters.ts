/** `./capi dead-letters`: what could not go on, and why. */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type { DeadLetter } from "../../../schemas/types.gen.ts"
import { isReason } from "../../../shared/model/dead-letter.ts"
import {
  type DeadLetterEntry,
  type ListedDeadLetter,
  lastDeadLetters,
  type Marks,
  originalOpener
} from "../../../shared/redrive/dead-letter-entries.ts"
import { printableLine } from "../../../shared/telemetry/printable.ts"
import { Argument, Command, CommandError, countFlag, Flag } from "../cli.ts"
import { DeadLetterFilterValues } from "../filter-values.ts"
import { type Paint, show, table, truncation } from "../output.ts"
import { withKafkaAndCodecs } from "../services.ts"
import { parseStartPosition } from "../start-position.ts"

const since = Flag.String("since").pipe(
  Flag.withDescription("beginning (default), a time, or how long ago (2 hours)"),
  Flag.withDefault("beginning")
)
const reason = Flag.String("reason").pipe(Flag.withDescription("Only this reason code"), Flag.optional)
const connection = Flag.String("connection").pipe(Flag.withDescription("Only this connection"), Flag.optional)
const limit = countFlag("limit", "Show at most the last so many").pipe(Flag.withDefault(100))

const list = Command.make("list", { since, reason, connection, limit }, ({ since, reason, connection, limit }) =>
  withKafkaAndCodecs(
    Effect.gen(function* () {
      const from = yield* Effect.fromResult(parseStartPosition(since, yield* Clock.currentTimeMillis))
      const seen = new DeadLetterFilterValues()
      const fits = (found: DeadLetterEntry) => {
        seen.add(found)
        return (
          (Option.isNone(reason) || isReason(reason.value, found.deadLetter.reason_code)) &&
          (Option.isNone(connection) || connection.value === found.deadLetter.connection_id)
        )
      }
      const { entries, marks, total } = yield* lastDeadLetters(from, fits, limit)
      yield* seen.expect({ reason, connection })
      const left = truncation(entries.length, total)
      yield* show({ dead_letters: entries.map((found) => summaryOf(found, marks)), ...left.json }, (paint) =>
        entries.length === 0
          ? "No dead letters."
          : [
              table(
                headers,
                entries.map((found) => rowOf(found, marks)),
                paint
              ),
              ...left.lines
            ].join("\n")
      )
    })
  )
).pipe(Command.withDescription("List dead letters with their reasons"))

const id = Argument.String("id").pipe(Argument.withDescription("partition:offset, as the list shows it"))
const reveal = Flag.Boolean("reveal").pipe(
  Flag.withDescription("Open the sealed original with CAPI_MASTER_KEY and print it: it may hold personal data"),
  Flag.withDefault(false)
)

const showOne = Command.make("show", { id, reveal }, ({ id, reveal }) =>
  withKafkaAndCodecs(
    Effect.gen(function* () {
      let whole: DeadLetter | null = null
      const isMeant = (found: DeadLetterEntry) => {
        if (found.id === id) whole = found.deadLetter
        return found.id === id
      }
      const { entries, marks } = yield* lastDeadLetters({ _tag: "Beginning" }, isMeant, 1)
      const found = entries[0]
      if (found === undefined || whole === null) return yield* noSuchDeadLetter(id)
      const original = reveal ? yield* openOriginal(whole) : null
      const summary = summaryOf(found, marks)
      yield* show({ ...summary, original }, (paint) => details(summary, original, paint))
    })
  )
).pipe(Command.withDescription("Show one dead letter: why, where from, and what to do"))

export const deadLetters = Command.make("dead-letters").pipe(
  Command.withDescription("Look at events that could not go on"),
  Command.withSubcommands([list, showOne])
)

const openOriginal = Effect.fnUntraced(function* (deadLetter: DeadLetter) {
  const open = yield* originalOpener
  const { value } = yield* Effect.fromResult(open(deadLetter))
  return value?.toString("utf8") ?? null
})

const summaryOf = (found: ListedDeadLetter, { redriven, resolvedBy }: Marks) => ({
  id: found.id,
  ...found.deadLetter,
  redriven: redriven.has(found.id),
  resolved_by: resolvedBy(found.deadLetter),
  original: undefined,
  original_key: undefined,
  bytes: found.bytes
})

const headers = ["ID", "TIME", "STAGE", "REASON", "CONNECTION", "EVENT", "SOURCE", "REDRIVEN", "RESOLVED", "MESSAGE"]

const rowOf = (found: ListedDeadLetter, marks: Marks) => {
  const { id, deadLetter } = found
  return [
    id,
    `${new Date(deadLetter.timestamp).toISOString().slice(0, 19)}Z`,
    deadLetter.stage,
    deadLetter.reason_code,
    deadLetter.connection_id,
    deadLetter.event_id,
    `${deadLetter.source_topic}/${deadLetter.source_partition}:${deadLetter.source_offset}`,
    marks.redriven.has(id) ? "yes" : "no",
    marks.resolvedBy(deadLetter),
    deadLetter.message
  ]
}

const details = (summary: ReturnType<typeof summaryOf>, original: string | null, paint: Paint): string => {
  const lines = Object.entries(summary)
    .filter(([, value]) => value !== null && value !== undefined)
    .map(
      ([name, value]) =>
        `${paint("dim", name.padEnd(16))} ${name === "timestamp" ? new Date(Number(value)).toISOString() : printableLine(String(value))}`
    )
  return [...lines, ...(original === null ? [] : ["", original])].join("\n")
}

const noSuchDeadLetter = (id: string) =>
  new CommandError({
    code: "not_found",
    message: `There is no dead letter ${id}.`,
    nextStep: "See `./capi dead-letters list`."
  })
