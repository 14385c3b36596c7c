/** `./capi send`: publishes raw events from a file or standard input, or checks them without publishing. */

import { existsSync } from "node:fs"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import { Codecs } from "../../../shared/codec/codecs.ts"
import { SettingsService } from "../../../shared/config/settings.ts"
import { KafkaClient } from "../../../shared/kafka/client.ts"
import { topicNames } from "../../../shared/model/topics.ts"
import { publishSamples } from "../../samples/publish.ts"
import { samplesFile } from "../../samples/sample-events.ts"
import { Argument, Command, CommandError, Flag, Json } from "../cli.ts"
import { count, Output, show } from "../output.ts"
import { checkLine, droppedFieldNotes, encodeLine, type Line, linesOf, type SendOptions } from "../raw-lines.ts"
import { withKafka, withKafkaAndCodecs } from "../services.ts"
import { chunksOf, unreadable } from "./prepare.ts"

const file = Argument.String("file").pipe(
  Argument.withDescription("Raw events, one JSON object a line, or the shipped sample file; - for standard input"),
  Argument.optional
)
const samples = Flag.Boolean("samples").pipe(
  Flag.withDescription("Publish the sample events (some of them bad on purpose)"),
  Flag.withDefault(false)
)
const encoding = Flag.Literals("encoding", ["json", "avro"]).pipe(
  Flag.withDescription("How records are written: json (as it is) or avro (Confluent-Avro)"),
  Flag.withDefault("json" as const)
)
const dryRun = Flag.Boolean("dry-run").pipe(
  Flag.withDescription("Check each event as the normalizer would, and publish nothing"),
  Flag.withDefault(false)
)
const now = Flag.Boolean("now").pipe(
  Flag.withDescription("Set event_time to the present time where an event has none"),
  Flag.withDefault(false)
)
const linesAtOnce = 500

export const send = Command.make("send", { file, samples, encoding, dryRun, now }, (given) =>
  Effect.gen(function* () {
    if (given.samples) return yield* sendSamples
    if (Option.isNone(given.file)) return yield* noFile
    const started = yield* Clock.currentTimeMillis
    const options: SendOptions = {
      encoding: given.encoding,
      setTime: given.now ? started : null,
      samplesAt: started
    }
    if (given.dryRun) return yield* dryRunOf(given.file.value, options)
    const work = sendLines(given.file.value, options)
    return yield* given.encoding === "avro"
      ? withKafkaAndCodecs(work)
      : withKafka(Effect.provideService(work, Codecs, neverUsed))
  })
).pipe(
  Command.withDescription("Publish raw events"),
  Command.withExamples([
    { command: "./capi send events.jsonl", description: "Publish a file" },
    { command: "cat events.jsonl | ./capi send - --encoding avro", description: "Publish standard input as Avro" },
    { command: "./capi send events.jsonl --dry-run", description: "Say what is wrong with them" },
    { command: "./capi send --samples", description: "Publish the sample events" }
  ])
)

const sendSamples = Effect.gen(function* () {
  if (!existsSync(samplesFile)) return yield* noSamples
  yield* withKafkaAndCodecs(
    Effect.gen(function* () {
      const sent = yield* publishSamples((yield* SettingsService).topicPrefix)
      yield* show({ sent }, () => `Sent ${count(sent, "sample event")}.`)
    })
  )
})

const textOf = (file: string) => Stream.fromAsyncIterable(chunksOf(file), (cause) => unreadable(file, cause))

const noSamples = new CommandError({
  code: "no_samples",
  message: "The sample events are not here: they are part of the repository, not of the image.",
  nextStep: "Run it in a checkout of the repository, or name a file of JSON lines.",
  exitCode: 2
})

const sendLines = Effect.fnUntraced(function* (file: string, options: SendOptions) {
  const kafka = yield* KafkaClient
  const codecs = yield* Codecs
  const output = yield* Output
  const topic = `${(yield* SettingsService).topicPrefix}${topicNames.raw}`
  let sent = 0
  let refused = 0
  const sendSome = Effect.fnUntraced(function* (lines: ReadonlyArray<Line>) {
    const encoded = lines.map((line) => encodeLine(line, options, codecs))
    const records = encoded.flatMap((one) => (one._tag === "Record" ? [{ topic, key: one.key, value: one.value }] : []))
    for (const [index, one] of encoded.entries()) {
      if (one._tag === "Refused") yield* output.note(`line ${one.line}: ${one.message}`)
      else for (const note of droppedFieldNotes(lines[index]!.number, one.dropped ?? [])) yield* output.note(note)
    }
    yield* kafka.produce(records)
    sent += records.length
    refused += encoded.length - records.length
  })
  yield* linesOf(textOf(file), linesAtOnce).pipe(Stream.runForEach(sendSome))
  yield* show({ sent, refused }, () => `Sent ${count(sent, "event")}.`)
  if (refused > 0)
    return yield* new CommandError({
      code: "refused",
      message: `${count(refused, "line was", "lines were")} not sent.`,
      nextStep: "Correct the lines named above."
    })
})

const dryRunOf = Effect.fnUntraced(function* (file: string, options: SendOptions) {
  const output = yield* Output
  const json = yield* Json
  const now = yield* Clock.currentTimeMillis
  let good = 0
  let bad = 0
  const checkSome = Effect.fnUntraced(function* (lines: ReadonlyArray<Line>) {
    let text = ""
    for (const line of lines) {
      const checked = checkLine(line, options, now)
      if (checked.valid) good++
      else bad++
      if (json) text += `${JSON.stringify(checked)}\n`
      else {
        if (!checked.valid) text += `line ${checked.line}: ${checked.reason}: ${checked.message} ${checked.next_step}\n`
        // Of an event that does not go on, a misspelt field may be the reason; what else it lacks does not matter.
        const dropped = checked.dropped_fields.filter(({ reason }) => checked.valid || reason === "unknown_field")
        for (const note of droppedFieldNotes(checked.line, dropped)) text += `${note}\n`
      }
    }
    if (text !== "") yield* output.write(text)
  })
  yield* linesOf(textOf(file), linesAtOnce).pipe(Stream.runForEach(checkSome))
  if (!json) yield* output.write(`${count(good, "event")} would go on, ${bad} to dead-letters.\n`)
  if (bad > 0)
    return yield* new CommandError({
      code: "invalid_events",
      message: `${count(bad, "event")} would end in dead-letters.`,
      nextStep: "Correct the lines named above."
    })
})

const noFile = Effect.fail(
  new CommandError({
    code: "no_file",
    message: "There is nothing to send.",
    nextStep: "Name a file of JSON lines, - for standard input, or --samples.",
    exitCode: 2
  })
)

const neverUsed: Codecs["Service"] = {
  loadSchemas: () => Effect.void,
  decode: () => ({ _tag: "Undecodable", reason: "not_avro", message: "No registry is used." }),
  encode: () => Buffer.alloc(0),
  encodePooled: (write) => ({ value: write(), release: () => undefined })
}
