/** Times of an event: milliseconds since the epoch, or ISO 8601 with its offset; and not of the future. */
import { dropped, type Field, kept } from "../identity/field.ts"
import { type Problem, problem } from "./problem.ts"

/** The year 5138 in seconds and March 1973 in milliseconds: nothing lies on both sides. */
const earliestMillis = 100_000_000_000

/** Why a value names no point in time: it is no time, or a local one, which is another time in each time zone. */
export type TimeFault = "invalid" | "without_offset"

/**
 * Reads a JSON value as milliseconds since the epoch: a number, its decimal digits as a string, or ISO 8601 with `Z` or an
 * offset (`2026-11-28T09:30:00.5+01:00`; RFC 3339, the basic format and a zone's name in brackets too). Fractions of a
 * millisecond are cut. Null for no value.
 */
export const readTime = (value: unknown): number | null | TimeFault => {
  if (typeof value === "number") return Number.isFinite(value) ? Math.trunc(value) : "invalid"
  if (value === undefined || value === null || value === "") return null
  if (typeof value !== "string" || value.length > textLengthMax) return "invalid"
  const text = value.trim()
  if (text === "") return null
  return digits.test(text) ? Math.trunc(Number(text)) : readIso(text)
}

const textLengthMax = 128
const digits = /^[0-9]{1,20}(?:\.[0-9]+)?$/
const isoDate = /^([0-9]{4})(-?)([0-9]{2})\2([0-9]{2})/
const isoTime = /^[T ]([0-9]{2}):?([0-9]{2})(?::?([0-9]{2})(?:[.,]([0-9]+))?)?/i
const isoOffset = /^ ?(?:(?:Z|UTC|GMT)|([+-])([0-9]{2})(?::?([0-9]{2}))?)(?:\[[^\]]*\])?$/i

const readIso = (text: string): number | TimeFault => {
  const date = isoDate.exec(text)
  if (date === null) return "invalid"
  const afterDate = text.slice(date[0].length)
  const time = isoTime.exec(afterDate)
  const afterTime = time === null ? afterDate : afterDate.slice(time[0].length)
  if (afterTime === "") return "without_offset"
  const offset = isoOffset.exec(afterTime)
  if (time === null || offset === null) return "invalid"
  const [year, month, day] = [Number(date[1]), Number(date[3]), Number(date[4])]
  const [hour, minute, second] = [Number(time[1]), Number(time[2]), Number(time[3] ?? 0)]
  const [offsetHour, offsetMinute] = [Number(offset[2] ?? 0), Number(offset[3] ?? 0)]
  const midnight = Date.UTC(year, month - 1, day)
  const isDay = month >= 1 && month <= 12 && day >= 1 && day <= daysOf(year, month)
  // A leap second counts as the first of the next minute.
  if (!isDay || hour > 23 || minute > 59 || second > 60 || offsetHour > 14 || offsetMinute > 59) return "invalid"
  const millis =
    midnight + ((hour * 60 + minute) * 60 + second) * 1_000 + Number((time[4] ?? "").padEnd(3, "0").slice(0, 3))
  const shift = (offsetHour * 60 + offsetMinute) * 60_000 * (offset[1] === "-" ? -1 : 1)
  const read = millis - shift
  // Before platforms had events; and nothing that was written as a date may be taken for seconds.
  return read < earliestMillis ? "invalid" : read
}

const daysOf = (year: number, month: number): number => new Date(Date.UTC(year, month, 0)).getUTCDate()

/** Which times lie in the future. */
export interface FutureLimit {
  /** `Clock` in milliseconds since the epoch, to refuse events of the future; null refuses none. */
  readonly now: number | null
  /** How far ahead of `now` a producer's clock may be, in milliseconds. */
  readonly futureToleranceMillis: number
}

/** Why a time cannot be used, or null. Old events pass: their age is each platform's own question. */
export const timeProblem = (time: number, { now, futureToleranceMillis }: FutureLimit): Problem | null => {
  if (!Number.isFinite(time) || time <= 0) {
    return problem("event_time_invalid", "The event_time is no number of milliseconds since 1970.")
  }
  if (time < earliestMillis) return problem("event_time_in_seconds", "The event_time looks like seconds.")
  if (time >= 100_000_000_000_000) {
    return problem("event_time_invalid", "The event_time looks like microseconds or nanoseconds.")
  }
  if (now !== null && time > now + futureToleranceMillis) {
    return problem("event_time_in_future", "The event_time lies in the future.")
  }
  return null
}

/** The time of something before the event, in milliseconds, or why it is not one: it lies after the event or is not a time. */
export const earlierTime = (time: number | null, eventTime: number): Field<number> | null => {
  if (time === null) return null
  return Number.isFinite(time) && time >= earliestMillis && time <= eventTime
    ? kept(Math.trunc(time))
    : dropped("invalid_time")
}
