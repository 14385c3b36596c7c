/** The logs that commands are measured on, written as the programs would write them: many small events, some large ones, and a long history. */
import * as Effect from "effect/Effect"
import type { ConnectorHealthPoint } from "../../schemas/types.gen.ts"
import { Codecs } from "../../shared/codec/codecs.ts"
import { KafkaClient, type ProducedRecord } from "../../shared/kafka/client.ts"
import { deadLetter, deadLetterRecord } from "../../shared/model/dead-letter.ts"
import { deliveryResultRecord } from "../../shared/model/delivery-result.ts"
import { topicNames } from "../../shared/model/topics.ts"
import { mappedEvent } from "../../shared/testing/connector-fixture.ts"
import { jane, purchase as normalizedPurchase, properties } from "../../shared/testing/event-fixture.ts"
import { purchase } from "./purchases.ts"

/** Both connections, of Meta, that the events of these logs are for. */
export const connections = ["shop", "shop2"] as const
/** Of one large event. */
export const person = "jane.large@shop.example"

type Encode = Codecs["Service"]["encode"]

/** Writes records a page at a time under a prefix; `recordsOf` gives those of an event. */
const write = Effect.fnUntraced(function* (
  prefix: string,
  count: number,
  page: number,
  recordsOf: (index: number, encode: Encode) => ReadonlyArray<ProducedRecord>
) {
  const kafka = yield* KafkaClient
  const { encode } = yield* Codecs
  for (let first = 0; first < count; first += page) {
    const indexes = Array.from({ length: Math.min(page, count - first) }, (_, at) => first + at)
    const records = indexes.flatMap((index) => recordsOf(index, encode))
    yield* kafka.produce(records.map((record) => ({ ...record, topic: prefix + record.topic })))
  }
})

/** Of four partitions; events are written in the order of their numbers. */
const sourceOf = (index: number, timestamp: number) => ({
  topic: topicNames.raw,
  partition: index % 4,
  offset: Math.floor(index / 4),
  timestamp
})

/** Six records of each event; every fifth is refused by one connection, and becomes a dead letter. */
export const writeEvents = (prefix: string, count: number) => {
  const now = Date.now()
  return write(prefix, count, 2_000, (index, encode) => {
    const raw = encode(topicNames.raw, "raw-event", purchase(index, now))
    const { event_id } = purchase(index, now)
    return [
      { topic: topicNames.raw, partition: index % 4, key: `u-${index}`, value: raw },
      ...laterRecords(encode, { index, event_id: event_id!, now, text: "", isRefused: index % 5 === 0 })
    ]
  })
}

interface Later {
  readonly index: number
  readonly event_id: string
  readonly now: number
  /** Makes the event as large as it is. */
  readonly text: string
  readonly isRefused: boolean
}

const laterRecords = (
  encode: Encode,
  { index, event_id, now, text, isRefused }: Later
): ReadonlyArray<ProducedRecord> => {
  const source = sourceOf(index, now)
  const about = { order_id: `o-${index}`, description: text === "" ? null : text }
  const event = normalizedPurchase({ event_id, source, user: jane, properties: properties(about) })
  return [
    {
      topic: topicNames.normalized,
      key: event_id,
      value: encode(topicNames.normalized, "normalized-event", { ...event, person_ids: null })
    },
    ...connections.flatMap((connection_id): ReadonlyArray<ProducedRecord> => {
      const topic = topicNames.mapped("meta")
      const payload = JSON.stringify({ event_id, event_name: "Purchase", custom_data: { ...about, value: 129.9 } })
      const mapped = encode(topic, "mapped-event", { ...mappedEvent(index), connection_id, event_id, payload, source })
      const refused = isRefused && connection_id === connections[1]
      const result = deliveryResultRecord(
        { encode },
        {
          event_id,
          event_name: "purchase",
          platform: "meta",
          connection_id,
          timestamp: now,
          outcome: refused ? "rejected" : "delivered",
          reason_code: refused ? "invalid_parameter:100" : null,
          request_id: `r-${index}`,
          latency_ms: 40,
          attempted_at: now,
          source
        }
      )
      const given = { topic, partition: source.partition, offset: index, timestamp: now }
      const why = {
        stage: "delivery-meta",
        reason_code: "invalid_parameter:100",
        message: "The platform refused it.",
        timestamp: now,
        attempts: 1,
        event_id,
        event_name: "purchase",
        connection_id,
        platform: "meta",
        request_id: `r-${index}`
      }
      const dead = deadLetter({ ...given, key: Buffer.from(event_id), value: mapped }, why)
      return [
        { topic, key: event_id, value: mapped, headers: { connection: connection_id } },
        result,
        ...(refused ? [deadLetterRecord({ encode }, dead)] : [])
      ]
    })
  ]
}

const megabyte = 1_000_000

/** Of every thirteen events three have 15 MB as a raw record and a dead letter, the others 3.9 MB as each of their six records. */
export const writeLargeEvents = (prefix: string, count: number) => {
  const now = Date.now()
  return write(prefix, count, 1, (index, encode) => {
    const isLargest = index % 13 < 3
    const text = "x".repeat((isLargest ? 15 : 3.9) * megabyte)
    const user = { email: index === 1 ? person : `u-${index}@shop.example` }
    const event = { event_id: `e-${index}`, event_name: "purchase", event_time: now, action_source: "website", user }
    const raw = Buffer.from(JSON.stringify({ ...event, properties: { custom: { text } } }))
    const source = sourceOf(index, now)
    const why = { stage: "normalizer", reason_code: "text_too_long", message: "Too long.", timestamp: now }
    return [
      { topic: topicNames.raw, partition: index % 4, key: `u-${index}`, value: raw },
      ...(isLargest
        ? [deadLetterRecord({ encode }, deadLetter({ ...source, value: raw }, { ...why, event_id: event.event_id }))]
        : laterRecords(encode, { index, event_id: event.event_id, now, text, isRefused: index % 5 === 0 }))
    ]
  })
}

/** A record for each connection and minute, of the last `minutes`; in the order in which a program writes them. */
export const writeHistory = (prefix: string, connections: number, minutes: number) => {
  const begin = Math.floor(Date.now() / 60_000) - minutes + 1
  return write(prefix, minutes, 4, (index, encode) =>
    Array.from({ length: connections }, (_, number) => {
      const connection_id = `shop-${number}`
      const point: ConnectorHealthPoint = {
        connection_id,
        platform: "meta",
        minute: (begin + index) * 60_000,
        status: (index + number) % 97 === 0 ? "degraded" : "healthy",
        cause: (index + number) % 97 === 0 ? "errors" : null,
        succeeded: (index * number) % 1_000,
        failed: number % 3,
        invalid: 0,
        skipped: 1,
        latency_ms: 40 + (index % 7) / 8,
        waiting_events: index % 50,
        oldest_expires_at: null
      }
      const value = encode(topicNames.healthHistory, "connector-health-history", point)
      return { topic: topicNames.healthHistory, key: connection_id, value }
    })
  )
}
