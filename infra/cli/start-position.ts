/** Where to begin reading, as people write it: `beginning`, a date, or how long ago. */
import * as Duration from "effect/Duration"
import * as Result from "effect/Result"
import { durationForms, readDuration } from "../../shared/connections/duration-text.ts"
import type { StartPosition } from "../../shared/kafka/read-topic.ts"
import { CommandError } from "./cli.ts"

/** Positions as `partition:offset`, separated by commas; null where the text has another form. Partitions not named stay. */
export const parseOffsets = (text: string): ReadonlyMap<number, number> | null =>
  /^\d+:\d+(,\d+:\d+)*$/.test(text)
    ? new Map(text.split(",").map((one) => one.split(":").map(Number) as [number, number]))
    : null

/** `now` in milliseconds since the epoch. */
export const parseStartPosition = (text: string, now: number): Result.Result<StartPosition, CommandError> => {
  const trimmed = text.trim()
  if (trimmed === "beginning") return Result.succeed({ _tag: "Beginning" })
  const ago = readDuration(trimmed.endsWith("ago") ? trimmed.slice(0, -3).trimEnd() : trimmed)
  if (ago !== null) return Result.succeed({ _tag: "At", millis: now - Duration.toMillis(ago) })
  const millis = /^\d{12,14}$/.test(trimmed) ? Number(trimmed) : dateOf(trimmed)
  if (millis !== null && millis <= now) return Result.succeed({ _tag: "At", millis })
  return Result.fail(
    new CommandError({
      code: "invalid_time",
      message: millis === null ? `${JSON.stringify(text)} is not a time.` : `${JSON.stringify(text)} is in the future.`,
      nextStep: `Give beginning, a date such as 2026-11-23T08:00:00Z, milliseconds since the epoch, or ${durationForms} (ago).`,
      exitCode: 2
    })
  )
}

/** A time without a zone is UTC, as commands show times, whatever the zone of the machine. */
const dateOf = (text: string): number | null => {
  const [, day, time = "00:00", zone = "Z"] =
    /^(\d{4}-\d{2}-\d{2})(?:[T ](\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?)(Z|[+-]\d{2}:\d{2})?)?$/.exec(text) ?? []
  if (day === undefined) return null
  const millis = Date.parse(`${day}T${time}${zone}`)
  return Number.isNaN(millis) ? null : millis
}
