/** The Google Ads API's errors: a GoogleAdsFailure in a whole failure or in `partialFailureError`. */
import { type Answer, type Failure, type JsonObject, json } from "../platform.ts"
import type { Random } from "../random.ts"

export interface AdsError {
  /** Category → name: `{ conversionUploadError: "EXPIRED_EVENT" }`. */
  readonly errorCode: Readonly<Record<string, string>>
  readonly message: string
  readonly trigger?: string
  /** Where in the request: the list's name, the row, the field. */
  readonly location?: { readonly list: string; readonly index: number; readonly field: string | null }
  readonly details?: JsonObject
}

export const adsFailure = (version: string, errors: ReadonlyArray<AdsError>, requestId: string): JsonObject => ({
  "@type": `type.googleapis.com/google.ads.googleads.${version}.errors.GoogleAdsFailure`,
  errors: errors.map(errorBody),
  requestId
})

const errorBody = ({ errorCode, message, trigger, location, details }: AdsError): JsonObject => ({
  errorCode: { ...errorCode },
  message,
  ...(trigger === undefined ? {} : { trigger: { stringValue: trigger } }),
  ...(location === undefined
    ? {}
    : {
        location: {
          fieldPathElements: [
            { fieldName: location.list, index: location.index },
            ...(location.field === null ? [] : [{ fieldName: location.field }])
          ]
        }
      }),
  ...(details === undefined ? {} : { details })
})

export const adsRequestId = (random: Random): string => random.characters(22)

/** A failure of the whole request. */
export const adsWholeFailure = (
  status: number,
  grpcStatus: string,
  error: AdsError,
  version: string,
  random: Random
): Answer => {
  const requestId = adsRequestId(random)
  const body = {
    error: {
      code: status,
      message: grpcStatus === "UNAUTHENTICATED" ? "Request had invalid authentication credentials." : error.message,
      status: grpcStatus,
      details: [adsFailure(version, [error], requestId)]
    }
  }
  return json(status, body, { "request-id": requestId })
}

/** A name or type that the JSON reader does not know: no GoogleAdsFailure comes with it. */
export const adsUnreadable = (field: string, description: string): Answer =>
  json(400, {
    error: {
      code: 400,
      message: description,
      status: "INVALID_ARGUMENT",
      details: [{ "@type": "type.googleapis.com/google.rpc.BadRequest", fieldViolations: [{ field, description }] }]
    }
  })

export const adsScripted = (failure: Failure, version: string, random: Random): Answer => {
  switch (failure._tag) {
    case "Throttled": {
      const details = {
        quotaErrorDetails: { rateScope: "DEVELOPER", retryDelay: `${failure.retryAfterSeconds ?? 30}s` }
      }
      const error = {
        errorCode: { quotaError: "RESOURCE_TEMPORARILY_EXHAUSTED" },
        message: "Too many requests. Retry later.",
        details
      }
      return adsWholeFailure(429, "RESOURCE_EXHAUSTED", error, version, random)
    }
    case "ExpiredToken":
      return adsWholeFailure(401, "UNAUTHENTICATED", tokenExpired, version, random)
    case "ServerError": {
      const error = { errorCode: { internalError: "TRANSIENT_ERROR" }, message: "A transient internal error occurred." }
      return adsWholeFailure(
        failure.status,
        failure.status === 503 ? "UNAVAILABLE" : "INTERNAL",
        error,
        version,
        random
      )
    }
    case "Code": {
      const [category, name] = String(failure.code).includes(".")
        ? (String(failure.code).split(".") as [string, string])
        : ["requestError", String(failure.code)]
      const error = { errorCode: { [category]: name }, message: failure.message ?? "Scripted error" }
      return adsWholeFailure(failure.subcode ?? 400, "INVALID_ARGUMENT", error, version, random)
    }
  }
}

export const tokenExpired: AdsError = {
  errorCode: { authenticationError: "OAUTH_TOKEN_EXPIRED" },
  message: "The OAuth token in the request header has expired."
}
