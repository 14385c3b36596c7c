/** Google's error body, `google.rpc.Status` in JSON, as the Data Manager API fills it. */
import { type Answer, type Failure, type JsonObject, json } from "../platform.ts"
import type { Random } from "../random.ts"

export interface FieldViolation {
  readonly field: string
  readonly description: string
  readonly reason?: string
}

export interface GoogleError {
  readonly code: number
  readonly status: string
  readonly message: string
  readonly reason: string
  readonly metadata?: Readonly<Record<string, string>>
  readonly violations?: ReadonlyArray<FieldViolation>
}

export const googleRequestId = (random: Random): string => `t-${random.characters(22)}`

/** ErrorInfo, RequestInfo and, for bad fields, BadRequest. */
export const googleError = (error: GoogleError, random: Random): Answer => {
  const requestId = googleRequestId(random)
  const details: Array<JsonObject> = [
    {
      "@type": "type.googleapis.com/google.rpc.ErrorInfo",
      reason: error.reason,
      domain: "datamanager.googleapis.com",
      metadata: { requestId, ...error.metadata }
    },
    { "@type": "type.googleapis.com/google.rpc.RequestInfo", requestId }
  ]
  if (error.violations !== undefined)
    details.push({
      "@type": "type.googleapis.com/google.rpc.BadRequest",
      fieldViolations: error.violations.map((violation) => ({ ...violation }))
    })
  return json(error.code, { error: { code: error.code, message: error.message, status: error.status, details } })
}

export const badFields = (violations: ReadonlyArray<FieldViolation>): GoogleError => ({
  code: 400,
  status: "INVALID_ARGUMENT",
  message: "There was a problem with the request.",
  reason: "INVALID_ARGUMENT",
  violations
})

export const unauthenticated: GoogleError = {
  code: 401,
  status: "UNAUTHENTICATED",
  message:
    "Request had invalid authentication credentials. Expected OAuth 2 access token, login cookie or other valid " +
    "authentication credential.",
  reason: "ACCESS_TOKEN_EXPIRED"
}

export const missingScope: GoogleError = {
  code: 403,
  status: "PERMISSION_DENIED",
  message: "Request had insufficient authentication scopes.",
  reason: "ACCESS_TOKEN_SCOPE_INSUFFICIENT"
}

export const noPermission: GoogleError = {
  code: 403,
  status: "PERMISSION_DENIED",
  message: "The caller does not have permission.",
  reason: "PERMISSION_DENIED"
}

export const notFound: GoogleError = {
  code: 404,
  status: "NOT_FOUND",
  message: "Requested entity was not found.",
  reason: "NOT_FOUND"
}

export const exhausted = (quota: string): GoogleError => ({
  code: 429,
  status: "RESOURCE_EXHAUSTED",
  message: "Resource has been exhausted (e.g. check quota).",
  reason: "RATE_LIMIT_EXCEEDED",
  metadata: { quota_limit: quota }
})

const serverErrors: Readonly<Record<number, string>> = {
  409: "ABORTED",
  500: "INTERNAL",
  503: "UNAVAILABLE",
  504: "DEADLINE_EXCEEDED"
}

export const googleFailure = (failure: Failure): GoogleError => {
  switch (failure._tag) {
    case "Throttled":
      return exhausted("IngestRequestsPerMinutePerProject")
    case "ExpiredToken":
      return unauthenticated
    case "ServerError": {
      const status = serverErrors[failure.status] ?? "UNKNOWN"
      return {
        code: failure.status,
        status,
        message: "The service is currently unavailable.",
        reason: "INTERNAL_ERROR"
      }
    }
    case "Code":
      return {
        code: failure.subcode ?? 400,
        status: failure.subcode === 403 ? "PERMISSION_DENIED" : "INVALID_ARGUMENT",
        message: failure.message ?? "Scripted error",
        reason: String(failure.code)
      }
  }
}
