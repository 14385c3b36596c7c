/** Waits until every enabled connection has the outcome of an event. */
import * as Deferred from "effect/Deferred"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { Codecs } from "../../shared/codec/codecs.ts"
import type { Moment } from "./moment.ts"
import { readTopic } from "./read-topic.ts"

/** Ends as soon as each of the connections has an outcome that is not to be followed by another, or after `timeout`. */
export const awaitOutcomes = Effect.fnUntraced(function* (
  eventId: string,
  connections: ReadonlyArray<string>,
  from: Moment,
  timeout: Duration.Duration
) {
  const codecs = yield* Codecs
  const waiting = new Set(connections)
  const done = yield* Deferred.make<void>()
  const follow = readTopic({
    topic: "delivery-results",
    from,
    follow: true,
    onRecords: Effect.fnUntraced(function* (records) {
      // Results are keyed by event id: the others need not be decoded.
      const own = records.filter(({ key }) => key?.toString("utf8") === eventId)
      yield* codecs.loadSchemas(own.map(({ value }) => value))
      for (const { value } of own) {
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
