/** `./capi explain`: what happens to an event at each connection and why, without sending it. */

import { existsSync } from "node:fs"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import { explainRead } from "../../../processors/normalizer/preview/explain.ts"
import { explainTraced } from "../../../processors/normalizer/preview/explain-traced.ts"
import { storedId } from "../../../processors/normalizer/preview/stored-id.ts"
import { environment, loadFileSettings } from "../../../shared/config/settings.ts"
import { loadConnections } from "../../../shared/connectors/load-connections.ts"
import { indexClient } from "../../../shared/event-story/ask-index.ts"
import { defaultScanBounds } from "../../../shared/event-story/scan.ts"
import { Argument, Command, CommandError, Flag } from "../cli.ts"
import { explanationText } from "../explanation-text.ts"
import { show } from "../output.ts"
import { rawRecordOf, readRaw } from "../raw-lines.ts"
import { withKafkaAndCodecs } from "../services.ts"
import { chooseConnections } from "./connect.ts"
import { chunksOf, unreadable } from "./prepare.ts"
import { notFound, windowOf } from "./trace.ts"

const event = Argument.String("event").pipe(
  Argument.withDescription("A file of raw events as JSON (- for standard input), or the id of an event that passed")
)
const connection = Flag.String("connection").pipe(Flag.withDescription("Only at this connection"), Flag.optional)
const since = Flag.String("since").pipe(
  Flag.withDescription("For an id, without an indexer: how far back to look (1 hour by default)"),
  Flag.withDefault("1 hour")
)

export const explain = Command.make("explain", { event, connection, since }, ({ event, connection, since }) =>
  Effect.gen(function* () {
    const { connectionsFile } = yield* loadFileSettings
    const { connections } = yield* loadConnections(connectionsFile, environment())
    const chosen = Option.isSome(connection) ? yield* chooseConnections(connections, [connection.value]) : connections
    if (event === "-" || existsSync(event)) return yield* explainFile(event, chosen)
    if (/\.jsonl?$/.test(event)) return yield* unreadable(event, { code: "ENOENT" })
    const bounds = { ...defaultScanBounds, window: yield* windowOf(since) }
    const index = yield* indexClient
    const { explanation, story } = yield* withKafkaAndCodecs(
      explainTraced({ text: storedId(event), kind: "any" }, chosen, { index, bounds, eventsMax: 1 })
    )
    if (story.events.length === 0) return yield* notFound(story)
    if (explanation === null) return yield* recordsGone
    yield* show(explanation, (paint) => explanationText(explanation, paint))
  })
).pipe(
  Command.withDescription("Show what happens to an event at each connection and why, without sending it"),
  Command.withExamples([
    { command: "./capi explain event.json", description: "An event as a producer would publish it" },
    { command: "./capi explain o-42 --json", description: "An event that passed, as JSON" }
  ])
)

const recordsGone = new CommandError({
  code: "records_gone",
  message: "Neither the raw nor the normalized record of the event is there to be explained.",
  nextStep: "./capi trace shows what is left of it."
})

/** One JSON document, or one a line. */
const explainFile = Effect.fnUntraced(function* (
  file: string,
  connections: Parameters<typeof explainRead>[1]["connections"]
) {
  const chunks = yield* Stream.runCollect(Stream.fromAsyncIterable(chunksOf(file), (cause) => unreadable(file, cause)))
  const text = [...chunks].join("")
  const now = yield* Clock.currentTimeMillis
  const events = isDocument(text) ? [text] : text.split("\n").filter((line) => line.trim() !== "")
  for (const one of events) {
    const explained = explainRead(readRaw(rawRecordOf(one, now).value), { connections, now })
    yield* show(explained, (paint) => explanationText(explained, paint))
  }
})

const isDocument = (text: string): boolean => {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}
