/**
 * Events of several partitions that are ready at the same time go out in one request: a connection's events are spread over the
 * partitions of a topic, while a platform counts requests. Only where the platform recognizes a repeated event, and only for
 * the first request: what it leaves open is sent by each partition alone, so that an invalid event costs the others no search.
 */
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import type * as Scope from "effect/Scope"
import type { BatchVerdict, EventVerdict } from "../../../shared/connectors/connector.ts"
import type { KafkaError } from "../../../shared/kafka/client.ts"
import { type RequestTracker, sharedRequest } from "../../../shared/runtime/requests.ts"
import { type ChunkLimits, envelopeBytes } from "./chunk.ts"
import type { DeliveryEvent } from "./outcome.ts"
import type { RequestResult } from "./send-request.ts"
import { deadlineOf } from "./triage.ts"

/** Sends events of one batch group, which fit into a request. */
export type Send = (events: ReadonlyArray<DeliveryEvent>) => Effect.Effect<RequestResult, KafkaError>

/** As `Send`; what it sends is made known to the tracker. */
export type TrackedSend = (...args: [...Parameters<Send>, requests: RequestTracker]) => ReturnType<Send>

/** How the first request for events is sent. */
export class FirstRequest extends Context.Service<FirstRequest, { readonly send: Send }>()("delivery/FirstRequest") {}

export interface JoinOptions {
  /** Of one request. */
  readonly limits: () => ChunkLimits
  /** Requests in flight; what comes meanwhile is joined. */
  readonly concurrency: number
  readonly send: TrackedSend
  /** Requests that are under way end with it. */
  readonly scope: Scope.Scope
}

/** The events of one call. */
interface Part {
  readonly events: ReadonlyArray<DeliveryEvent>
  readonly bytes: number
  readonly deadline: number
  readonly requests: RequestTracker
  /** Its part of the result; null if it has to be sent alone. */
  readonly result: Deferred.Deferred<RequestResult | null, KafkaError>
  request: Fiber.Fiber<unknown, unknown> | null
  /** Its caller was interrupted. */
  isGone: boolean
}

export interface JoinedRequests {
  /** Concurrent calls share requests, as soon as two partitions are open. */
  readonly send: TrackedSend
  /** A partition is open until the scope closes. */
  readonly open: Effect.Effect<void, never, Scope.Scope>
}

export const joinRequests = ({ limits, concurrency, send, scope }: JoinOptions): JoinedRequests => {
  const waiting: Array<Part> = []
  let partitions = 0
  let inFlight = 0
  let isGathering = false

  const sendWaiting: Effect.Effect<void> = Effect.suspend(() => {
    if (isGathering || waiting.length === 0 || inFlight >= concurrency) return Effect.void
    isGathering = true
    // Steps that began together arrive after the scheduler has run a few times.
    const gathered = Effect.andThen(
      gather,
      Effect.suspend(() => {
        isGathering = false
        const requests: Array<ReadonlyArray<Part>> = []
        while (waiting.length > 0 && inFlight < concurrency) {
          inFlight++
          requests.push(takeFitting(waiting, limits()))
        }
        const [first, ...others] = requests
        if (first === undefined) return Effect.void
        // The first goes on in this fiber.
        return Effect.andThen(
          Effect.forEach(others, (parts) => Effect.forkIn(sendTogether(parts), scope), { discard: true }),
          sendTogether(first)
        )
      })
    )
    return Effect.asVoid(Effect.forkIn(gathered, scope))
  })

  const sendTogether = (parts: ReadonlyArray<Part>): Effect.Effect<void> => {
    const tracker = sharedRequest(parts.map(({ requests }) => requests))
    const all = parts.flatMap(({ events }) => events)
    const sent = Effect.exit(send(all, tracker)).pipe(
      Effect.flatMap((exit) =>
        Effect.sync(() => {
          let from = 0
          for (const { events, result } of parts) {
            Deferred.doneUnsafe(
              result,
              Exit.isSuccess(exit) && parts.length > 1 ? Exit.succeed(partOf(exit.value, events, all, from)) : exit
            )
            from += events.length
          }
        })
      )
    )
    return Effect.withFiber((fiber) => {
      for (const part of parts) part.request = fiber
      return parts.some(({ isGone }) => isGone) ? Effect.void : sent
    }).pipe(
      Effect.ensuring(
        Effect.suspend(() => {
          inFlight--
          // Of those that are left when one of them was interrupted.
          for (const { result } of parts) Deferred.doneUnsafe(result, Exit.succeed(null))
          return sendWaiting
        })
      )
    )
  }

  /** A partition that was lost must not send any more. */
  const leave = (part: Part): Effect.Effect<unknown> => {
    part.isGone = true
    const index = waiting.indexOf(part)
    if (index >= 0) waiting.splice(index, 1)
    return part.request === null ? Effect.void : Fiber.interrupt(part.request)
  }

  const open = Effect.acquireRelease(
    Effect.sync(() => void partitions++),
    () => Effect.sync(() => void partitions--)
  )
  const join: TrackedSend = (events, requests) =>
    Effect.suspend(() => {
      if (partitions < 2 || events.length >= limits().events) return send(events, requests)
      const bytes = events.reduce((sum, event) => sum + event.bytes + 1, 0)
      const result = Deferred.makeUnsafe<RequestResult | null, KafkaError>()
      const deadline = deadlineOf(events)
      const part: Part = { events, bytes, deadline, requests, result, request: null, isGone: false }
      waiting.push(part)
      return Effect.andThen(sendWaiting, Deferred.await(result)).pipe(
        Effect.onInterrupt(() => leave(part)),
        Effect.flatMap((own) => (own === null ? send(events, requests) : Effect.succeed(own)))
      )
    })
  return { send: join, open }
}

const gather = Effect.andThen(Effect.yieldNow, Effect.andThen(Effect.yieldNow, Effect.yieldNow))

/** Takes the most urgent part, and those of its batch group that fit into a request with it. */
const takeFitting = (waiting: Array<Part>, limits: ChunkLimits): ReadonlyArray<Part> => {
  waiting.sort((left, right) => left.deadline - right.deadline)
  const first = waiting.shift()!
  const taken = [first]
  const groupOf = ({ events }: Part) => events[0]!.event.batch_group
  let count = first.events.length
  let bytes = envelopeBytes + first.bytes
  for (let index = 0; index < waiting.length; ) {
    const part = waiting[index]!
    const fits = count + part.events.length <= limits.events && bytes + part.bytes <= limits.bytes
    if (fits && groupOf(part) === groupOf(first)) {
      waiting.splice(index, 1)
      taken.push(part)
      count += part.events.length
      bytes += part.bytes
    } else index++
  }
  return taken
}

/** What a result says of some of its events, the first of which is `all[from]`; null where that shows only when they are sent alone. */
const partOf = (
  result: RequestResult,
  events: ReadonlyArray<DeliveryEvent>,
  all: ReadonlyArray<DeliveryEvent>,
  from: number
): RequestResult | null => {
  const { verdict } = result
  if (verdict._tag === "SomeInvalid" || (verdict._tag === "InvalidEvents" && verdict.invalidEvents.size === 0))
    return null
  // All were sent, and all went well or badly.
  if (result.sent === all && verdict._tag === "All") return { ...result, sent: all.slice(from, from + events.length) }
  const own = new Set(events)
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
    ? {
        ...part,
        sent: [],
        held: [...part.held, ...part.sent],
        verdict: { ...part.verdict, invalidEvents: noInvalidEvents }
      }
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

const noInvalidEvents: ReadonlyMap<number, EventVerdict> = new Map()
