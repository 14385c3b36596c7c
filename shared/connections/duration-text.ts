/** Durations as files of settings write them: a number and a unit. */
import * as Duration from "effect/Duration"
import * as Option from "effect/Option"

export const durationForms = "a number and a unit, such as 500 millis, 30 seconds, 1 minute, 2 hours"

/** `500 millis`, `30 s`, `1 minute`; null where it is not a duration above zero. */
export const readDuration = (text: string): Duration.Duration | null => {
  const match = /^(\d+(?:\.\d+)?)\s*([a-z]+)$/i.exec(text.trim())
  const unit = match === null ? undefined : units[match[2]!.toLowerCase()]
  if (match === null || unit === undefined) return null
  const read = Duration.fromInput(`${Number(match[1])} ${unit}`)
  return Option.getOrNull(Option.filter(read, Duration.isPositive))
}

const units: Readonly<Record<string, "millis" | "seconds" | "minutes" | "hours" | "days">> = {
  ...{ ms: "millis", milli: "millis", millis: "millis", millisecond: "millis", milliseconds: "millis" },
  ...{ s: "seconds", sec: "seconds", second: "seconds", seconds: "seconds" },
  ...{ m: "minutes", min: "minutes", minute: "minutes", minutes: "minutes" },
  ...{ h: "hours", hour: "hours", hours: "hours", d: "days", day: "days", days: "days" }
}

/** The pattern of a duration: a number above zero and a unit, in any case. */
export const durationPattern = `(?=[\\d.]*[1-9])\\d+(?:\\.\\d+)?\\s*(?:${Object.keys(units)
  .map((unit) => unit.replaceAll(/[a-z]/g, (letter) => `[${letter}${letter.toUpperCase()}]`))
  .join("|")})`
