import table from "../../../schemas/classification/google.json" with { type: "json" }
import type { SendableEvent } from "../../codec/codecs.ts"
import { classification } from "../classification.ts"
import type { BatchVerdict, EventVerdict, HttpResponseSpec, JsonObject } from "../connector.ts"
import { bodyObject, objectsOf, safeText, textOf } from "../http/response.ts"
import { all, headOf, probeOf, refused, type VerdictHead } from "../verdicts.ts"
import { detailOf, type GoogleStatus, googleStatus } from "./status.ts"

/**
 * A 200 means accepted for processing, not success. A 400 took nothing; its field violations name the bad events by
 * index, so the others can be sent again without them. (Google Data Manager API: understand errors.)
 */
export const verdict = (response: HttpResponseSpec, events: ReadonlyArray<SendableEvent>): BatchVerdict => {
  const body = bodyObject(response)
  const error = googleStatus(response)
  if (error !== null) return failed(response, error, events.length)
  const requestId = textOf(body?.["requestId"])
  const judged = judgeAnswer(response, requestId)
  const isAccepted = judged.errorClass === "accepted"
  return all(
    {
      ...headOf(response, judged),
      requestId,
      eventsReceived: isAccepted ? events.length : null,
      warnings: warningsOf(body),
      trackingId: isAccepted ? requestId : null
    },
    judged
  )
}

export const probeVerdict = (response: HttpResponseSpec): EventVerdict => {
  const error = googleStatus(response)
  // A request that only validates may get an answer without an id; something that is no answer of Google's is none.
  const body = bodyObject(response)
  if (error === null)
    return probeOf(judgeAnswer(response, body === null ? null : (textOf(body["requestId"]) ?? "validated")))
  // The missing events are what a probe is refused for; a violation elsewhere is a real one.
  const violations = violationsOf(error).filter(({ field }) => !/^events\b/.test(field))
  return probeOf(worstOf(response, error, violations))
}

export const googleClassification = classification(table)

/** The verdict of a Google error as a whole, for questions that are not about single events. */
export const judgeStatus = (response: HttpResponseSpec, error: GoogleStatus): EventVerdict =>
  worstOf(response, error, violationsOf(error))

const judgeAnswer = (response: HttpResponseSpec, requestId: string | null): EventVerdict =>
  googleClassification.classify({ status: response.status, flags: requestId === null ? [] : ["request_id"] })

const failed = (response: HttpResponseSpec, error: GoogleStatus, eventCount: number): BatchVerdict => {
  const violations = violationsOf(error)
  const general = violations.filter(({ index }) => index === null)
  const culprits = new Map<number, EventVerdict>()
  for (const violation of violations) {
    if (violation.index === null || culprits.has(violation.index)) continue
    const judged = judgeViolation(response, error, violation)
    // What is wrong with the account or the credential is no event's fault, wherever Google reports it.
    if (judged.errorClass === "invalid_event") culprits.set(violation.index, judged)
    else general.push(violation)
  }
  const whole = general.length > 0 ? worstOf(response, error, general) : judgeViolation(response, error, violations[0])
  const head = { ...headOf(response, whole), requestId: error.requestId, ...retryOf(response, error, whole) }
  return whole.errorClass === "invalid_event" ? refused(head, whole, culprits, eventCount) : all(head, whole)
}

const retryOf = (
  response: HttpResponseSpec,
  error: GoogleStatus,
  judged: EventVerdict
): Pick<VerdictHead, "retryAfter" | "warnings"> => ({
  retryAfter: error.retryDelay ?? headOf(response, judged).retryAfter,
  warnings: error.quotaLimit === null ? [] : [safeText(`Quota ${error.quotaLimit} is used up.`)]
})

interface Violation {
  readonly field: string
  /** The event's index; null where the field is not an event's. */
  readonly index: number | null
  readonly reason: string | null
  readonly description: string | null
}

const violationsOf = (error: GoogleStatus): ReadonlyArray<Violation> =>
  objectsOf(detailOf(error.details, "BadRequest")?.["fieldViolations"]).map((violation) => {
    const field = textOf(violation["field"]) ?? ""
    // The documentation shows `events.events[0].user_data`, live answers `events[3].event_timestamp`.
    const index = /(?:^|\.)events\[(\d{1,6})\]/.exec(field)?.[1]
    return {
      field,
      index: index === undefined ? null : Number(index),
      reason: textOf(violation["reason"]),
      description: textOf(violation["description"])
    }
  })

const judgeViolation = (
  response: HttpResponseSpec,
  error: GoogleStatus,
  violation: Violation | undefined
): EventVerdict =>
  googleClassification.classify({
    status: response.status,
    code: error.status,
    subcode: violation?.reason ?? subcodeOf(error),
    path: violation?.field ?? null,
    message:
      violation === undefined ? error.message : `${violation.field}: ${violation.description ?? error.message ?? ""}`
  })

// ErrorInfo repeats the status as its reason where it has nothing more precise.
const subcodeOf = ({ status, reason }: GoogleStatus): string | null => (reason === status ? null : reason)

const worstOf = (
  response: HttpResponseSpec,
  error: GoogleStatus,
  violations: ReadonlyArray<Violation>
): EventVerdict => {
  const judged = violations.map((violation) => judgeViolation(response, error, violation))
  return (
    judged.find(({ errorClass }) => errorClass !== "invalid_event") ??
    judged[0] ??
    judgeViolation(response, error, undefined)
  )
}

const warningsOf = (body: JsonObject | null): ReadonlyArray<string> =>
  objectsOf(body?.["fieldWarnings"])
    .slice(0, warningsMax)
    .map((warning) =>
      safeText(
        [warning["reason"], warning["field"], warning["description"]].map((part) => textOf(part) ?? "").join(" ")
      )
    )

const warningsMax = 20
