/**
 * What an answer says of each event. Classification is data: `classification.json` of a platform's folder says for each documented code
 * what it means; the first row that matches all signs of an answer counts. Verdicts of whole requests are made of such.
 */
import * as Duration from "effect/Duration"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { isRecord } from "../model/json.ts"
import type { BatchVerdict, EventVerdict, HttpResponseSpec, VerdictMeta } from "./exchange.ts"
import http from "./http/classification.json" with { type: "json" }
import { retryAfterOf, safeText } from "./http/json.ts"

/** What an answer shows; a row matches some of it. */
export interface Signal {
  readonly status: number
  readonly code?: string | null
  readonly subcode?: string | null
  readonly flags?: ReadonlyArray<string>
  /** The field that the platform blames. */
  readonly path?: string | null
  readonly message?: string | null
}

export interface Classification {
  readonly rows: ReadonlyArray<ClassificationRow>
  /** The first matching row: the platform's, else the common ones by status, of which the last takes everything. */
  readonly rowOf: (signal: Signal) => ClassificationRow
  readonly classify: (signal: Signal) => EventVerdict
}

const Patterns = Schema.optionalKey(Schema.Array(Schema.String))

/**
 * A row: every field of `match` must fit, by one of its patterns: exact, `*` for any characters, `80000-80014` for a
 * range of numbers, `5xx` for a range of statuses.
 */
const Row = Schema.Struct({
  match: Schema.Struct({ status: Patterns, code: Patterns, subcode: Patterns, flag: Patterns, path: Patterns }),
  class: Schema.Literals([
    "delivered",
    "accepted",
    "duplicate",
    "invalid_event",
    "throttled",
    "transient",
    "auth",
    "configuration",
    "unknown"
  ]),
  /** What a numeric code of this row means, in a word, for reason codes. Codes that are words need none. */
  word: Schema.optionalKey(Schema.String.check(Schema.isPattern(/^[a-z]+(_[a-z]+)*$/))),
  reason: Schema.NonEmptyString,
  next_step: Schema.String,
  source: Schema.NonEmptyString,
  retry_after_seconds: Schema.optionalKey(Schema.Int)
})
const Table = Schema.Struct({ doc: Schema.String, rows: Schema.Array(Row) })

export type ClassificationRow = typeof Row.Type

/** Compiles a table. A malformed one is a mistake of the build: it stops the program at its start. */
export const classification = (table: unknown): Classification => {
  const rows = [...decodedTable(table).rows, ...commonRows]
  const compiled = rows.map((row) => ({ row, matches: compileMatch(row.match) }))
  const rowOf = (signal: Signal): ClassificationRow =>
    (compiled.find(({ matches }) => matches(signal)) ?? compiled[compiled.length - 1]!).row
  return { rows, rowOf, classify: (signal) => verdictOf(rowOf(signal), signal) }
}

const decodeTable = Schema.decodeUnknownResult(Table, { onExcessProperty: "error" })

const decodedTable = (table: unknown): typeof Table.Type => {
  const decoded = decodeTable(table)
  if (Result.isSuccess(decoded)) return decoded.success
  const doc = isRecord(table) && typeof table["doc"] === "string" ? ` ("${table["doc"].slice(0, 60)}")` : ""
  throw new Error(`A classification${doc} is not right: ${decoded.failure.message}`)
}

const commonRows = decodedTable(http).rows

const verdictOf = (row: ClassificationRow, signal: Signal): EventVerdict => ({
  errorClass: row.class,
  reasonCode: reasonCodeOf(row, signal),
  message: signal.message ? safeText(signal.message) : row.reason,
  ...(row.next_step === "" ? {} : { nextStep: row.next_step }),
  ...(row.retry_after_seconds === undefined ? {} : { retryAfter: Duration.seconds(row.retry_after_seconds) }),
  ...(row.class === "unknown" && !hasForm(signal) ? { unreadable: true } : {})
})

// What has a code or a flag was read in the platform's own form.
const hasForm = ({ code, flags }: Signal): boolean =>
  (code !== undefined && code !== null) || (flags !== undefined && flags.length > 0)

// A hostile answer must not invent reason codes without bound: they are labels of metrics.
const codePattern = /^[\w.:-]{1,100}$/

/** A platform's word (`INVALID_ARGUMENT`), or the row's word and the platform's number (`event_too_old:100/2804003`). */
const reasonCodeOf = (row: ClassificationRow, { status, code, subcode, flags }: Signal): string | null => {
  if (code !== undefined && code !== null && codePattern.test(code)) {
    const known = row.match.code !== undefined || row.match.subcode !== undefined
    const whole = subcode && codePattern.test(subcode) ? `${code}/${subcode}` : code
    if (!/^\d+$/.test(code)) return known ? whole : `http_${status}`
    if (row.word === undefined && (row.class === "delivered" || row.class === "accepted")) return null
    return row.word !== undefined && (known || code.length <= 6) ? `${row.word}:${whole}` : `http_${status}`
  }
  if (row.class === "delivered" || row.class === "accepted") return null
  return row.match.flag?.find((flag) => flags?.includes(flag) === true) ?? `http_${status}`
}

type Matcher = (signal: Signal) => boolean

const compileMatch = (match: ClassificationRow["match"]): Matcher => {
  const status = compilePatterns(match.status)
  const code = compilePatterns(match.code)
  const subcode = compilePatterns(match.subcode)
  const path = compilePatterns(match.path)
  const flag = compilePatterns(match.flag)
  return (signal) =>
    (status === null || status(String(signal.status))) &&
    (code === null || code(signal.code ?? null)) &&
    (subcode === null || subcode(signal.subcode ?? null)) &&
    (path === null || path(signal.path ?? null)) &&
    (flag === null || (signal.flags ?? []).some(flag))
}

type TextMatcher = (text: string | null) => boolean

const compilePatterns = (patterns: ReadonlyArray<string> | undefined): TextMatcher | null => {
  if (patterns === undefined) return null
  const matchers = patterns.map(compilePattern)
  return (text) => text !== null && matchers.some((matches) => matches(text))
}

const compilePattern = (pattern: string): ((text: string) => boolean) => {
  const range = /^(\d+)-(\d+)$/.exec(pattern)
  if (range !== null) {
    const [low, high] = [Number(range[1]), Number(range[2])]
    return (text) => /^\d+$/.test(text) && Number(text) >= low && Number(text) <= high
  }
  if (/^\dxx$/.test(pattern)) return (text) => text.length === 3 && text.startsWith(pattern[0]!)
  if (!pattern.includes("*")) return (text) => text === pattern
  const [before, after] = [pattern.slice(0, pattern.indexOf("*")), pattern.slice(pattern.indexOf("*") + 1)]
  return (text) => text.length >= pattern.length - 1 && text.startsWith(before) && text.endsWith(after)
}

/** Of a response that says nothing beside its events. */
export const verdictMeta: VerdictMeta = {
  requestId: null,
  eventsReceived: null,
  warnings: [],
  retryAfter: null,
  usagePercent: null,
  trackingId: null
}

/** What a response says beside the events: its Retry-After, else the table's wait where the whole connection is throttled. */
export const verdictMetaOf = (response: HttpResponseSpec, verdict: EventVerdict): VerdictMeta => ({
  ...verdictMeta,
  retryAfter: retryAfterOf(response) ?? (verdict.errorClass === "throttled" ? (verdict.retryAfter ?? null) : null)
})

/** The same for every event. */
export const uniformVerdict = (meta: VerdictMeta, verdict: EventVerdict): BatchVerdict => ({
  ...meta,
  _tag: "All",
  verdict: verdict.errorClass === "throttled" ? withoutWait(verdict) : verdict
})

// A throttled connection waits as a whole, by `retryAfter` of the whole; its events are not put off one by one.
const withoutWait = ({ retryAfter: _, ...verdict }: EventVerdict): EventVerdict => verdict

/**
 * The platform refused the request because of events: those it named, if they are events of this request. Where it
 * names none, a single event is the invalid one, and several are to be bisected.
 */
export const rejectedBatch = (
  meta: VerdictMeta,
  verdict: EventVerdict,
  invalidEvents: ReadonlyMap<number, EventVerdict>,
  eventCount: number
): BatchVerdict => {
  const known = new Map([...invalidEvents].filter(([index]) => index >= 0 && index < eventCount))
  if (known.size > 0) return { ...meta, _tag: "InvalidEvents", invalidEvents: known }
  return eventCount <= 1 ? uniformVerdict(meta, verdict) : { ...meta, _tag: "SomeInvalid", verdict }
}

/**
 * A status for each event: by its place in the request, where the answer lists them in that order, or by the index that the
 * answer gives. An event without one is `unknown`: whether the platform has it is not known.
 */
export const itemVerdicts = (
  meta: VerdictMeta,
  items: ReadonlyMap<number, EventVerdict>,
  eventCount: number
): BatchVerdict => ({
  ...meta,
  _tag: "PerEvent",
  events: Array.from({ length: eventCount }, (_, index) => items.get(index) ?? withoutStatus)
})

/** Of an event that a response says nothing of. */
export const withoutStatus: EventVerdict = {
  errorClass: "unknown",
  reasonCode: "no_verdict",
  message: "The answer does not say."
}

/**
 * The verdict of a probe, which is a request without events: "invalid" means that address, account and credential were
 * accepted and only the events are missing, so everything works.
 */
export const probeOf = (verdict: EventVerdict): EventVerdict =>
  verdict.errorClass === "invalid_event" || verdict.errorClass === "accepted"
    ? { errorClass: "delivered", reasonCode: null, message: "The platform answers and accepts the credential." }
    : verdict
