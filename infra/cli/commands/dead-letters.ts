/** `capi dead-letters`: what could not go on, and why. */
import { Clock, Effect, Option, Redacted, Result } from "effect"
import type { DeadLetter } from "../../../schemas/types.gen.ts"
import { Codecs } from "../../../shared/avro/codecs.ts"
import { loadFileSettings } from "../../../shared/config/settings.ts"
import { deadLetterAad, fromKey } from "../../../shared/credentials/sealer.ts"
import { Argument, Command, Flag } from "../cli.ts"
import { CommandError } from "../command-error.ts"
import { type Moment, parseMoment } from "../moment.ts"
import { type Paint, show, table } from "../output.ts"
import { readTopic } from "../read-topic.ts"
import { withKafkaAndCodecs } from "../services.ts"

const since = Flag.String("since").pipe(
  Flag.withDescription("beginning (default), a time, or how long ago (2 hours)"),
  Flag.withDefault("beginning")
)
const reason = Flag.String("reason").pipe(Flag.withDescription("Only this reason code"), Flag.optional)
const connection = Flag.String("connection").pipe(Flag.withDescription("Only this connection"), Flag.optional)
const limit = Flag.Int("limit").pipe(Flag.withDescription("Show at most the last so many"), Flag.withDefault(100))

/** A dead letter and where it stands. */
interface Letter {
  /** `partition:offset` in dead-letters: its name for `show`. */
  readonly id: string
  readonly letter: DeadLetter
}

const list = Command.make("list", { since, reason, connection, limit }, ({ since, reason, connection, limit }) =>
  withKafkaAndCodecs(
    Effect.gen(function* () {
      const from = yield* Effect.fromResult(parseMoment(since, yield* Clock.currentTimeMillis))
      const fits = ({ letter }: Letter) =>
        (Option.isNone(reason) || reason.value === letter.reason_code) &&
        (Option.isNone(connection) || connection.value === letter.connection_id)
      const letters = yield* readLetters(from, fits, limit)
      yield* show(letters.map(summaryOf), (paint) =>
        letters.length === 0 ? "No dead letters." : table(headers, letters.map(rowOf), paint)
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
      const letters = yield* readLetters({ _tag: "Beginning" }, (found) => found.id === id, 1)
      const found = letters[0]
      if (found === undefined) return yield* noSuchLetter(id)
      const original = reveal ? yield* openOriginal(found.letter) : null
      yield* show({ ...summaryOf(found), original }, (paint) => details(found, original, paint))
    })
  )
).pipe(Command.withDescription("Show one dead letter: why, where from, and what to do"))

export const deadLetters = Command.make("dead-letters").pipe(
  Command.withDescription("Look at events that could not go on"),
  Command.withSubcommands([list, showOne])
)

const readLetters = Effect.fnUntraced(function* (from: Moment, fits: (letter: Letter) => boolean, limit: number) {
  const codecs = yield* Codecs
  let letters: Array<Letter> = []
  yield* readTopic({
    topic: "dead-letters",
    from,
    follow: false,
    onRecords: Effect.fnUntraced(function* (records) {
      yield* codecs.prepare(records.map((record) => record.value))
      for (const record of records) {
        const decoded = codecs.decode("dead-letter", record.value)
        if (decoded._tag !== "Decoded") continue
        const letter = { id: `${record.partition}:${record.offset}`, letter: decoded.value }
        if (fits(letter)) letters.push(letter)
      }
      // Originals may be large: only those that will be shown are held.
      if (letters.length > limit + 200) letters = lastOf(letters, limit)
    })
  })
  return lastOf(letters, limit)
})

const lastOf = (letters: ReadonlyArray<Letter>, limit: number) =>
  letters.toSorted((left, right) => left.letter.timestamp - right.letter.timestamp).slice(-Math.max(1, limit))

const openOriginal = Effect.fnUntraced(function* (letter: DeadLetter) {
  if (letter.original === null) return null
  if (!letter.sealed) return letter.original.toString("utf8")
  const { masterKey } = yield* loadFileSettings
  if (masterKey === null || Redacted.value(masterKey) === "")
    return yield* new CommandError({
      code: "no_master_key",
      message: "The original is sealed, and CAPI_MASTER_KEY is not set.",
      nextStep: "Set CAPI_MASTER_KEY to the key of the program that sealed it."
    })
  const aad = deadLetterAad("value", letter.source_topic, letter.source_partition, letter.source_offset)
  const opened = fromKey(masterKey).open(letter.original, aad)
  if (Result.isFailure(opened)) return yield* opened.failure
  return opened.success.toString("utf8")
})

const summaryOf = ({ id, letter }: Letter) => ({
  id,
  ...letter,
  original: undefined,
  original_key: undefined,
  bytes: letter.original?.length ?? 0
})

const headers = ["ID", "TIME", "STAGE", "REASON", "CONNECTION", "EVENT", "SOURCE", "MESSAGE"]

const rowOf = ({ id, letter }: Letter) => [
  id,
  new Date(letter.timestamp).toISOString().slice(0, 19),
  letter.stage,
  letter.reason_code,
  letter.connection_id,
  letter.event_id,
  `${letter.source_topic}/${letter.source_partition}:${letter.source_offset}`,
  letter.message
]

const details = ({ id, letter }: Letter, original: string | null, paint: Paint): string => {
  const lines = Object.entries(summaryOf({ id, letter }))
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
    nextStep: "See `capi dead-letters list`."
  })
