import { assert, it } from "@effect/vitest"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import { makeSealer, openRecipient } from "../../../shared/credentials/sealer.ts"
import { sha256 } from "../identity/text.ts"
import { rawEventFromJson } from "../read/read-record.ts"
import { defaultNormalizerOptions, normalize } from "./normalize.ts"

const now = Date.UTC(2026, 10, 23)
const id = "US.13491208655302741918"
const recipients = makeSealer(Redacted.make("a key"))
const event = (user: object, messageEvents: ReadonlySet<string> | null = null) => {
  const read = rawEventFromJson({
    event_id: "e-1",
    event_name: "purchase",
    event_time: now,
    event_source_url: `https://shop.example/?u=${id}&ok=1`,
    user,
    properties: { order_id: "o-1", description: `for ${id}`, custom: { wa: id, plan: "pro" } }
  })
  if (read._tag === "Problem") return assert.fail(read.problem.reason)
  const source = { topic: "raw-events", partition: 0, offset: 7, timestamp: now }
  const result = normalize(
    read.raw,
    source,
    { ...defaultNormalizerOptions, now, recipients, messageEvents },
    read.dropped
  )
  return result._tag === "Problem" ? assert.fail(result.problem.message) : result.event
}

it("WhatsApp's id of the customer is sealed as it came; neither it nor a hash of it stands anywhere else", () => {
  const result = event({ whatsapp_user_id: ` ${id} ` })
  assert.deepStrictEqual(openRecipient(recipients, result.user.whatsapp_user_sealed ?? "", "e-1"), Result.succeed(id))
  for (const text of [id, id.toLowerCase(), sha256(id), sha256(id.toLowerCase())])
    assert.notInclude(JSON.stringify(result), text)
  assert.strictEqual(result.event_source_url, "https://shop.example/?ok=1")
  assert.strictEqual(result.properties?.custom["plan"], "pro")
})

it("it is kept only for events that may become messages, and named where it is invalid", () => {
  const email = "jane@shop.example"
  assert.isNull(event({ email, whatsapp_user_id: id }, new Set()).user.whatsapp_user_sealed)
  for (const wrong of ["14155550132", "us.1349", "US.13 49", `US.${"1".repeat(129)}`, sha256(id)])
    assert.deepInclude(event({ email, whatsapp_user_id: wrong }).dropped_fields, {
      field: "user.whatsapp_user_id",
      reason: "invalid_whatsapp_user_id"
    })
  assert.isNotNull(event({ whatsapp_user_id: "US.ENT.11815799212886844830" }).user.whatsapp_user_sealed)
})
