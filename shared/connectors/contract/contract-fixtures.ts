/** Each kind's documented answers, for the contract that all connectors pass; from the platforms' pages, not from our code. */

import type { ConnectorKind } from "../../model/platform.ts"
import { contextOf, json, mappedEvent, secretValue } from "../../testing/connector-fixture.ts"
import type { HttpResponseSpec } from "../connector.ts"
import { connectorFor } from "../registry.ts"
import type { ContractFixture } from "./connector-contract.ts"
import { googleAdsAnswers, googleAnswers, googleToken } from "./contract-fixtures-google.ts"
import { graphAnswers, whatsappAnswers } from "./contract-fixtures-graph.ts"

const fixtureOf = (
  kind: ConnectorKind,
  answers: ContractFixture["answers"],
  sealed: string | null = null
): ContractFixture => {
  const connector = connectorFor(kind)
  const fields = [...connector.credential.required, ...connector.credential.optional, "access_token"]
  const context = contextOf(kind, fields)
  return {
    connector,
    context,
    secretValues: [...new Set(fields)].map(secretValue),
    events: (count) => Array.from({ length: count }, (_, index) => mappedEvent(index, { sealed_recipient: sealed })),
    // WhatsApp's recipient is added before the last brace.
    payloadInBody: ({ payload }) => (kind === "whatsapp" ? payload.slice(0, -1) : payload),
    answers
  }
}

const tiktokBody = (code: number, message: string): HttpResponseSpec =>
  json(200, { code, message, request_id: "202611231000000102030405", data: {} })

const tiktokAnswers: ContractFixture["answers"] = {
  accepted: () => tiktokBody(0, "OK"),
  oneBad: {
    tag: "Culprits",
    response: (index) => tiktokBody(40002, `Batch.${index}.properties.contents.0.content_id: Not a valid string.`)
  },
  unauthorized: tiktokBody(40105, "Access token is incorrect or has been revoked."),
  throttled: tiktokBody(40100, "Requests made too frequently."),
  errorInside200: tiktokBody(50000, "System error"),
  probed: tiktokBody(40002, "data: Shorter than minimum length 1.")
}

const snapchatAnswers: ContractFixture["answers"] = {
  accepted: () => json(200, { status: "VALID", reason: "Events have been processed successfully." }),
  oneBad: {
    tag: "Culprits",
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

export const contractFixtures: ReadonlyArray<ContractFixture> = [
  fixtureOf("meta", graphAnswers),
  fixtureOf("google", { ...googleAnswers, token: googleToken }),
  fixtureOf("google-ads", { ...googleAdsAnswers, token: googleToken }),
  fixtureOf("tiktok", tiktokAnswers),
  fixtureOf("snapchat", snapchatAnswers),
  fixtureOf("whatsapp", whatsappAnswers, "sealed:recipient")
]
