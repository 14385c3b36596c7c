/** An event's story as text for people. */
import {
  type Coverage,
  type EventStory,
  type EventTimeline,
  positionName,
  type StoryConnection,
  type StoryEntry
} from "../../shared/event-story/story.ts"
import { printableLine } from "../../shared/telemetry/printable.ts"
import { count, type Paint, table } from "./output.ts"

/** @param withRecords each entry's record, masked, below its line */
export const storyText = (story: EventStory, withRecords: boolean, paint: Paint): string =>
  [
    ...story.events.map((timeline) => timelineText(timeline, withRecords, paint)),
    ...(story.more_events === 0
      ? []
      : [
          `${count(story.more_events, "older event")} with this id ${story.more_events === 1 ? "is" : "are"} not shown; --limit shows more.`
        ]),
    ...coverageLines(story.coverage).map((line) => paint("dim", line))
  ].join("\n")

const timelineText = (timeline: EventTimeline, withRecords: boolean, paint: Paint): string => {
  const { event_id, event_name, event_time, entries, connections } = timeline
  const head = [event_id, event_name, event_time === null ? null : `happened ${timeOf(event_time)}`]
  return [
    paint("bold", printableLine(head.filter((part) => part !== null).join("  "))),
    ...(connections.length === 0
      ? []
      : [
          table(
            connectionHeaders,
            connections.map((one) => connectionRow(one, paint)),
            paint
          )
        ]),
    table(
      headers,
      entries.map((entry) => rowOf(entry, paint)),
      paint
    ),
    ...(withRecords ? entries.flatMap((entry) => recordLines(entry, paint)) : []),
    ""
  ].join("\n")
}

const connectionHeaders = ["CONNECTION", "PLATFORM", "OUTCOME", "REASON", "TOTAL MS"]
const connectionRow = ({ connection_id, platform, outcome, reason_code, total_ms }: StoryConnection, paint: Paint) => [
  connection_id,
  platform,
  paint(colourOf(outcome), outcome),
  reason_code,
  total_ms
]

const headers = ["TIME", "+MS", "STAGE", "CONNECTION", "POSITION", "MAPPING", "WHAT"]
const rowOf = (entry: StoryEntry, paint: Paint) => [
  timeOf(entry.at),
  entry.latency_ms,
  entry.stage,
  entry.connection_id,
  positionName(entry),
  entry.mapping_version,
  paint(entry.outcome === null ? "dim" : colourOf(entry.outcome), printableLine(whatOf(entry)))
]

const whatOf = ({ summary, request, redrive, stage }: StoryEntry): string => {
  const redriven = redrive !== null && stage !== "dead_letter" && stage !== "mark" ? `redriven from ${redrive}: ` : ""
  if (request === null) return redriven + summary
  const details = [
    request.request_id === null ? null : `request ${request.request_id}`,
    `${Math.round(request.latency_ms)} ms`,
    request.retries === 0 ? null : count(request.retries, "request before", "requests before"),
    `batch of ${request.batch_size}`,
    request.message
  ]
  return `${redriven}${summary} (${details.filter((detail) => detail !== null).join(", ")})`
}

const recordLines = (entry: StoryEntry, paint: Paint): ReadonlyArray<string> =>
  entry.record === null ? [] : [`${paint("blue", positionName(entry))} ${printableLine(JSON.stringify(entry.record))}`]

const coverageLines = ({ by, since, behind, gone, notes }: Coverage): ReadonlyArray<string> => [
  ...(by === "index" && behind === 0 && since !== null
    ? [`By the index, which has read all records since ${timeOf(since)}.`]
    : []),
  ...(gone === 0 ? [] : [`${count(gone, "record is", "records are")} gone by retention.`]),
  ...notes
]

const colourOf = (outcome: string) => {
  if (outcome === "delivered" || outcome === "accepted") return "green"
  if (outcome === "skipped" || outcome === "waiting") return "dim"
  return outcome === "retry_scheduled" ? "yellow" : "red"
}

const timeOf = (millis: number): string => new Date(millis).toISOString()
