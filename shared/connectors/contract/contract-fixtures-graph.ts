/** Documented answers of Meta's Graph API: the Conversions API and the WhatsApp Cloud API. */

import { json } from "../../testing/connector-fixture.ts"
import type { HttpResponseSpec, JsonObject } from "../connector.ts"
import type { ContractFixture } from "./connector-contract.ts"

const failure = (status: number, error: JsonObject): HttpResponseSpec =>
  json(status, { error: { message: "Invalid parameter", type: "OAuthException", fbtrace_id: "AbCdEf123", ...error } })

const expired = { message: "Error validating access token: Session has expired.", code: 190, error_subcode: 463 }

export const graphAnswers: ContractFixture["answers"] = {
  accepted: (count) => json(200, { events_received: count, messages: [], fbtrace_id: "AbCdEf123" }),
  oneBad: {
    tag: "SomeInvalid",
    response: () =>
      failure(400, {
        code: 100,
        error_subcode: 2804003,
        is_transient: false,
        error_user_msg: "Event timestamp too old."
      })
  },
  unauthorized: failure(401, expired),
  throttled: failure(400, { message: "(#4) Application request limit reached", code: 4, error_subcode: 1504022 }),
  errorInside200: failure(200, { code: 1, message: "An unknown error occurred" }),
  probed: failure(400, { message: "(#100) param data must be non-empty.", code: 100 })
}

export const whatsappAnswers: ContractFixture["answers"] = {
  accepted: () =>
    json(200, {
      messaging_product: "whatsapp",
      contacts: [{ input: "+14155550132", wa_id: "14155550132" }],
      messages: [{ id: "wamid.HBgLMTQxNTU1NTAxMzIVAgARGBI5" }]
    }),
  oneBad: {
    tag: "All",
    response: () =>
      failure(400, {
        code: 131026,
        message: "(#131026) Message undeliverable",
        error_data: { details: "Undeliverable." }
      })
  },
  unauthorized: failure(401, expired),
  throttled: failure(400, { code: 130429, message: "(#130429) Rate limit hit" }),
  errorInside200: failure(200, { code: 131000, message: "(#131000) Something went wrong" }),
  probed: failure(400, { code: 100, message: "(#100) The parameter to is required." })
}
