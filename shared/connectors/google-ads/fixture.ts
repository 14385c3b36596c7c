/** Documented answers of the Google Ads API, for the contract that every connector passes. */
import { json } from "../../testing/connector-fixture.ts"
import type { Json } from "../connector.ts"
import type { DocumentedAnswers } from "../contract/connector-contract.ts"
import { googleFailure, googleToken } from "../google/fixture.ts"

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

export const answers: DocumentedAnswers = {
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
  unauthorized: googleFailure(401, "UNAUTHENTICATED", [
    adsFailure({ authenticationError: "OAUTH_TOKEN_EXPIRED" }, null)
  ]),
  throttled: googleFailure(429, "RESOURCE_EXHAUSTED", [
    adsFailure({ quotaError: "RESOURCE_TEMPORARILY_EXHAUSTED" }, null)
  ]),
  errorInside200: json(200, { partialFailureError: { code: 13, message: "Internal error" } }),
  probed: googleFailure(400, "INVALID_ARGUMENT", [adsFailure({ fieldError: "REQUIRED" }, null)]),
  token: googleToken
}
