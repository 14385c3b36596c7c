/** Delivery results as commands read them: with the event's outcome by now, and waiting for the outcomes of one event. */

import * as Deferred from "effect/Deferred"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type { EventDeliveryLog } from "../../schemas/types.gen.ts"
import { readValues } from "../../shared/codec/read-values.ts"
import type { StartPosition } from "../../shared/kafka/read-topic.ts"
import { bestOf, factOf, type KnownOutcome, learn, nothingKnown } from "../../shared/ledger/known-outcome.ts"
import { clockSkewMillis } from "../../shared/ledger/read-ledger.ts"
import { topicNames } from "../../shared/model/topics.ts"

/** `known_outcome` is that of the event's result that counts; a delayed retry's own where none is final. */
export type ResultWithOutcome = EventDeliveryLog & { readonly known_outcome: string }

/** Reads all results of these events, from their raw records' time on, so that it costs no more than their age. */
export const withKnownOutcomes = Effect.fnUntraced(function* (logs: ReadonlyArray<EventDeliveryLog>) {
  if (logs.length === 0) return []
  const known = new Map<string, KnownOutcome>(logs.map((log) => [keyOf(log), nothingKnown]))
  const oldest = logs.reduce((least, log) => Math.min(least, log.source?.timestamp ?? log.timestamp), Infinity)
  yield* readValues({
    topic: topicNames.results,
    schema: "event-delivery-log",
    from: { _tag: "At", millis: Math.max(0, oldest - clockSkewMillis) },
    onValue: (log) => {
      const before = known.get(keyOf(log))
      const fact = before === undefined ? null : factOf(log)
      if (before !== undefined && fact !== null) known.set(keyOf(log), learn(before, fact))
    }
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
  const waiting = new Set(connections)
  const done = yield* Deferred.make<void>()
  const follow = readValues({
    topic: topicNames.results,
    schema: "event-delivery-log",
    from,
    follow: true,
    // Results are keyed by event id: the others need not be decoded.
    accept: ({ key }) => key?.toString("utf8") === eventId,
    onValue: ({ connection_id, outcome }) => {
      if (!followed.has(outcome)) waiting.delete(connection_id)
    },
    onFetched: () => {
      if (waiting.size === 0) Deferred.doneUnsafe(done, Effect.void)
    }
  })
  yield* Effect.raceFirst(follow, Deferred.await(done)).pipe(Effect.timeoutOption(timeout))
})

/** Another result of the event comes later. */
const followed: ReadonlySet<string> = new Set(["accepted", "retry_scheduled"])
