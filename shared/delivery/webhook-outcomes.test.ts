import { assert, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import type { PendingOutcome } from "../../schemas/types.gen.ts"
import type { Inbound, Outbound } from "../stream/contract.ts"
import { pendingRecord } from "./pending.ts"
import { deliveryTopics } from "./settings.ts"
import { codecs, connection, readStep, verdict } from "./testing.ts"
import { makeWebhookOutcomes, type Told } from "./webhook-outcomes.ts"

const settings = { laterLife: Duration.days(3) }
const outcome: PendingOutcome = {
  connection_id: "shop",
  platform: "whatsapp",
  later_id: "wamid.1",
  accepted_at: 0,
  latency_ms: 5,
  events: [
    {
      event_id: "a",
      event_name: "purchase",
      event_time: 0,
      platform_event: "order",
      mapping_version: "1",
      retry_count: 0,
      source: { topic: "raw-events", partition: 0, offset: 7, timestamp: 0 }
    }
  ]
}
const recordOf = (output: Outbound): Inbound => ({
  topic: output.topic,
  partition: output.partition ?? 0,
  offset: 0,
  timestamp: 0,
  key: Buffer.from(output.key ?? ""),
  value: output.value,
  headers: output.headers ?? {}
})
const pending = recordOf(pendingRecord({ connection, codecs }, { partition: 3 }, "wamid.1", outcome))
const read = (told: ReadonlyArray<Told>) => {
  const { outcomes, others } = readStep({ outputs: told.flatMap(({ outputs }) => outputs) })
  const pendingOnes = others.filter(({ topic }) => topic === deliveryTopics.pending)
  return { outcomes, ended: pendingOnes.map(({ key, value, partition }) => ({ key, value, partition })) }
}
const ended = [{ key: "shop|wamid.1", value: null, partition: 3 }]

it("a delivered or failed status becomes the final result and ends the pending record on its own partition", () => {
  for (const [status, told] of [
    [verdict("delivered"), "delivered"],
    [verdict("invalid_event", "131026"), "rejected:131026"]
  ] as const) {
    const subject = makeWebhookOutcomes(connection, codecs, settings)
    assert.deepStrictEqual(subject.pending(pending, 0), [])
    assert.deepStrictEqual(read(subject.status("wamid.1", status, 1)), { outcomes: { a: told }, ended })
  }
})

it("a status that comes before its request's record waits for it", () => {
  const subject = makeWebhookOutcomes(connection, codecs, settings)
  assert.deepStrictEqual(subject.status("wamid.1", verdict("delivered"), 0), [])
  assert.deepStrictEqual(read(subject.pending(pending, 1)), { outcomes: { a: "delivered" }, ended })
  // The records could not be written: the topic is read again.
  assert.deepStrictEqual(read(subject.pending(pending, 2)), { outcomes: { a: "delivered" }, ended })
  subject.pending({ ...pending, value: null }, 3)
  assert.deepStrictEqual(subject.pending(pending, 4), [])
})

it("tells an outcome once, however often WhatsApp brings it, and again where it could not be written", () => {
  const subject = makeWebhookOutcomes(connection, codecs, settings)
  subject.pending(pending, 0)
  assert.deepStrictEqual(subject.status("wamid.1", verdict("accepted"), 1), [])
  assert.strictEqual(subject.status("wamid.1", verdict("delivered"), 2).length, 1)
  assert.deepStrictEqual(subject.status("wamid.1", verdict("delivered"), 3), [])
  subject.reopen(["wamid.1"])
  assert.strictEqual(subject.status("wamid.1", verdict("delivered"), 4).length, 1)
})

it("gives up after three days what was never told, and leaves others' messages alone", () => {
  const subject = makeWebhookOutcomes(connection, codecs, settings)
  subject.pending(pending, 0)
  subject.pending({ ...pending, headers: { connection: "other" }, key: Buffer.from("other|wamid.2") }, 0)
  assert.deepStrictEqual(subject.sweep(Duration.toMillis(Duration.days(3))), [])
  assert.deepStrictEqual(read(subject.sweep(Duration.toMillis(Duration.days(3)) + 1)), {
    outcomes: { a: "accepted:no_final_answer" },
    ended
  })
})

it("gives up the oldest of more messages than it keeps, so that a webhook that nobody set up fills no memory", () => {
  const subject = makeWebhookOutcomes(connection, codecs, settings, 2)
  for (const number of [1, 2, 3]) {
    const laterId = `wamid.${number}`
    const events = outcome.events.map((event) => ({ ...event, event_id: `event-${number}` }))
    subject.pending(
      recordOf(
        pendingRecord({ connection, codecs }, { partition: 3 }, laterId, { ...outcome, later_id: laterId, events })
      ),
      0
    )
  }
  assert.deepStrictEqual(read(subject.sweep(1)).outcomes, { "event-1": "accepted:no_final_answer" })
  assert.deepStrictEqual(read(subject.sweep(2)).outcomes, {})
  assert.deepStrictEqual(read(subject.status("wamid.2", verdict("delivered"), 3)).outcomes, { "event-2": "delivered" })
})
