import { assert, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Redacted from "effect/Redacted"
import { makeSealer } from "../../shared/credentials/sealer.ts"
import type { Inbound } from "../../shared/runtime/contract.ts"
import { makeMemoryCodecs } from "../../shared/testing/memory-codecs.ts"
import { decide } from "./decide.ts"
import { defaultNormalizerOptions } from "./normalize/normalize.ts"

const now = Date.UTC(2026, 10, 23)
const config = {
  options: defaultNormalizerOptions,
  deadLetters: makeSealer(Redacted.make("a".repeat(64))),
  recordBytesMax: 1_048_576,
  schemaTimeout: Duration.seconds(1)
}

const inbound = (offset: number, fields: object): Inbound => ({
  topic: "raw-events",
  partition: 0,
  offset,
  timestamp: now,
  key: null,
  headers: {},
  value: Buffer.from(
    JSON.stringify({
      event_id: `e-${offset}`,
      event_name: "lead",
      event_time: now,
      user: { email: "jane@shop.example" },
      ...fields
    })
  )
})

it("counts unknown fields by the known one that is near, never by what a producer wrote", () => {
  const strange = Array.from({ length: 50 }, (_, index) => inbound(index, { [`strange_${index}`]: 1, consents: "no" }))
  const records = [...strange, inbound(50, { user: { mail: "x@y.example", email: "jane@shop.example", qqqq: 1 } })]
  const { dropped, normalized } = decide(
    { topic: "raw-events", partition: 0, records },
    config,
    makeMemoryCodecs(),
    now
  )
  assert.strictEqual(normalized, 51)
  assert.deepStrictEqual(Object.fromEntries(dropped), {
    "* unknown_field": 50,
    "consent unknown_field": 50,
    "consent.ad_user_data unclear_consent": 50,
    "consent.ad_personalization unclear_consent": 50,
    "user.email unknown_field": 1,
    "user.* unknown_field": 1
  })
})
