/** What the contract of connectors checks verdicts with, and what it throws at them. */
import { assert } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as fc from "fast-check"
import type { BatchVerdict, ErrorClass, HttpResponseSpec, Json } from "../connector.ts"

/** The class of each event of the request, or of each invalid event. */
export const classesOf = (verdict: BatchVerdict, count: number): ReadonlyArray<ErrorClass> => {
  if (verdict._tag === "PerEvent") return verdict.events.map(({ errorClass }) => errorClass)
  if (verdict._tag === "InvalidEvents") return [...verdict.invalidEvents.values()].map(({ errorClass }) => errorClass)
  return Array.from({ length: count }, () => verdict.verdict.errorClass)
}

/** One verdict for each event, of bounded words and waits. */
export const assertBounded = (verdict: BatchVerdict, count: number): void => {
  const verdicts =
    verdict._tag === "PerEvent"
      ? verdict.events
      : verdict._tag === "InvalidEvents"
        ? [...verdict.invalidEvents.values()]
        : [verdict.verdict]
  if (verdict._tag === "PerEvent") assert.strictEqual(verdict.events.length, count)
  if (verdict._tag === "InvalidEvents") {
    assert.isAbove(verdict.invalidEvents.size, 0)
    for (const index of verdict.invalidEvents.keys()) assert.isTrue(index >= 0 && index < count)
  }
  if (verdict._tag === "SomeInvalid") assert.isAbove(count, 1)
  for (const { message, reasonCode } of verdicts) {
    assert.isAtMost((message ?? "").length, 300)
    assert.match(reasonCode ?? "", /^[\w./:-]{0,201}$/)
  }
  for (const id of [verdict.requestId, verdict.trackingId]) assert.match(id ?? "-", /^[!-~]{1,256}$/)
  for (const warning of verdict.warnings) assert.isAtMost(warning.length, 300)
  if (verdict.retryAfter !== null) {
    const millis = Duration.toMillis(verdict.retryAfter)
    assert.isTrue(millis >= 0 && millis <= 86_400_000)
  }
  assert.isTrue(verdict.usagePercent === null || Number.isFinite(verdict.usagePercent))
  assert.isTrue(verdict.eventsReceived === null || Number.isSafeInteger(verdict.eventsReceived))
}

/** Bodies that no platform documents. */
export const hostileBodies: ReadonlyArray<string> = [
  "",
  "<!DOCTYPE html><html><body><h1>502 Bad Gateway</h1></body></html>",
  '{"events_received":',
  '{"error":{"code":1',
  "null",
  "[]",
  '"OK"',
  "42",
  "{}",
  "\u0000\u0001\ufffd\ufffd"
]

/** Texts for the place of every text and header of a documented answer: too long for an id, or obeyed by a terminal. */
export const hostileTexts: ReadonlyArray<string> = [
  "x".repeat(10_000),
  "id\u001b[2J\u0000\u009b\u202e",
  "two words",
  "\n"
]

/** The answer with this text in the place of each of its texts, those of its headers too or with another one. */
export const withTexts = (response: HttpResponseSpec, text: string, inHeaders = text): HttpResponseSpec => {
  const replaced = (value: Json): Json => {
    if (typeof value === "string") return text
    if (Array.isArray(value)) return value.map(replaced)
    if (value === null || typeof value !== "object") return value
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, replaced(item)]))
  }
  const headers = Object.fromEntries(
    [...Object.keys(response.headers), ...hostileHeaders, "x-pinterest-rid"].map((name) => [name, inHeaders])
  )
  return { ...response, headers, body: JSON.stringify(replaced(JSON.parse(response.body))) }
}

/** More than the transport hands on: it cuts at 4 MiB. */
export const hugeBody = `{"a":"${"x".repeat(10 * 1024 * 1024)}"}`

export const hostileHeaders = [
  "retry-after",
  "date",
  "content-type",
  "x-app-usage",
  "x-business-use-case-usage",
  "x-ad-account-usage",
  "x-ad-api-version-warning",
  "request-id",
  "x-request-id"
] as const

/** Documented bodies with a part cut out or a value replaced: what no random text would hit. */
export const mutationOf = (bodies: ReadonlyArray<string>): fc.Arbitrary<string> =>
  fc
    .tuple(
      fc.constantFrom(...bodies),
      fc.nat(),
      fc.nat(40),
      fc.constantFrom("", "null", "{}", "[]", "-1", "1e999", '"x"', "[[{}]]")
    )
    .map(([body, at, length, insert]) => {
      const start = body.length === 0 ? 0 : at % body.length
      return body.slice(0, start) + insert + body.slice(start + length)
    })
