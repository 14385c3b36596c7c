/** Documented answers of TikTok's Events API, for the contract that every connector passes. */
import { json } from "../../testing/connector-fixture.ts"
import type { HttpResponseSpec } from "../connector.ts"
import type { DocumentedAnswers } from "../contract/connector-contract.ts"

const body = (code: number, message: string): HttpResponseSpec =>
  json(200, { code, message, request_id: "202611231000000102030405", data: {} })

export const answers: DocumentedAnswers = {
  accepted: () => body(0, "OK"),
  oneBad: {
    tag: "InvalidEvents",
    response: (index) => body(40002, `Batch.${index}.properties.contents.0.content_id: Not a valid string.`)
  },
  unauthorized: body(40105, "Access token is incorrect or has been revoked."),
  throttled: body(40100, "Requests made too frequently."),
  errorInside200: body(50000, "System error"),
  probed: body(40002, "data: Shorter than minimum length 1.")
}
