/** Documented answers of the WhatsApp Cloud API, for the contract that every connector passes. */
import { json } from "../../testing/connector-fixture.ts"
import type { DocumentedAnswers } from "../contract/connector-contract.ts"
import { expiredToken, graphFailure } from "../meta/fixture.ts"

export const answers: DocumentedAnswers = {
  accepted: () =>
    json(200, {
      messaging_product: "whatsapp",
      contacts: [{ input: "+14155550132", wa_id: "14155550132" }],
      messages: [{ id: "wamid.HBgLMTQxNTU1NTAxMzIVAgARGBI5" }]
    }),
  oneBad: {
    tag: "All",
    response: () =>
      graphFailure(400, {
        code: 131026,
        message: "(#131026) Message undeliverable",
        error_data: { details: "Undeliverable." }
      })
  },
  unauthorized: graphFailure(401, expiredToken),
  throttled: graphFailure(400, { code: 130429, message: "(#130429) Rate limit hit" }),
  errorInside200: graphFailure(200, { code: 131000, message: "(#131000) Something went wrong" }),
  probed: graphFailure(400, { code: 100, message: "(#100) The parameter to is required." }),
  sealedRecipient: "sealed:recipient",
  // The recipient is added before the last brace.
  payloadInBody: (payload) => payload.slice(0, -1)
}
