/** Documented answers of Snap's Conversions API, for the contract that every connector passes. */
import { json } from "../../testing/connector-fixture.ts"
import type { DocumentedAnswers } from "../contract/connector-contract.ts"

export const answers: DocumentedAnswers = {
  accepted: () => json(200, { status: "VALID", reason: "Events have been processed successfully." }),
  oneBad: {
    tag: "InvalidEvents",
    response: (index) =>
      json(400, {
        status: "INVALID",
        reason: "Invalid event",
        event: index,
        errors: { codes: ["1001"], error_msgs: ["event_time is too old"] }
      })
  },
  unauthorized: json(401, { status: "INVALID", reason: "Unauthorized" }),
  throttled: json(429, { status: "INVALID", reason: "Rate limited" }),
  errorInside200: json(200, { status: "INVALID", reason: "pixel_id mismatch" }),
  probed: json(400, { status: "INVALID", reason: "data is empty" })
}
