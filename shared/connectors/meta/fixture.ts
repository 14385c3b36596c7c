/** Documented answers of Meta's Graph API, for the contract that every connector passes. */
import { json } from "../../testing/connector-fixture.ts"
import type { HttpResponseSpec, JsonObject } from "../connector.ts"
import type { DocumentedAnswers } from "../contract/connector-contract.ts"

/** An error of the Graph API. */
export const graphFailure = (status: number, error: JsonObject): HttpResponseSpec =>
  json(status, { error: { message: "Invalid parameter", type: "OAuthException", fbtrace_id: "AbCdEf123", ...error } })

export const expiredToken = {
  message: "Error validating access token: Session has expired.",
  code: 190,
  error_subcode: 463
}

export const answers: DocumentedAnswers = {
  accepted: (count) => json(200, { events_received: count, messages: [], fbtrace_id: "AbCdEf123" }),
  oneBad: {
    tag: "SomeInvalid",
    response: () =>
      graphFailure(400, {
        code: 100,
        error_subcode: 2804003,
        is_transient: false,
        error_user_msg: "Event timestamp too old."
      })
  },
  unauthorized: graphFailure(401, expiredToken),
  throttled: graphFailure(400, { message: "(#4) Application request limit reached", code: 4, error_subcode: 1504022 }),
  errorInside200: graphFailure(200, { code: 1, message: "An unknown error occurred" }),
  probed: graphFailure(400, { message: "(#100) param data must be non-empty.", code: 100 })
}
