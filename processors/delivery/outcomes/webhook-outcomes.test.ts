import { assert, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import type { PendingOutcome } from "../../../schemas/types.gen.ts"
import { topicNames } from "../../../shared/model/topics.ts"
import type { Inbound, Outbound } from "../../../shared/runtime/contract.ts"
import { codecs, connection, readStep, verdict } from "../engine/testing.ts"
import { pendingRecord } from "./pending.ts"
import { type MessageConclusion, makeWebhookOutcomes } from "./webhook-outcomes.ts"

const settings = { asyncOutcomeLife: Duration.days(3) }
const outcome: PendingOutcome = {
  connection_id: "shop",
  platform: "whatsapp",
  later_id: "wamid.1",
  accepted_at: 0,
  rejected_at: null,
  latency_ms: 5,
  events: [
    {
      event_id: "a",
      event_name: "purchase",
      event_time: 0,
      platform_event: "order",
      mapping_version: "1",
      retry_count: 0,
      source: { topic: "raw-events", partition: 0, offset: 7, timestamp: 0 },
      traceparent: null
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
const read = (conclusions: ReadonlyArray<MessageConclusion>) => {
  const { outcomes, others } = readStep({ outputs: conclusions.flatMap(({ outputs }) => outputs) })
  const pendingOnes = others.filter(({ topic }) => topic === topicNames.pending)
  return { outcomes, ended: pendingOnes.map(({ key, value, partition }) => ({ key, value, partition })) }
}
const ended = [{ key: "shop|wamid.1", value: null, partition: 3 }]

it("a delivered status becomes the final result and ends the pending record on its partition", () => {
  const subject = makeWebhookOutcomes(connection, codecs, settings)
  assert.deepStrictEqual(subject.pending(pending, 0), [])
  assert.deepStrictEqual(read(subject.status("wamid.1", verdict("delivered"), 1)), {
    outcomes: { a: "delivered" },
    ended
  })
})

const failed = verdict("transient", "131049")
const delivered = verdict("delivered")
const rest = (conclusions: ReadonlyArray<MessageConclusion>) => conclusions.flatMap(({ outputs }) => outputs)
const marks = (conclusions: ReadonlyArray<MessageConclusion>) =>
  rest(conclusions).flatMap(({ topic, value, headers }) =>
    topic === topicNames.deadLetters && value === null ? [headers] : []
  )
const logsOf = (conclusions: ReadonlyArray<MessageConclusion>) =>
  rest(conclusions).flatMap(({ topic, value }) => {
    const decoded = codecs.decode("event-delivery-log", value)
    return topic === topicNames.results && decoded._tag === "Decoded" ? [decoded.value] : []
  })
/** The record of a request that failed, as the topic keeps it for a correction. */
const keptOf = (conclusions: ReadonlyArray<MessageConclusion>) =>
  recordOf(rest(conclusions).find(({ topic }) => topic === topicNames.pending)!)

it("a later delivered or read corrects failed: the dead letter is marked as resolved, and the record ends", () => {
  const subject = makeWebhookOutcomes(connection, codecs, settings)
  subject.pending(pending, 0)
  const first = subject.status("wamid.1", failed, 1)
  assert.deepStrictEqual(read(first).outcomes, { a: "rejected:131049" })
  const kept = keptOf(first)
  assert.isNotNull(kept.value)
  // The failure once, before and after the record was read back.
  assert.deepStrictEqual(subject.status("wamid.1", failed, 2), [])
  assert.deepStrictEqual(subject.pending(kept, 2), [])
  assert.deepStrictEqual(subject.status("wamid.1", failed, 2), [])
  const second = subject.status("wamid.1", delivered, 3)
  assert.deepStrictEqual(read(second), { outcomes: { a: "delivered" }, ended })
  assert.deepStrictEqual(marks(second), [{ resolved: "shop|wamid.1", outcome: "delivered" }])
  assert.deepInclude(logsOf(second)[0], { success: true, corrects: "rejected", accepted_at: 0 })
  assert.deepStrictEqual(subject.status("wamid.1", delivered, 4), [])
  assert.deepStrictEqual(subject.status("wamid.1", failed, 4), [])
  // Read back late, the failure is no news.
  subject.pending(kept, 5)
  assert.deepStrictEqual(subject.status("wamid.1", delivered, 5), [])
})

it("a correction outlives a restart, and holds between two instances that are notified at the same time", () => {
  const first = makeWebhookOutcomes(connection, codecs, settings)
  first.pending(pending, 0)
  const kept = keptOf(first.status("wamid.1", failed, 1))
  const restarted = makeWebhookOutcomes(connection, codecs, settings)
  restarted.pending(pending, 2)
  restarted.pending(kept, 2)
  assert.strictEqual(marks(restarted.status("wamid.1", delivered, 3)).length, 1)

  const other = makeWebhookOutcomes(connection, codecs, settings)
  other.pending(pending, 0)
  const conclusions = other.status("wamid.1", delivered, 1)
  assert.deepStrictEqual(marks(conclusions), [])
  const end = keptOf(conclusions)
  assert.strictEqual(marks(first.pending(end, 4)).length, 1)
  restarted.pending(kept, 5)
  assert.deepStrictEqual(restarted.pending(end, 6), [])
})

it("failed after delivered changes nothing, also where both come before the request's record", () => {
  for (const order of [
    [delivered, failed],
    [failed, delivered]
  ]) {
    const subject = makeWebhookOutcomes(connection, codecs, settings)
    for (const status of order) assert.deepStrictEqual(subject.status("wamid.1", status, 0), [])
    const conclusions = subject.pending(pending, 1)
    assert.deepStrictEqual(read(conclusions), { outcomes: { a: "delivered" }, ended })
    assert.deepStrictEqual(
      logsOf(conclusions).map(({ corrects }) => corrects),
      [null]
    )
  }
})

it("a failure that nothing corrected is forgotten after its time, without another result", () => {
  const subject = makeWebhookOutcomes(connection, codecs, settings)
  subject.pending(pending, 0)
  const day = Duration.toMillis(Duration.days(1))
  subject.pending(keptOf(subject.status("wamid.1", failed, day)), day)
  assert.deepStrictEqual(subject.sweep(3.5 * day), [])
  assert.deepStrictEqual(read(subject.sweep(4 * day + 1)), { outcomes: {}, ended })
})

it("the price of a status is in the result, also if the status `sent` brought it", () => {
  const pricing = { category: "utility", type: "regular" }
  const subject = makeWebhookOutcomes(connection, codecs, settings)
  subject.pending(pending, 0)
  assert.deepStrictEqual(subject.status("wamid.1", verdict("accepted"), 1, pricing), [])
  assert.deepStrictEqual(logsOf(subject.status("wamid.1", delivered, 2))[0]?.pricing, pricing)
  const early = makeWebhookOutcomes(connection, codecs, settings)
  assert.deepStrictEqual(early.status("wamid.1", verdict("accepted"), 1, pricing), [])
  assert.deepStrictEqual(early.pending(pending, 2), [])
  assert.deepStrictEqual(logsOf(early.status("wamid.1", delivered, 3))[0]?.pricing, pricing)
  const none = makeWebhookOutcomes(connection, codecs, settings)
  none.pending(pending, 0)
  assert.isNull(logsOf(none.status("wamid.1", delivered, 3))[0]?.pricing)
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

it("records an outcome once, however often WhatsApp brings it, and again where it could not be written", () => {
  const subject = makeWebhookOutcomes(connection, codecs, settings)
  subject.pending(pending, 0)
  assert.deepStrictEqual(subject.status("wamid.1", verdict("accepted"), 1), [])
  assert.strictEqual(subject.status("wamid.1", verdict("delivered"), 2).length, 1)
  assert.deepStrictEqual(subject.status("wamid.1", verdict("delivered"), 3), [])
  subject.reopen(["wamid.1"])
  assert.strictEqual(subject.status("wamid.1", verdict("delivered"), 4).length, 1)
})

it("gives up after three days what got no final status, and leaves others' messages alone", () => {
  const subject = makeWebhookOutcomes(connection, codecs, settings)
  subject.pending(pending, 0)
  subject.pending({ ...pending, headers: { connection: "other" }, key: Buffer.from("other|wamid.2") }, 0)
  assert.deepStrictEqual(subject.sweep(Duration.toMillis(Duration.days(3))), [])
  assert.deepStrictEqual(read(subject.sweep(Duration.toMillis(Duration.days(3)) + 1)), {
    outcomes: { a: "accepted:no_final_answer" },
    ended
  })
})

it("gives up the oldest of more messages than it keeps, so that a webhook that is not set up fills no memory", () => {
  const subject = makeWebhookOutcomes(connection, codecs, settings, 2)
  for (const number of [1, 2, 3]) {
    const trackingId = `wamid.${number}`
    const events = outcome.events.map((event) => ({ ...event, event_id: `event-${number}` }))
    subject.pending(
      recordOf(
        pendingRecord({ connection, codecs }, { partition: 3 }, trackingId, {
          ...outcome,
          later_id: trackingId,
          events
        })
      ),
      0
    )
  }
  assert.deepStrictEqual(read(subject.sweep(1)).outcomes, { "event-1": "accepted:no_final_answer" })
  assert.deepStrictEqual(read(subject.sweep(2)).outcomes, {})
  assert.deepStrictEqual(read(subject.status("wamid.2", verdict("delivered"), 3)).outcomes, { "event-2": "delivered" })
})
