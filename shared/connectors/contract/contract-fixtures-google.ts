/** Documented answers of Google's APIs: Data Manager, Google Ads, OAuth. */

import { json } from "../../testing/connector-fixture.ts"
import type { HttpResponseSpec, Json } from "../connector.ts"
import type { ContractFixture } from "./connector-contract.ts"

const failure = (status: number, name: string, details: ReadonlyArray<Json> = []): HttpResponseSpec =>
  json(status, { error: { code: status, status: name, message: "There was a problem with the request.", details } })

const errorInfo = (reason: string) => ({
  "@type": "type.googleapis.com/google.rpc.ErrorInfo",
  reason,
  domain: "datamanager.googleapis.com",
  metadata: { requestId: "t-1", quota_limit: "IngestionRequestsPerMinutePerProject" }
})

const violation = (field: string, reason: string): Json => ({
  "@type": "type.googleapis.com/google.rpc.BadRequest",
  fieldViolations: [{ field, description: "The value is malformed.", reason }]
})

export const googleToken = json(200, {
  access_token: "ya29.fresh",
  expires_in: 3599,
  token_type: "Bearer",
  scope: "datamanager"
})

export const googleAnswers: ContractFixture["answers"] = {
  accepted: () => json(200, { requestId: "126365e1-16d0-4c81-9de9-f362711e250a" }),
  oneBad: {
    tag: "Culprits",
    response: (index) =>
      failure(400, "INVALID_ARGUMENT", [
        errorInfo("INVALID_ARGUMENT"),
        violation(`events.events[${index}].user_data.user_identifiers[1]`, "INVALID_HEX_ENCODING")
      ])
  },
  unauthorized: failure(401, "UNAUTHENTICATED", [errorInfo("ACCESS_TOKEN_EXPIRED")]),
  throttled: failure(429, "RESOURCE_EXHAUSTED", [errorInfo("RATE_LIMIT_EXCEEDED")]),
  errorInside200: failure(200, "INTERNAL"),
  probed: failure(400, "INVALID_ARGUMENT", [
    errorInfo("INVALID_ARGUMENT"),
    violation("events", "REQUIRED_FIELD_MISSING")
  ])
}

const adsFailure = (code: Json, index: number | null): Json => ({
  "@type": "type.googleapis.com/google.ads.googleads.v25.errors.GoogleAdsFailure",
  errors: [
    {
      errorCode: code,
      message: "The conversion is not valid.",
      ...(index === null
        ? {}
        : { location: { fieldPathElements: [{ fieldName: "conversions", index }, { fieldName: "gclid" }] } })
    }
  ],
  requestId: "q1w2e3"
})

const rows = (count: number, failed: number | null) =>
  Array.from({ length: count }, (_, index) =>
    index === failed ? {} : { gclid: "Cj0", conversionDateTime: "2026-11-23 10:00:00+00:00" }
  )

export const googleAdsAnswers: ContractFixture["answers"] = {
  accepted: (count) => json(200, { results: rows(count, null), jobId: "1" }),
  oneBad: {
    tag: "PerEvent",
    response: (index, count) =>
      json(200, {
        partialFailureError: {
          code: 3,
          message: "Multiple errors in ‘details’.",
          details: [adsFailure({ conversionUploadError: "UNPARSEABLE_GCLID" }, index)]
        },
        results: rows(count, index)
      })
  },
  unauthorized: failure(401, "UNAUTHENTICATED", [adsFailure({ authenticationError: "OAUTH_TOKEN_EXPIRED" }, null)]),
  throttled: failure(429, "RESOURCE_EXHAUSTED", [adsFailure({ quotaError: "RESOURCE_TEMPORARILY_EXHAUSTED" }, null)]),
  errorInside200: json(200, { partialFailureError: { code: 13, message: "Internal error" } }),
  probed: failure(400, "INVALID_ARGUMENT", [adsFailure({ fieldError: "REQUIRED" }, null)])
}
