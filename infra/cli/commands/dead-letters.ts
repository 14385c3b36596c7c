/** `./capi dead-letters`: what could not go on, and why. */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type { DeadLetter } from "../../../schemas/types.gen.ts"
import { Argument, Command, countFlag, Flag } from "../cli.ts"
import { CommandError } from "../command-error.ts"
import { isReason } from "../known-values.ts"
import { leftOut } from "../left-out.ts"
import { type Letter, type Marks, originalOpener, readLetters } from "../letters.ts"
import { parseMoment } from "../moment.ts"
import { type Paint, show, table } from "../output.ts"
import { SeenValues } from "../seen-values.ts"
import { withKafkaAndCodecs } from "../services.ts"

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
      const from = yield* Effect.fromResult(parseMoment(since, yield* Clock.currentTimeMillis))
      const seen = new SeenValues()
      const fits = (found: Letter) => {
        seen.add(found)
        return (
          isReason(reason, found.letter.reason_code) &&
          (Option.isNone(connection) || connection.value === found.letter.connection_id)
        )
      }
      const { letters, marks, total } = yield* readLetters(from, fits, limit)
      yield* seen.expect({ reason, connection })
      const left = leftOut(letters.length, total)
      yield* show({ dead_letters: letters.map((found) => summaryOf(found, marks)), ...left.json }, (paint) =>
        letters.length === 0
          ? "No dead letters."
          : [
              table(
                headers,
                letters.map((found) => rowOf(found, marks)),
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
      const { letters, marks } = yield* readLetters({ _tag: "Beginning" }, (found) => found.id === id, 1)
      const found = letters[0]
      if (found === undefined) return yield* noSuchLetter(id)
      const original = reveal ? yield* openOriginal(found.letter) : null
      const summary = summaryOf(found, marks)
      yield* show({ ...summary, original }, (paint) => details(summary, original, paint))
    })
  )
).pipe(Command.withDescription("Show one dead letter: why, where from, and what to do"))

export const deadLetters = Command.make("dead-letters").pipe(
  Command.withDescription("Look at events that could not go on"),
  Command.withSubcommands([list, showOne])
)

const openOriginal = Effect.fnUntraced(function* (letter: DeadLetter) {
  const open = yield* originalOpener
  const { value } = yield* Effect.fromResult(open(letter))
  return value?.toString("utf8") ?? null
})

const summaryOf = (found: Letter, { redriven, resolvedBy }: Marks) => ({
  id: found.id,
  ...found.letter,
  redriven: redriven.has(found.id),
  resolved_by: resolvedBy(found.letter),
  original: undefined,
  original_key: undefined,
  bytes: found.letter.original?.length ?? 0
})

const headers = ["ID", "TIME", "STAGE", "REASON", "CONNECTION", "EVENT", "SOURCE", "REDRIVEN", "RESOLVED", "MESSAGE"]

const rowOf = (found: Letter, marks: Marks) => {
  const { id, letter } = found
  return [
    id,
    new Date(letter.timestamp).toISOString().slice(0, 19),
    letter.stage,
    letter.reason_code,
    letter.connection_id,
    letter.event_id,
    `${letter.source_topic}/${letter.source_partition}:${letter.source_offset}`,
    marks.redriven.has(id) ? "yes" : "no",
    marks.resolvedBy(letter),
    letter.message
  ]
}

const details = (summary: ReturnType<typeof summaryOf>, original: string | null, paint: Paint): string => {
  const lines = Object.entries(summary)
    .filter(([, value]) => value !== null && value !== undefined)
    .map(
      ([name, value]) =>
        `${paint("dim", name.padEnd(16))} ${name === "timestamp" ? new Date(Number(value)).toISOString() : value}`
    )
  return [...lines, ...(original === null ? [] : ["", original])].join("\n")
}

const noSuchLetter = (id: string) =>
  new CommandError({
    code: "not_found",
    message: `There is no dead letter ${id}.`,
    nextStep: "See `./capi dead-letters list`."
  })
