import type { AsyncOutcomeReading, EventVerdict, HttpResponseSpec, JsonObject } from "../connector.ts"
import { bodyObject, countOf, objectOf, objectsOf, retryAfterOf, textOf } from "../http/response.ts"
import { googleStatus } from "./status.ts"
import { googleClassification, judgeStatus } from "./verdict.ts"

/**
 * Reads `requestStatus:retrieve`: counts for each destination, of which our requests have one; never single events.
 * (Google Data Manager API: retrieve request status; RequestStatusPerDestination.)
 */
export const readRequestStatus = (response: HttpResponseSpec): AsyncOutcomeReading => {
  const error = googleStatus(response)
  if (error !== null) {
    const verdict = judgeStatus(response, error)
    return { _tag: "Unreadable", verdict, retryAfter: error.retryDelay ?? retryAfterOf(response) }
  }
  const destinations = objectsOf(bodyObject(response)?.["requestStatusPerDestination"])
  const statuses = destinations.map((destination) => textOf(destination["requestStatus"]) ?? "")
  if (response.status !== 200 || statuses.length === 0) {
    const verdict = googleClassification.classify({ status: response.status })
    return { _tag: "Unreadable", verdict, retryAfter: retryAfterOf(response) }
  }
  if (!statuses.every((status) => finalStatuses.has(status)))
    return { _tag: "Pending", retryAfter: retryAfterOf(response) }
  return finalOf(destinations)
}

const finalStatuses = new Set(["SUCCESS", "FAILED", "PARTIAL_SUCCESS"])

const finalOf = (destinations: ReadonlyArray<JsonObject>): AsyncOutcomeReading => {
  const rejected = destinations.flatMap(rejectedOf)
  const sent = destinations.map((destination) =>
    countOf(objectOf(destination["eventsIngestionStatus"])?.["recordCount"])
  )
  const known = sent.filter((count) => count !== null)
  const refusedCount = rejected.reduce((sum, { count }) => sum + count, 0)
  // recordCount counts what was sent, whether it was taken or not.
  const processed =
    known.length < sent.length ? null : Math.max(0, known.reduce((sum, count) => sum + count, 0) - refusedCount)
  return { _tag: "Final", processed, rejected, warnings: destinations.flatMap(warningsOf) }
}

const rejectedOf = (
  destination: JsonObject
): ReadonlyArray<{ readonly verdict: EventVerdict; readonly count: number }> => {
  const status = textOf(destination["requestStatus"])
  if (status === "SUCCESS") return []
  const counts = objectsOf(objectOf(destination["errorInfo"])?.["errorCounts"]).map((entry) => ({
    verdict: verdictOfReason(textOf(entry["reason"])),
    count: countOf(entry["recordCount"]) ?? 0
  }))
  if (counts.some(({ count }) => count > 0)) return counts.filter(({ count }) => count > 0)
  // "May not be populated in all cases": then a failed request failed whole, and a partial one in at least one event.
  const sent = countOf(objectOf(destination["eventsIngestionStatus"])?.["recordCount"]) ?? 1
  return [{ verdict: verdictOfReason("PROCESSING_ERROR_REASON_UNSPECIFIED"), count: status === "FAILED" ? sent : 1 }]
}

const verdictOfReason = (reason: string | null): EventVerdict =>
  googleClassification.classify({ status: 400, code: reason ?? "PROCESSING_ERROR_REASON_UNSPECIFIED" })

const warningsOf = (destination: JsonObject): ReadonlyArray<string> =>
  objectsOf(objectOf(destination["warningInfo"])?.["warningCounts"]).map(
    (entry) => `${textOf(entry["reason"]) ?? "UNKNOWN"}: ${countOf(entry["recordCount"]) ?? 0} events.`
  )
