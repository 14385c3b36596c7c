/** Deliveries of two connections that share a partition, and records that end their process while a request is made or a response read. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as TestClock from "effect/testing/TestClock"
import { Codecs } from "../../../shared/codec/codecs.ts"
import type { Connector } from "../../../shared/connectors/connector.ts"
import { balanceOf } from "../../../shared/ledger/balance.ts"
import { Ledger } from "../../../shared/ledger/ledger.ts"
import { type RuntimeEvent, RuntimeObserver } from "../../../shared/runtime/metrics.ts"
import { runShared } from "../../../shared/runtime/shared-input.ts"
import { MemoryKafka } from "../../../shared/testing/memory-kafka.ts"
import { settle } from "../../../shared/testing/runtime-harness.ts"
import { deliveryDefaults } from "./settings.ts"
import {
  codecs,
  connection,
  connectorWith,
  type FakePlatform,
  fakePlatform,
  mappedEvent,
  ok,
  processorOver,
  recordsOfEvents,
  respond,
  strictCodecs,
  unrepeatable
} from "./testing.ts"

const topics = [
  ...["mapped-events.meta", "delivery-retry.meta", "delivery-results", "dead-letters", "delivery-refusals"],
  ...["send-intents", "pending-outcomes", "connector-state", "delivery-positions"]
]
const strict = { ...connection, id: "strict" }
const other = { ...connection, id: "other" }

/** Throws for these event ids of the connection `strict`, while a request is made or a response is read. */
const throwing = (base: Connector, made: ReadonlyArray<string>, read: ReadonlyArray<string>): Connector => {
  const failAt = (events: Parameters<Connector["request"]>[0], ids: ReadonlyArray<string>) => {
    if (events.some(({ event_id, connection_id }) => connection_id === "strict" && ids.includes(event_id)))
      throw new Error("for the test")
  }
  return {
    ...base,
    request: (events, context) => {
      failAt(events, made)
      return base.request(events, context)
    },
    verdict: (response, events) => {
      failAt(events, read)
      return base.verdict(response, events)
    }
  }
}

/** Runs both connections' deliveries again after each end, until all is done; the number of ends, and what was sent. */
const deliverAll = Effect.fnUntraced(function* (kafka: MemoryKafka, connector: Connector) {
  const platforms: Array<FakePlatform> = []
  const events: Array<RuntimeEvent> = []
  const start = Effect.gen(function* () {
    const processors = yield* Effect.forEach([strict, other], (one) => {
      const platform = fakePlatform(() => Effect.succeed(respond(ok)))
      platforms.push(platform)
      return processorOver({ connector, connection: one, settings: deliveryDefaults, services: platform })
    })
    return yield* runShared({
      name: "delivery-meta",
      topics: ["mapped-events.meta", "delivery-retry.meta"],
      processorOf: ({ headers }) => `delivery-meta.${headers["connection"]}`,
      processors
    })
  }).pipe(
    Effect.scoped,
    Effect.provide(
      Layer.mergeAll(
        kafka.layer,
        Layer.sync(Codecs, strictCodecs),
        Layer.succeed(RuntimeObserver, (event) => void events.push(event))
      )
    ),
    Effect.forkChild
  )
  for (let ends = 0; ends < 20; ends++) {
    const fiber = yield* start
    for (let second = 0; second < 20; second++) yield* Effect.andThen(TestClock.adjust("1 second"), settle)
    if (fiber.pollUnsafe() !== undefined) continue
    yield* Fiber.interrupt(fiber)
    const sent = platforms.flatMap(({ asked }) => asked.flatMap(({ path, ids }) => (path === "events" ? ids : [])))
    return { ends, sent, poison: events.filter(({ type }) => type === "poison").length }
  }
  return assert.fail("it ends again and again")
})

const write = Effect.fnUntraced(function* (ids: ReadonlyArray<string>) {
  const kafka = new MemoryKafka()
  for (const topic of topics) kafka.log.create(topic, 1)
  for (const one of [strict, other]) {
    const mapped = ids.map((id, offset) =>
      mappedEvent(id, {
        connection_id: one.id,
        source: { topic: "raw-events", partition: 0, offset, timestamp: offset }
      })
    )
    yield* kafka.client.produce(
      recordsOfEvents(mapped, "mapped-events.meta", { connection: one.id }).map(({ key, value, headers }) => ({
        topic: "mapped-events.meta",
        partition: 0,
        key,
        value,
        headers
      }))
    )
  }
  return kafka
})

/** By connection and event: outcome and reason, joined where there is more than one result. */
const outcomesIn = (kafka: MemoryKafka) => {
  const found: Record<string, Record<string, string>> = { strict: {}, other: {} }
  for (const { value } of kafka.log.records({ topic: "delivery-results", partition: 0 })) {
    const decoded = codecs.decode("event-delivery-log", value)
    if (decoded._tag !== "Decoded") continue
    const { connection_id, event_id, outcome, reason_code } = decoded.value
    const before = found[connection_id]![event_id]
    found[connection_id]![event_id] =
      `${before === undefined ? "" : `${before}+`}${outcome} ${reason_code ?? ""}`.trim()
  }
  return found
}

/** As `read-ledger.ts` feeds it. */
const ledgerOf = (kafka: MemoryKafka, count: number) => {
  const ledger = new Ledger(new Map([strict, other].map(({ id }) => [id, "enabled" as const])))
  const passed = new Map([[0, 1_000]])
  const deliveries = new Map([strict, other].map(({ id }) => [id, passed]))
  ledger.advance({ normalizer: passed, mapper: passed, deliveries, retries: deliveries })
  for (let offset = 0; offset < count; offset++) {
    const source = { partition: 0, offset, timestamp: offset }
    ledger.raw(source)
    ledger.normalized(source, `e${offset}`, source)
  }
  const each = <A>(
    topic: string,
    schema: "dead-letter" | "mapped-event" | "event-delivery-log",
    take: (value: A, offset: number) => void
  ) => {
    for (const { value, offset } of kafka.log.records({ topic, partition: 0 })) {
      const decoded = codecs.decode(schema, value)
      if (decoded._tag === "Decoded") take(decoded.value as A, offset)
    }
  }
  each<Parameters<Ledger["unread"]["add"]>[0]>("dead-letters", "dead-letter", (deadLetter) =>
    ledger.unread.add(deadLetter)
  )
  each<ReturnType<typeof mappedEvent>>("mapped-events.meta", "mapped-event", ({ source, connection_id }, offset) =>
    ledger.mapped(source, connection_id, { partition: 0, offset })
  )
  each<
    Parameters<Ledger["result"]>[2] & { source: ReturnType<typeof mappedEvent>["source"] | null; connection_id: string }
  >("delivery-results", "event-delivery-log", (log) => {
    if (log.source !== null) ledger.result(log.source, log.connection_id, log)
  })
  return balanceOf(ledger)
}

const ids = Array.from({ length: 12 }, (_, index) => `e${index}`)
const all = (outcome: string, others: Readonly<Record<string, string>> = {}) =>
  Object.fromEntries(ids.map((id) => [id, others[id] ?? outcome]))

describe("a record that ends a delivery's process", () => {
  it.effect("is a dead letter at its connection alone, the others are delivered, and the ledger balances", () =>
    Effect.gen(function* () {
      const kafka = yield* write(ids)
      const { poison } = yield* deliverAll(kafka, throwing(connectorWith(), ["e3"], ["e7"]))
      assert.deepStrictEqual(outcomesIn(kafka), {
        strict: all("delivered", { e3: "dead_lettered poison", e7: "dead_lettered poison" }),
        other: all("delivered")
      })
      assert.strictEqual(poison, 2)
      const balance = ledgerOf(kafka, ids.length)
      assert.isTrue(balance.balanced)
      const [one] = balance.connections
      assert.deepStrictEqual([one?.outcomes.delivered, one?.rejectedBy], [10, { poison: 2 }])
    })
  )

  it.effect("causes no second message where a request is not repeatable", () =>
    Effect.gen(function* () {
      const kafka = yield* write(ids)
      const { sent } = yield* deliverAll(kafka, throwing(unrepeatable, ["e3"], ["e7"]))
      const { strict: outcomes } = outcomesIn(kafka)
      assert.strictEqual(outcomes!["e3"], "dead_lettered poison")
      assert.strictEqual(outcomes!["e7"], "dead_lettered poison")
      const found = kafka.log.records({ topic: "dead-letters", partition: 0 }).map(({ value }) => {
        const decoded = codecs.decode("dead-letter", value)
        return decoded._tag === "Decoded"
          ? [decoded.value.event_id, decoded.value.message.includes("may have been sent")]
          : []
      })
      assert.deepStrictEqual(found, [
        ["e3", false],
        ["e7", true]
      ])
      for (const outcome of Object.values(outcomes!))
        assert.match(outcome, /^(delivered|unknown sent_before_crash|dead_lettered poison)$/)
      // Each at both connections; e3 never at the one whose process it ends.
      for (const id of ids) assert.isAtMost(sent.filter((one) => one === id).length, id === "e3" ? 1 : 2, id)
      assert.isTrue(ledgerOf(kafka, ids.length).balanced)
    })
  )
})
