/** Google's error object (google.rpc.Status in JSON), as the Data Manager API and the Google Ads API both answer it. */
import type * as Duration from "effect/Duration"
import type { HttpResponseSpec, JsonObject } from "../connector.ts"
import { bodyObject, boundedWait, countOf, idOf, objectOf, objectsOf, textOf, textReadMax } from "../http/json.ts"

export interface GoogleStatus {
  /** `INVALID_ARGUMENT` and its like: google.rpc.Code, by its name. */
  readonly status: string | null
  readonly message: string | null
  readonly details: ReadonlyArray<JsonObject>
  readonly requestId: string | null
  /** ErrorInfo's reason. */
  readonly reason: string | null
  /** ErrorInfo's metadata.quota_limit: the name of the quota that is used up. */
  readonly quotaLimit: string | null
  /** RetryInfo's delay, or the Google Ads API's quotaErrorDetails. */
  readonly retryDelay: Duration.Duration | null
}

/** The error of an answer; null where it holds none. */
export const googleStatus = (response: HttpResponseSpec): GoogleStatus | null => {
  const error = objectOf(bodyObject(response)?.["error"])
  return error === null ? null : readStatus(error)
}

/** A status object: `error` of a failure, or `partialFailureError` of the Google Ads API. */
export const readStatus = (error: JsonObject): GoogleStatus => {
  const details = objectsOf(error["details"])
  const info = detailOf(details, "ErrorInfo")
  const metadata = objectOf(info?.["metadata"])
  return {
    status: textOf(error["status"]) ?? statusNames.get(countOf(error["code"]) ?? -1) ?? textOf(error["code"]),
    // Repeated for each violation without its description: no more of it than is read.
    message: textOf(error["message"])?.slice(0, textReadMax) ?? null,
    details,
    requestId:
      idOf(detailOf(details, "RequestInfo")?.["requestId"]) ??
      idOf(metadata?.["requestId"]) ??
      details.map((detail) => idOf(detail["requestId"])).find((id) => id !== null) ??
      null,
    reason: textOf(info?.["reason"]),
    quotaLimit: textOf(metadata?.["quota_limit"]),
    retryDelay: delayOf(textOf(detailOf(details, "RetryInfo")?.["retryDelay"]))
  }
}

// `partialFailureError` has the number of google.rpc.Code alone, a failure without `status` that of HTTP.
const statusNames: ReadonlyMap<number, string> = new Map([
  [1, "CANCELLED"],
  [2, "UNKNOWN"],
  [3, "INVALID_ARGUMENT"],
  [4, "DEADLINE_EXCEEDED"],
  [5, "NOT_FOUND"],
  [6, "ALREADY_EXISTS"],
  [7, "PERMISSION_DENIED"],
  [8, "RESOURCE_EXHAUSTED"],
  [9, "FAILED_PRECONDITION"],
  [10, "ABORTED"],
  [11, "OUT_OF_RANGE"],
  [12, "UNIMPLEMENTED"],
  [13, "INTERNAL"],
  [14, "UNAVAILABLE"],
  [15, "DATA_LOSS"],
  [16, "UNAUTHENTICATED"],
  [400, "INVALID_ARGUMENT"],
  [401, "UNAUTHENTICATED"],
  [403, "PERMISSION_DENIED"],
  [404, "NOT_FOUND"],
  [409, "ABORTED"],
  [429, "RESOURCE_EXHAUSTED"],
  [500, "INTERNAL"],
  [503, "UNAVAILABLE"],
  [504, "DEADLINE_EXCEEDED"]
])

/** The detail whose `@type` ends in the name. */
export const detailOf = (details: ReadonlyArray<JsonObject>, type: string): JsonObject | null =>
  details.find((detail) => textOf(detail["@type"])?.endsWith(`.${type}`) ?? false) ?? null

/** A protobuf duration in JSON, such as `3.5s`. */
export const delayOf = (text: string | null): Duration.Duration | null => {
  const match = /^(\d+(?:\.\d+)?)s$/.exec(text ?? "")
  return match === null ? null : boundedWait(Number(match[1]) * 1000)
}
