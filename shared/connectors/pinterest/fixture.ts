/** Documented answers of Pinterest's Conversions API, for the contract that every connector passes. */
import { json } from "../../testing/connector-fixture.ts"
import type { HttpResponseSpec } from "../connector.ts"
import type { DocumentedAnswers } from "../contract/connector-contract.ts"

const results = (count: number, failed: number | null): HttpResponseSpec =>
  json(failed === null ? 200 : 422, {
    num_events_received: count,
    num_events_processed: failed === null ? count : count - 1,
    events: Array.from({ length: count }, (_, index) =>
      index === failed
        ? { status: "failed", error_message: "user_data.em[0]: not a SHA-256 hash", warning_message: "" }
        : { status: "processed", error_message: "", warning_message: "" }
    )
  })

export const answers: DocumentedAnswers = {
  accepted: (count) => results(count, null),
  oneBad: { tag: "PerEvent", response: (index, count) => results(count, index) },
  unauthorized: json(401, { code: 2, message: "Authentication failed." }),
  throttled: json(429, { code: 8, message: "You have exceeded your rate limit." }),
  errorInside200: json(200, { code: 4196, message: "Invalid request." }),
  probed: json(400, { code: 4196, message: "Invalid request: data must hold at least one event." })
}
