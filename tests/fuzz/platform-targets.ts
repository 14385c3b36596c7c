/** What platforms say: answers to requests, and notifications. */
import { createHmac } from "node:crypto"
import { assert } from "@effect/vitest"
import type { EventVerdict } from "../../shared/connectors/connector.ts"
import type { DocumentedAnswers } from "../../shared/connectors/contract/connector-contract.ts"
import { assertBounded } from "../../shared/connectors/contract/contract-checks.ts"
import { connectors } from "../../shared/connectors/registry.ts"
import { connectorKinds } from "../../shared/model/platform.ts"
import { printable } from "../../shared/telemetry/printable.ts"
import { mappedEvent, secretOf, secretValue } from "../../shared/testing/connector-fixture.ts"

const secret = secretOf(["app_secret", "verify_token"])
export const webhookSeeds: ReadonlyArray<Buffer> = [
  {
    statuses: [
      { id: "wamid.A", status: "delivered", timestamp: "1795000000", pricing: { category: "utility", type: "regular" } }
    ]
  },
  {
    statuses: [
      {
        id: "wamid.B",
        status: "failed",
        errors: [{ code: 131026, title: "Undeliverable", error_data: { details: "no" } }]
      }
    ]
  },
  { messages: [{ system: { type: "user_changed_user_id" } }], user_id_update: [{ user_id: "US.1" }] }
].map((value) =>
  Buffer.from(
    JSON.stringify({ object: "whatsapp_business_account", entry: [{ changes: [{ field: "messages", value }] }] })
  )
)

export const notification = (input: Buffer, choice: number): void => {
  for (const { webhook } of Object.values(connectors)) {
    if (webhook === undefined) continue
    const { notes, statuses } = webhook.read(input.toString("utf8"))
    for (const { trackingId, verdict } of statuses) {
      assert.match(trackingId, /^[!-~]{1,256}$/)
      assertVerdict(verdict)
    }
    for (const { count } of notes) assert.isAbove(count, 0)
    const text = input.toString("latin1", 0, 200)
    assert.isFalse(webhook.isSigned(input, { "x-hub-signature-256": text }, secret))
    const right = createHmac("sha256", secretValue("app_secret")).update(input).digest("hex")
    assert.isTrue(webhook.isSigned(input, { "x-hub-signature-256": `sha256=${right}` }, secret))
    const query = new URLSearchParams({
      "hub.mode": "subscribe",
      "hub.verify_token": choice % 2 === 0 ? text : secretValue("verify_token"),
      "hub.challenge": text
    })
    const challenge = webhook.handshake(query, secret)
    if (challenge !== null) assert.isTrue(choice % 2 === 1 && /^[\w-]{1,200}$/.test(challenge))
  }
}

const assertVerdict = ({ message, reasonCode }: EventVerdict): void => {
  assert.isAtMost((message ?? "").length, 300)
  assert.strictEqual(printable(message ?? ""), message ?? "")
  assert.match(reasonCode ?? "", /^[\w./:-]{0,201}$/)
}

/** An answer is a seed of one platform, and is read by any. */
export const answerSeeds = async (): Promise<ReadonlyArray<Buffer>> => {
  const bodies: Array<string> = []
  for (const kind of connectorKinds) {
    const { answers } = (await import(`../../shared/connectors/${kind}/fixture.ts`)) as {
      readonly answers: DocumentedAnswers
    }
    const { accepted, errorInside200, oneBad, probed, throttled, unauthorized } = answers
    const all = [
      accepted(2),
      errorInside200,
      probed,
      throttled,
      unauthorized,
      ...(oneBad === null ? [] : [oneBad.response(1, 2)])
    ]
    bodies.push(...all.map(({ body }) => body))
  }
  return [...new Set(bodies)].map((body) => Buffer.from(body))
}

const headerNames = [
  "retry-after",
  "date",
  "x-app-usage",
  "x-business-use-case-usage",
  "x-ad-account-usage",
  "x-ad-api-version-warning",
  "request-id",
  "x-request-id",
  "x-pinterest-rid"
]
const statuses = [200, 201, 204, 207, 301, 400, 401, 403, 404, 408, 413, 422, 429, 500, 503, 599]

export const answer = (input: Buffer, choice: number): void => {
  const connector = connectors[connectorKinds[choice % connectorKinds.length]!]
  const body = input.toString("utf8")
  const header = headerNames[(choice >> 3) % headerNames.length]!
  const response = {
    status: statuses[(choice >> 7) % statuses.length]!,
    headers: { [header]: body.slice(0, 500) },
    body
  }
  const count = connector.limits.documented.eventsPerRequest === 1 ? 1 : 1 + ((choice >> 12) % 4)
  const verdict = connector.verdict(
    response,
    Array.from({ length: count }, (_, index) => mappedEvent(index))
  )
  assertBounded(verdict, count)
  if (verdict._tag === "PerEvent") verdict.events.forEach(assertVerdict)
  else if (verdict._tag === "InvalidEvents") [...verdict.invalidEvents.values()].forEach(assertVerdict)
  else assertVerdict(verdict.verdict)
  for (const warning of verdict.warnings) assert.strictEqual(printable(warning), warning)
  assertVerdict(connector.probeVerdict(response))
  const refreshed = connector.refresh?.read(response)
  if (refreshed?._tag === "Refused") assertVerdict(refreshed.verdict)
  const outcome = connector.asyncOutcome?.read(response)
  if (outcome?._tag === "Unreadable") assertVerdict(outcome.verdict)
}
