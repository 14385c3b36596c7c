/**
 * One step for batches of several partitions of a connection: its events are spread over the partitions of a topic, while a platform counts
 * requests. Only where the platform recognizes a repeated event, and only up to the first request: what that leaves open is sent by each
 * partition alone, so that an invalid event costs the others no search.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type { RegistryError } from "../../../shared/codec/codecs.ts"
import type { BatchVerdict, EventVerdict } from "../../../shared/connectors/connector.ts"
import type { KafkaError } from "../../../shared/kafka/client.ts"
import type { Batch, PartOfStep, Step } from "../../../shared/runtime/contract.ts"
import { sharedRequest, untracked } from "../../../shared/runtime/requests.ts"
import { attemptAfter, attemptAll, type FirstRequest, sendFirst } from "./attempt.ts"
import { chunk } from "./chunk.ts"
import type { DeliveryContextShape } from "./delivery-context.ts"
import type { DeliveryEvent, Outcome } from "./outcome.ts"
import { withUndecided } from "./records.ts"
import { finishedBeforeMove, idempotent, type RequestResult } from "./send-request.ts"
import { countSteps, type MadeStep, makeStep, type Partition, recordContext, toStep } from "./to-step.ts"
import { isDue, type Triaged, triageAt } from "./triage-when-due.ts"

type Failure = KafkaError | RegistryError

/** A partition's batch. */
interface Part {
  readonly partition: Partition
  readonly batch: Batch
}

/**
 * What the batches lead to, each for itself.
 *
 * @param alone the step of a partition by itself: of one that has nothing but delayed retries which are not due
 */
export const stepTogether = (
  delivery: DeliveryContextShape,
  parts: ReadonlyArray<Part>,
  alone: (part: Part) => Effect.Effect<Step, Failure>
): Effect.Effect<ReadonlyArray<PartOfStep<Failure, never>>, Failure> => {
  const values = parts.flatMap(({ batch }) => batch.records.map(({ value }) => value))
  return Effect.flatMap(Effect.andThen(delivery.codecs.loadSchemas(values), Clock.currentTimeMillis), (now) => {
    const triaged = parts.map(({ batch }) => triageAt(delivery, { records: batch.records, moved: [] }, now))
    return Effect.flatMap(sendChunks(delivery, parts, triaged), (requests) =>
      Effect.flatMap(recordContext(delivery), (context) => {
        const made: Array<MadeStep> = []
        let from = 0
        const results = parts.map((part, index): PartOfStep<Failure, never> => {
          const own = triaged[index]!
          if (!isDue(own)) return alone(part)
          const outcomes = outcomesOf(delivery, part, requests, own.ready, from)
          from += own.ready.length
          if (Effect.isEffect(outcomes))
            return Effect.flatMap(outcomes, (all) => toStep(part.partition, part.batch, attemptedOf(own, all)))
          const step = makeStep(part.partition, part.batch, attemptedOf(own, outcomes), context)
          made.push(step)
          return step.step
        })
        return Effect.as(countSteps(delivery, made), results)
      })
    )
  })
}

const attemptedOf = (triaged: Triaged, outcomes: ReadonlyArray<Outcome>) => ({
  triaged,
  screened: { ready: triaged.ready, decided: [], handedOver: [] },
  outcomes: withUndecided(triaged.ready, outcomes)
})

/** A first request with the events that it was made for. */
interface ChunkRequest {
  readonly events: ReadonlyArray<DeliveryEvent>
  /** They are the events of all partitions, in their order. */
  readonly isAll: boolean
  readonly first: FirstRequest
}

/** Sends what is ready in all partitions, in chunks that go out at the same time. */
const sendChunks = (
  delivery: DeliveryContextShape,
  parts: ReadonlyArray<Part>,
  triaged: ReadonlyArray<Triaged>
): Effect.Effect<ReadonlyArray<ChunkRequest>, KafkaError> => {
  const { limits, optimizer } = delivery
  const tracker = sharedRequest(parts.map(({ batch }) => batch.requests ?? untracked))
  const guard = finishedBeforeMove(idempotent, tracker, true)
  const ready = triaged.flatMap((own) => own.ready)
  const chunks = chunk(ready, { events: optimizer.size(), bytes: limits.bytesPerRequest })
  const send = (events: ReadonlyArray<DeliveryEvent>) =>
    Effect.map(sendFirst(delivery, guard, events), (first) => ({ events, isAll: events === ready, first }))
  return chunks.length === 1
    ? Effect.map(send(chunks[0]!), (one) => [one])
    : Effect.forEach(chunks, send, { concurrency: limits.concurrency })
}

/**
 * The outcomes of a partition's events by the first requests; an effect where these did not decide all of them.
 *
 * @param from where they begin among those of all partitions
 */
const outcomesOf = (
  delivery: DeliveryContextShape,
  { batch: { requests = untracked } }: Part,
  chunks: ReadonlyArray<ChunkRequest>,
  own: ReadonlyArray<DeliveryEvent>,
  from: number
): ReadonlyArray<Outcome> | Effect.Effect<ReadonlyArray<Outcome>, KafkaError> => {
  if (own.length === 0) return []
  const guard = finishedBeforeMove(idempotent, requests, true)
  const after = ({ events, isAll, first }: ChunkRequest) => {
    const mine = isAll ? own : ownOf(events, own)
    if (mine.length === 0) return []
    const part = partOf(first, mine, events, isAll ? from : null)
    return part === null ? attemptAll(delivery, guard, [mine]) : attemptAfter(delivery, guard, part)
  }
  const each = chunks.map(after)
  if (each.length === 1) return each[0]!
  const decided = each.flatMap((one) => (Effect.isEffect(one) ? [] : one))
  const rest = each.filter((one) => Effect.isEffect(one))
  if (rest.length === 0) return decided
  return Effect.map(Effect.all(rest, { concurrency: delivery.limits.concurrency }), (others) => [
    ...decided,
    ...others.flat()
  ])
}

const ownOf = (events: ReadonlyArray<DeliveryEvent>, own: ReadonlyArray<DeliveryEvent>) => {
  const isOwn = new Set(own)
  return events.filter((event) => isOwn.has(event))
}

/**
 * What a first request says of some of its events; null where that shows only when they are sent alone.
 *
 * @param all the events that it was made for
 * @param from of these, the first that is meant, where all that are meant come behind it
 */
const partOf = (
  request: FirstRequest,
  events: ReadonlyArray<DeliveryEvent>,
  all: ReadonlyArray<DeliveryEvent>,
  from: number | null
): FirstRequest | null => {
  const { result } = request
  if (events.length === all.length) return request
  // All were sent, and all went well or badly.
  if (from !== null && result !== null && result.sent === all && result.verdict._tag === "All")
    return { ...request, result: { ...result, sent: events } }
  const own = new Set(events)
  const stopped = request.stopped.filter(({ event }) => own.has(event))
  if (result === null) return { ...request, stopped }
  const part = resultOf(result, own)
  return part === null ? null : { ...request, stopped, result: part }
}

const resultOf = (result: RequestResult, own: ReadonlySet<DeliveryEvent>): RequestResult | null => {
  const { verdict } = result
  if (verdict._tag === "SomeInvalid" || (verdict._tag === "InvalidEvents" && verdict.invalidEvents.size === 0))
    return null
  const indexes = [...result.sent.keys()].filter((index) => own.has(result.sent[index]!))
  const part: RequestResult = {
    ...result,
    sent: indexes.map((index) => result.sent[index]!),
    stopped: result.stopped.filter(({ event }) => own.has(event)),
    held: result.held.filter((event) => own.has(event)),
    verdict: verdictOf(verdict, indexes)
  }
  // The invalid events are others', and the request was refused for them: these go again.
  return part.verdict._tag === "InvalidEvents" && part.verdict.invalidEvents.size === 0
    ? { ...part, sent: [], held: [...part.held, ...part.sent] }
    : part
}

const verdictOf = (verdict: BatchVerdict, indexes: ReadonlyArray<number>): BatchVerdict => {
  switch (verdict._tag) {
    case "PerEvent":
      return { ...verdict, events: indexes.flatMap((index) => verdict.events[index] ?? []) }
    case "InvalidEvents": {
      const invalidEvents = new Map<number, EventVerdict>()
      for (const [position, index] of indexes.entries()) {
        const invalidEvent = verdict.invalidEvents.get(index)
        if (invalidEvent !== undefined) invalidEvents.set(position, invalidEvent)
      }
      return { ...verdict, invalidEvents }
    }
    default:
      return verdict
  }
}
