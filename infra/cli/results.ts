/** Delivery results as commands read them: with the event's outcome by now, and waiting for the outcomes of one event. */

import * as Deferred from "effect/Deferred"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type { EventDeliveryLog } from "../../schemas/types.gen.ts"
import { Codecs } from "../../shared/codec/codecs.ts"
import type { StartPosition } from "../../shared/kafka/read-topic.ts"
import { readTopic } from "../../shared/kafka/read-topic.ts"
import { bestOf, factOf, type KnownOutcome, learn, nothingKnown } from "../../shared/ledger/known-outcome.ts"
import { clockSkewMillis } from "../../shared/ledger/read-ledger.ts"
import { topicNames } from "../../shared/model/topics.ts"

/** `known_outcome` is that of the event's result that counts; a delayed retry's own where none is final. */
export type ResultWithOutcome = EventDeliveryLog & { readonly known_outcome: string }

/** Reads all results of these events, from their raw records' time on, so that it costs no more than their age. */
export const withKnownOutcomes = Effect.fnUntraced(function* (logs: ReadonlyArray<EventDeliveryLog>) {
  if (logs.length === 0) return []
  const codecs = yield* Codecs
  const known = new Map<string, KnownOutcome>(logs.map((log) => [keyOf(log), nothingKnown]))
  const oldest = logs.reduce((least, log) => Math.min(least, log.source?.timestamp ?? log.timestamp), Infinity)
  yield* readTopic({
    topic: topicNames.results,
    from: { _tag: "At", millis: Math.max(0, oldest - clockSkewMillis) },
    follow: false,
    onRecords: Effect.fnUntraced(function* (records) {
      yield* codecs.loadSchemas(records.map((record) => record.value))
      for (const record of records) {
        const decoded = codecs.decode("event-delivery-log", record.value)
        if (decoded._tag !== "Decoded") continue
        const before = known.get(keyOf(decoded.value))
        const fact = before === undefined ? null : factOf(decoded.value)
        if (before !== undefined && fact !== null) known.set(keyOf(decoded.value), learn(before, fact))
      }
    })
  })
  return logs.map((log): ResultWithOutcome => {
    const best = bestOf(known.get(keyOf(log)) ?? nothingKnown)
    return { ...log, known_outcome: best?.outcome ?? log.outcome }
  })
})

/** One event at one connection: by its raw record, so that a producer's duplicate is another event. */
const keyOf = ({ connection_id, event_id, source }: EventDeliveryLog): string =>
  `${connection_id} ${event_id} ${source === null ? "" : `${source.partition}:${source.offset}`}`

/** Ends as soon as each of the connections has an outcome that is not to be followed by another, or after `timeout`. */
export const awaitOutcomes = Effect.fnUntraced(function* (
  eventId: string,
  connections: ReadonlyArray<string>,
  from: StartPosition,
  timeout: Duration.Duration
) {
  const codecs = yield* Codecs
  const waiting = new Set(connections)
  const done = yield* Deferred.make<void>()
  const follow = readTopic({
    topic: topicNames.results,
    from,
    follow: true,
    onRecords: Effect.fnUntraced(function* (records) {
      // Results are keyed by event id: the others need not be decoded.
      const ofEvent = records.filter(({ key }) => key?.toString("utf8") === eventId)
      yield* codecs.loadSchemas(ofEvent.map(({ value }) => value))
      for (const { value } of ofEvent) {
        const decoded = codecs.decode("event-delivery-log", value)
        if (decoded._tag === "Decoded" && !followed.has(decoded.value.outcome))
          waiting.delete(decoded.value.connection_id)
      }
      if (waiting.size === 0) yield* Deferred.succeed(done, undefined)
    })
  })
  yield* Effect.raceFirst(follow, Deferred.await(done)).pipe(Effect.timeoutOption(timeout))
})

/** Another result of the event comes later. */
const followed: ReadonlySet<string> = new Set(["accepted", "retry_scheduled"])
