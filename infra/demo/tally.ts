/** Follows the topics of a run and keeps what the screen shows: outcomes, dead letters, health and alerts. */
import { Effect } from "effect"
import type { ConnectorHealthStatus, HealthAlert } from "../../schemas/types.gen.ts"
import { Codecs, type Records, type SchemaName } from "../../shared/avro/codecs.ts"
import { type FetchedRecord, KafkaClient } from "../../shared/kafka/port.ts"

export interface Tally {
  readonly outcomes: Map<string, Map<string, number>>
  readonly deadLetters: Map<string, number>
  readonly health: Map<string, ConnectorHealthStatus>
  readonly alerts: Array<HealthAlert>
  /** When the first event was delivered, in milliseconds since the epoch. */
  firstDelivery: number | null
  /** Records of any kind seen so far: standing still, it tells that nothing moves. */
  seen: number
}

export const emptyTally = (): Tally => ({
  outcomes: new Map(),
  deadLetters: new Map(),
  health: new Map(),
  alerts: [],
  firstDelivery: null,
  seen: 0
})

const alertsMax = 100

/** Counts all that is written from now on; never ends by itself. */
export const follow = (tally: Tally, prefix: string) =>
  Effect.gen(function* () {
    const topics = [
      followed(`${prefix}delivery-results`, "event-delivery-log", (log) => {
        const outcomes = entry(tally.outcomes, log.connection_id, () => new Map<string, number>())
        outcomes.set(log.outcome, (outcomes.get(log.outcome) ?? 0) + 1)
        // The final outcome of an accepted event takes the place of its acceptance.
        if (log.reason_code === "accepted_earlier") outcomes.set("accepted", (outcomes.get("accepted") ?? 1) - 1)
        if (log.success) tally.firstDelivery ??= log.timestamp
      }),
      followed(`${prefix}dead-letters`, "dead-letter", (letter) => {
        const reason = `${letter.stage}: ${letter.reason_code}`
        tally.deadLetters.set(reason, (tally.deadLetters.get(reason) ?? 0) + 1)
      }),
      followed(`${prefix}connector-health`, "connector-health-status", (status) => {
        tally.health.set(status.connection_id, status)
      }),
      followed(`${prefix}health-alerts`, "health-alert", (alert) => {
        tally.alerts.push(alert)
        if (tally.alerts.length > alertsMax) tally.alerts.shift()
      })
    ]
    const streams = yield* Effect.forEach(topics, (topic) => topic(tally))
    yield* Effect.all(streams, { concurrency: "unbounded", discard: true })
  })

/** Positions are taken at once; the reading is the effect that comes back. */
const followed =
  <S extends SchemaName>(topic: string, schema: S, use: (record: Records[S]) => void) =>
  (tally: Tally) =>
    Effect.gen(function* () {
      const kafka = yield* KafkaClient
      const codecs = yield* Codecs
      const ends = yield* kafka.topicOffsets(topic)
      const onRecords = Effect.fnUntraced(function* (records: ReadonlyArray<FetchedRecord>) {
        yield* codecs.prepare(records.map((record) => record.value))
        for (const record of records) {
          const decoded = codecs.decode(schema, record.value)
          if (decoded._tag === "Decoded") use(decoded.value)
          tally.seen++
        }
      })
      return kafka.read({
        topic,
        ranges: ends.map(({ partition, high }) => ({ partition, from: high, to: null })),
        onRecords
      })
    })

const entry = <K, V>(map: Map<K, V>, key: K, make: () => V): V => {
  const found = map.get(key)
  if (found !== undefined) return found
  const made = make()
  map.set(key, made)
  return made
}
