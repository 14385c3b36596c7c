/** Documented answers of the Data Manager API and of OAuth, for the contract that every connector passes. */
import { json } from "../../testing/connector-fixture.ts"
import type { HttpResponseSpec, Json } from "../connector.ts"
import type { DocumentedAnswers } from "../contract/connector-contract.ts"

export const googleFailure = (status: number, name: string, details: ReadonlyArray<Json> = []): HttpResponseSpec =>
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

export const answers: DocumentedAnswers = {
  accepted: () => json(200, { requestId: "126365e1-16d0-4c81-9de9-f362711e250a" }),
  oneBad: {
    tag: "InvalidEvents",
    response: (index) =>
      googleFailure(400, "INVALID_ARGUMENT", [
        errorInfo("INVALID_ARGUMENT"),
        violation(`events.events[${index}].user_data.user_identifiers[1]`, "INVALID_HEX_ENCODING")
      ])
  },
  unauthorized: googleFailure(401, "UNAUTHENTICATED", [errorInfo("ACCESS_TOKEN_EXPIRED")]),
  throttled: googleFailure(429, "RESOURCE_EXHAUSTED", [errorInfo("RATE_LIMIT_EXCEEDED")]),
  errorInside200: googleFailure(200, "INTERNAL"),
  probed: googleFailure(400, "INVALID_ARGUMENT", [
    errorInfo("INVALID_ARGUMENT"),
    violation("events", "REQUIRED_FIELD_MISSING")
  ]),
  token: googleToken
}
