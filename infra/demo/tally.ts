/** Follows the topics of a run and keeps what the screen shows: outcomes, dead letters, health and losses. */

import * as Effect from "effect/Effect"
import type { ConnectorHealthStatus, EventDeliveryLog, HealthAlert } from "../../schemas/types.gen.ts"
import { Codecs, type Records, type SchemaName } from "../../shared/codec/codecs.ts"
import { type FetchedRecord, KafkaClient } from "../../shared/kafka/client.ts"
import { bestOf, factOf, type KnownOutcome, learn, nothingKnown } from "../../shared/ledger/known-outcome.ts"
import { topicNames } from "../../shared/model/topics.ts"

export interface Tally {
  /** Connection → outcome → events that stand there now. */
  readonly outcomes: Map<string, Map<string, number>>
  /** Stage → reason → dead letters. */
  readonly deadLetters: Map<string, Map<string, number>>
  /** Connection → reason → events rejected, expired or dead-lettered. */
  readonly refusals: Map<string, Map<string, number>>
  readonly health: Map<string, ConnectorHealthStatus>
  /** Connection → the last alert of the ledger: events without a trace, or that they were found. */
  readonly ledgerAlerts: Map<string, HealthAlert>
  /** Where events stand, by connection and position, the oldest first: their next result may take them from there. */
  readonly events: Map<string, Counted>
  /** When the first event was delivered, in milliseconds since the epoch. */
  firstDelivery: number | null
  /** Results and dead letters so far: where it does not change, no event moves. */
  moved: number
}

interface Counted {
  known: KnownOutcome
  /** The outcome that it is counted under, and the reason where it is a refusal. */
  outcome: string
  reason: string | null
}

export const emptyTally = (): Tally => ({
  outcomes: new Map(),
  deadLetters: new Map(),
  refusals: new Map(),
  health: new Map(),
  ledgerAlerts: new Map(),
  events: new Map(),
  firstDelivery: null,
  moved: 0
})

/** Takes the topics' ends as the beginning; what comes back counts all that is written from there on and never ends by itself. */
export const follow = Effect.fnUntraced(function* (tally: Tally, prefix: string) {
  const streams = [
    yield* followed(`${prefix}${topicNames.results}`, "event-delivery-log", (log) => countResult(tally, log)),
    yield* followed(`${prefix}${topicNames.deadLetters}`, "dead-letter", (given) => {
      tally.moved++
      add(
        entry(tally.deadLetters, given.stage, () => new Map()),
        given.reason_code,
        1
      )
    }),
    yield* followed(`${prefix}${topicNames.health}`, "connector-health-status", (status) => {
      tally.health.set(status.connection_id, status)
    }),
    yield* followed(`${prefix}${topicNames.alerts}`, "health-alert", (alert) => {
      if (alert.cause === "ledger") tally.ledgerAlerts.set(alert.connection_id, alert)
    })
  ]
  return Effect.andThen(Effect.all(streams, { concurrency: "unbounded", discard: true }), Effect.never)
})

/** An event is counted once, by the result that counts (`known-outcome.ts`), or as waiting for its delayed retry. */
export const countResult = (tally: Tally, log: EventDeliveryLog): void => {
  tally.moved++
  const outcomes = entry(tally.outcomes, log.connection_id, () => new Map<string, number>())
  const refusals = entry(tally.refusals, log.connection_id, () => new Map<string, number>())
  const position =
    log.source === null ? log.event_id : `${log.source.partition}:${log.source.offset}@${log.source.timestamp}`
  const key = `${log.connection_id} ${position}`
  const before = tally.events.get(key)
  if (before !== undefined) {
    add(outcomes, before.outcome, -1)
    if (before.reason !== null) add(refusals, before.reason, -1)
  }
  const fact = factOf(log)
  const known = fact === null ? (before?.known ?? nothingKnown) : learn(before?.known ?? nothingKnown, fact)
  const best = bestOf(known)
  const outcome = best?.outcome ?? log.outcome
  const reason = refusing.has(outcome) ? best?.reason || outcome : null
  add(outcomes, outcome, 1)
  if (reason !== null) add(refusals, reason, 1)
  tally.events.set(key, { known, outcome, reason })
  forgetOldest(tally.events)
  if (log.success) tally.firstDelivery ??= log.timestamp
}

/** What a run of hours holds at most; the oldest stay counted where they stand. */
const eventsMax = 200_000

const forgetOldest = (events: Map<string, Counted>): void => {
  if (events.size <= eventsMax) return
  const [oldest] = events.keys()
  if (oldest !== undefined) events.delete(oldest)
}

const refusing: ReadonlySet<string> = new Set(["rejected", "expired", "dead_lettered"])

const followed = Effect.fnUntraced(function* <S extends SchemaName>(
  topic: string,
  schema: S,
  use: (record: Records[S]) => void
) {
  const kafka = yield* KafkaClient
  const codecs = yield* Codecs
  const ends = yield* kafka.topicOffsets(topic)
  const onRecords = Effect.fnUntraced(function* (records: ReadonlyArray<FetchedRecord>) {
    yield* codecs.loadSchemas(records.map((record) => record.value))
    for (const record of records) {
      const decoded = codecs.decode(schema, record.value)
      if (decoded._tag === "Decoded") use(decoded.value)
    }
  })
  return kafka.read({
    topic,
    ranges: ends.map(({ partition, high }) => ({ partition, from: high, to: null })),
    onRecords
  })
})

const add = (counts: Map<string, number>, key: string, amount: number): void =>
  void counts.set(key, (counts.get(key) ?? 0) + amount)

const entry = <K, V>(map: Map<K, V>, key: K, make: () => V): V => {
  const found = map.get(key)
  if (found !== undefined) return found
  const made = make()
  map.set(key, made)
  return made
}
