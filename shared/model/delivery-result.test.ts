import { assert, describe, it } from "@effect/vitest"
import type { EventDeliveryLog } from "../../schemas/types.gen.ts"
import { makeMemoryCodecs } from "../testing/memory-codecs.ts"
import { deliveryResult } from "./delivery-result.ts"

const least = {
  event_id: "e-1",
  event_name: "purchase",
  platform: "meta",
  connection_id: "shop",
  timestamp: 1_795_000_000_000,
  outcome: "skipped"
}

const whole: EventDeliveryLog = {
  ...least,
  outcome: "delivered",
  success: true,
  latency_ms: 12.5,
  error_message: "m",
  request_id: "r",
  retry_count: 2,
  reason_code: "c",
  error_class: "delivered",
  batch_size: 7,
  events_received: 6,
  mapping_version: "3",
  platform_event: "Purchase",
  event_time: 1,
  attempted_at: 2,
  match_quality: 4.5,
  dropped_fields: [{ field: "user.phone", reason: "invalid_phone", nearest: null }],
  source: { topic: "raw-events", partition: 1, offset: 2, timestamp: 3 },
  circuit_state: "CLOSED",
  accepted_at: 4,
  pricing: { category: "utility", type: "regular" },
  corrects: "rejected",
  request_note: "n"
}

describe("a delivery result", () => {
  it("says by default that nothing was sent", () => {
    assert.deepStrictEqual(deliveryResult(least), {
      ...least,
      success: false,
      latency_ms: 0,
      error_message: null,
      request_id: null,
      retry_count: 0,
      reason_code: null,
      error_class: null,
      batch_size: 0,
      events_received: null,
      mapping_version: null,
      platform_event: null,
      event_time: null,
      attempted_at: null,
      match_quality: null,
      dropped_fields: [],
      source: null,
      circuit_state: null,
      accepted_at: null,
      pricing: null,
      corrects: null,
      request_note: null
    })
  })

  it("keeps every given field, in the bytes too", () => {
    assert.deepStrictEqual(deliveryResult(whole), whole)
    const codecs = makeMemoryCodecs()
    const bytes = codecs.encode("delivery-results", "event-delivery-log", deliveryResult(whole))
    const decoded = codecs.decode("event-delivery-log", bytes)
    assert.isTrue(decoded._tag === "Decoded")
    if (decoded._tag === "Decoded") assert.deepStrictEqual(JSON.parse(JSON.stringify(decoded.value)), whole)
  })

  it.each([
    ["delivered", true],
    ["accepted", true],
    ["rejected", false],
    ["skipped", false],
    ["expired", false],
    ["dead_lettered", false],
    ["retry_scheduled", false],
    ["unknown", false]
  ] as const)("that is %s is a success: %s", (outcome, success) => {
    assert.strictEqual(deliveryResult({ ...least, outcome }).success, success)
  })
})
