/** `./capi trace`: every record of an event on every topic, in order of time. */

import * as Effect from "effect/Effect"
import { maskRecord } from "../../../processors/normalizer/preview/mask.ts"
import { storedId } from "../../../processors/normalizer/preview/stored-id.ts"
import { readDuration } from "../../../shared/connections/duration-text.ts"
import { indexClient } from "../../../shared/event-story/ask-index.ts"
import { defaultScanBounds } from "../../../shared/event-story/scan.ts"
import { type EventStory, queryKinds } from "../../../shared/event-story/story.ts"
import { traceEvent } from "../../../shared/event-story/trace-event.ts"
import { Argument, Command, CommandError, countFlag, Flag } from "../cli.ts"
import { show } from "../output.ts"
import { withKafkaAndCodecs } from "../services.ts"
import { storyText } from "../story-text.ts"

const id = Argument.String("id").pipe(
  Argument.withDescription("An event id, an order id or a click id, as the event has it"),
  Argument.map(storedId)
)
const kind = Flag.Literals("kind", ["any", ...queryKinds] as const).pipe(
  Flag.withDescription("What the id is; any (default) looks for it as each"),
  Flag.withDefault("any" as const)
)
const since = Flag.String("since").pipe(
  Flag.withDescription("Without an indexer: how far back to look (1 hour by default)"),
  Flag.withDefault("1 hour")
)
const limit = countFlag("limit", "Show at most so many events, the newest").pipe(Flag.withDefault(10))
const records = Flag.Boolean("records").pipe(
  Flag.withDescription("Show each record too, masked"),
  Flag.withDefault(false)
)

export const trace = Command.make("trace", { id, kind, since, limit, records }, ({ id, kind, since, limit, records }) =>
  Effect.gen(function* () {
    const bounds = { ...defaultScanBounds, window: yield* windowOf(since) }
    const index = yield* indexClient
    const story = yield* withKafkaAndCodecs(
      traceEvent({ text: id, kind }, { view: maskRecord, index, bounds, eventsMax: limit })
    )
    yield* show(story, (paint) => storyText(story, records, paint))
    if (story.events.length === 0) return yield* notFound(story)
  })
).pipe(
  Command.withDescription("Show every record of an event on every topic, each attempt and answer, masked"),
  Command.withExamples([
    { command: "./capi trace o-42", description: "By the event's id" },
    { command: "./capi trace IwAR2x --kind click --json", description: "Events with a click id, as JSON" },
    { command: "./capi trace o-42 --records", description: "With the records themselves" }
  ])
)

/** `2 hours`, as everywhere. */
export const windowOf = (since: string): Effect.Effect<NonNullable<ReturnType<typeof readDuration>>, CommandError> => {
  const window = readDuration(since)
  return window === null
    ? Effect.fail(
        new CommandError({
          code: "invalid_since",
          message: `--since ${since} is not a duration above zero.`,
          nextStep: 'Give one, such as --since "6 hours".',
          exitCode: 2
        })
      )
    : Effect.succeed(window)
}

/** Where was looked is in the coverage's notes, which are shown in any case. */
export const notFound = (story: EventStory) =>
  new CommandError({
    code: "not_found",
    message:
      story.coverage.by === "index"
        ? "The index knows no event with this id."
        : "No event with this id is among the records that were looked through.",
    nextStep:
      "Check that the id is as the event has it. An event that waits for the normalizer is not found yet: ./capi top."
  })
