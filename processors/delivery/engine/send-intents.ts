/**
 * Send intents: what keeps a message from being sent twice where requests are not idempotent (WhatsApp).
 *
 * Before a request an intent `sending` is written by the partition's fenced transactional producer and committed. So
 * a process that lost the partition without knowing fails here, before it sends. The result's transaction marks the intent
 * `settled`, together with the input's offset. Whoever opens the partition reads the intents first: one that is
 * `sending` without being `settled` belongs to an event whose offset is not committed either; it may have been sent, so
 * its outcome is `unknown`. Responses that came before the crash are known if an intent after them recorded them
 * (`answered`), so only the last few are in doubt; a process that lives on after a failed commit knows them all
 * (`uncommitted-responses.ts`). Only a person's command sends it again. Settled intents also are the memory of the last
 * 24 hours: an event that was sent is not sent again by a replay. The memory is by key: only the home partition of an event's id
 * sends it, and it finds what other partitions sent before partitions were added. An event that went to the delayed
 * retries belongs to them: if it comes again, it is handed over, since only they know whether it was sent meanwhile.
 */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import type * as Scope from "effect/Scope"
import type { SendIntent } from "../../../schemas/types.gen.ts"
import type { Codecs, RegistryError } from "../../../shared/codec/codecs.ts"
import type { KafkaError } from "../../../shared/kafka/client.ts"
import { partitionOfKey } from "../../../shared/kafka/wire/hashes.ts"
import { headerNames, topicNames } from "../../../shared/model/topics.ts"
import type { AssignedPartition, Inbound, Outbound, Restore } from "../../../shared/runtime/contract.ts"
import { partitionsHeader } from "../../../shared/runtime/restore-state.ts"
import { decisionBefore, duplicate, inDoubt, isFinal, isSent } from "./intent-decisions.ts"
import { interpretResponse } from "./interpret-response.ts"
import { type Decision, type DeliveryEvent, type Outcome, outcomeOf } from "./outcome.ts"
import type { IdempotencyGuardShape, ResponseReading } from "./send-request.ts"
import { SentIdCache } from "./sent-id-cache.ts"
import type { DeliverySettings } from "./settings.ts"
import type { Known, UncommittedResponses } from "./uncommitted-responses.ts"

export interface SendIntents extends IdempotencyGuardShape {
  readonly restore: Restore<RegistryError, never>
  /**
   * Separates what must not be sent from here: in doubt after a crash, sent within the window, or twice in hand; the delayed
   * retries have it. Claims the others. Waits for requests for these that a closed partition left in flight.
   */
  readonly screen: (events: ReadonlyArray<DeliveryEvent>) => Effect.Effect<Screened>
  /** Marks for the step's transaction, of outcomes of events that came out of `screen`. */
  readonly settle: (outcomes: ReadonlyArray<Outcome>, now: number) => ReadonlyArray<Outbound>
  /**
   * Of a record that is not read: what became of its event as far as that is known, null where it was not sent; and the mark for the
   * step's transaction.
   */
  readonly unread: (
    eventId: string,
    now: number
  ) => { readonly sent: Decision | null; readonly mark: ReadonlyArray<Outbound> }
  /** The step's transaction is committed. */
  readonly committed: (eventIds: ReadonlyArray<string>) => void
}

export interface Screened {
  readonly ready: ReadonlyArray<DeliveryEvent>
  readonly decided: ReadonlyArray<Outcome>
  /** For the delayed retries. */
  readonly handedOver: ReadonlyArray<DeliveryEvent>
}

export interface IntentOptions {
  readonly codecs: Codecs["Service"]
  readonly connectionId: string
  readonly mappedTopic: string
  readonly assigned: AssignedPartition
  readonly append: (records: ReadonlyArray<Outbound>) => Effect.Effect<void, KafkaError>
  readonly settings: Pick<DeliverySettings, "deduplicationWindow" | "deduplicationEntriesMax">
  /** Of the connection: it outlives the partition. */
  readonly uncommitted: UncommittedResponses
  /** Requests are ended with it, not with the partition. */
  readonly scope: Scope.Scope
}

/** Declared by whoever owned the partition before: this process, which may know more, or another one. */
interface Declared {
  readonly _tag: "Declared"
  /** In `UncommittedResponses`. */
  readonly responseKey: string
  /** The intent's timestamp. */
  readonly at: number
}

/** Of an event that is not settled: declared before the partition was opened, decided then, or claimed by a step. */
type IntentState = Declared | "claimed" | Decision

export const makeSendIntents = (options: IntentOptions): SendIntents => {
  const { codecs, connectionId, assigned, mappedTopic, settings, uncommitted } = options
  const states = new Map<string, IntentState>()
  const windowMillis = Duration.toMillis(settings.deduplicationWindow)
  const sent = new SentIdCache(settings.deduplicationWindow, settings.deduplicationEntriesMax)
  const deferred = new SentIdCache(settings.deduplicationWindow, settings.deduplicationEntriesMax)
  /** Of the steps in flight. */
  const declared = new Set<string>()
  const partitions = assigned.partitions ?? 1
  const writtenFor = String(partitions)
  const { append } = options
  /** Decided since the last intent: the next one takes them along. */
  let unwritten: Array<Outbound> = []

  const responseKey = (topic: string, eventId: string) => `${topic}/${assigned.partition}/${eventId}`
  const responseKeyOf = ({ event }: DeliveryEvent) => responseKey(assigned.topic, event.event_id)

  const record = (eventId: string, state: SendIntent["state"], decision: Decision | null, now: number): Outbound => ({
    topic: topicNames.intents,
    partition: assigned.partition,
    key: `${eventId}|${connectionId}`,
    headers: {
      [headerNames.connection]: connectionId,
      [headerNames.input]: assigned.topic,
      [partitionsHeader]: writtenFor
    },
    value: codecs.encode(topicNames.intents, "send-intent", {
      event_id: eventId,
      connection_id: connectionId,
      state,
      outcome: decision?.outcome ?? null,
      reason_code: decision?.reasonCode ?? null,
      request_id: decision?.request?.requestId ?? null,
      later_id: decision?.request?.trackingId ?? null,
      timestamp: now
    })
  })

  const remember = (eventId: string, at: number): void => {
    states.delete(eventId)
    sent.remember(eventId, at)
  }

  const revoke = (eventId: string, now: number): void => {
    states.delete(eventId)
    sent.revoke(eventId, now)
  }

  const defer = (eventId: string, outcome: string | null, at: number, now: number): void => {
    if (outcome === "retry_scheduled") deferred.remember(eventId, at)
    else deferred.revoke(eventId, now)
  }

  const restore = (inbound: Inbound, now: number): void => {
    const decoded = codecs.decode("send-intent", inbound.value)
    if (decoded._tag === "Undecodable" || decoded.value.connection_id !== connectionId) return
    const { event_id, state, outcome, timestamp } = decoded.value
    const isOurs =
      inbound.partition === assigned.partition && (inbound.headers[partitionsHeader] ?? writtenFor) === writtenFor
    if (!isOurs && partitionOfKey(event_id, partitions) !== assigned.partition) return
    // An event comes to the retry topic when the mapped topic's owner is done with it: what that is sending now is not meant.
    const isOfMapped = inbound.headers[headerNames.input] === mappedTopic
    if (state !== "settled" && isOfMapped && assigned.topic !== mappedTopic) return
    if (state === "sending") {
      const key = responseKey(inbound.headers[headerNames.input] ?? assigned.topic, event_id)
      states.set(event_id, { _tag: "Declared", responseKey: key, at: timestamp })
    } else if (state === "answered") states.set(event_id, decisionBefore(decoded.value))
    else if (isSent(outcome) && now - timestamp < windowMillis) remember(event_id, timestamp)
    else revoke(event_id, now)
    if (state === "settled") defer(event_id, outcome, timestamp, now)
  }

  /** Null where the event may be sent. */
  const decisionOf = ({ event, record }: DeliveryEvent, now: number): Decision | null => {
    const state = states.get(event.event_id)
    // The command overrules what is remembered as sent, but a resend that a crash cut off is in doubt itself.
    const isResend = record.headers[headerNames.resend] === "true"
    if (state === undefined) return !isResend && sent.has(event.event_id, now) ? duplicate : null
    if (state === "claimed") return duplicate
    if (!isDeclared(state)) return state
    const known = uncommitted.recall(state.responseKey, state.at)
    // Its request never left.
    return known === "not_sent" ? null : (known ?? inDoubt)
  }

  return {
    restore: {
      topic: topicNames.intents,
      // Whole: an intent in doubt counts however long the outage was. The topic's retention bounds it.
      since: "beginning",
      until: "end",
      byKey: true,
      apply: (records) =>
        Effect.gen(function* () {
          yield* codecs.loadSchemas(records.map((inbound) => inbound.value))
          const now = yield* Clock.currentTimeMillis
          for (const inbound of records) restore(inbound, now)
        })
    },
    screen: Effect.fnUntraced(function* (events) {
      const begun = yield* Clock.currentTimeMillis
      const isDeferred = ({ record, event }: DeliveryEvent) =>
        record.topic === mappedTopic && deferred.has(event.event_id, begun)
      const handedOver = events.filter(isDeferred)
      const rest = handedOver.length === 0 ? events : events.filter((event) => !isDeferred(event))
      yield* uncommitted.settled(
        rest.flatMap(({ event }) => {
          const state = states.get(event.event_id)
          return isDeclared(state) ? [state.responseKey] : []
        })
      )
      const now = yield* Clock.currentTimeMillis
      const ready: Array<DeliveryEvent> = []
      const decided: Array<Outcome> = []
      for (const event of rest) {
        const decision = decisionOf(event, now)
        if (decision !== null) decided.push(outcomeOf(event, decision))
        else {
          states.set(event.event.event_id, "claimed")
          ready.push(event)
        }
      }
      return { ready, decided, handedOver }
    }),
    ready: Effect.void,
    isReady: () => true,
    declare: (events) =>
      Effect.flatMap(Clock.currentTimeMillis, (now) => {
        const fresh = events.map(({ event }) => event.event_id).filter((id) => !declared.has(id))
        for (const id of fresh) {
          declared.add(id)
          uncommitted.declare(responseKey(assigned.topic, id), now)
        }
        if (fresh.length === 0) return Effect.void
        const before = unwritten
        unwritten = []
        return append([...before, ...fresh.map((id) => record(id, "sending", null, now))])
      }),
    track: (events, send) =>
      Effect.suspend(() => {
        for (const event of events) uncommitted.begin(responseKeyOf(event))
        const tracked = Effect.onExit(send, (exit) =>
          Effect.sync(() => {
            const known = Exit.isSuccess(exit) ? knownOf(events, exit.value) : null
            for (const event of events)
              uncommitted.end(responseKeyOf(event), known === null ? null : (known.get(event) ?? "not_sent"))
          })
        )
        // A closed partition interrupts its steps, but a request that is cut off leaves its event in doubt.
        return Effect.flatMap(Effect.forkIn(tracked, options.scope), Fiber.join)
      }),
    decided: (outcomes, at) => {
      for (const { event, decision } of outcomes) {
        const id = event.event.event_id
        if (declared.has(id) && isFinal(decision)) unwritten.push(record(id, "answered", decision, at))
      }
    },
    settle: (outcomes, now) => {
      // The marks below say as much, in the same transaction as the results.
      unwritten = []
      return outcomes.flatMap(({ event, decision }) => {
        const id = event.event.event_id
        declared.delete(id)
        if (decision === duplicate) return []
        if (isSent(decision.outcome)) remember(id, now)
        else revoke(id, now)
        defer(id, decision.outcome, now, now)
        return [record(id, "settled", decision, now)]
      })
    },
    unread: (eventId, now) => {
      const state = states.get(eventId)
      if (state === undefined || state === "claimed") return { sent: null, mark: [] }
      const sent = isDeclared(state) ? inDoubt : state
      return { sent, mark: [record(eventId, "settled", sent, now)] }
    },
    committed: (eventIds) => {
      for (const id of eventIds) uncommitted.forget(responseKey(assigned.topic, id))
    }
  }
}

const isDeclared = (state: IntentState | undefined): state is Declared => typeof state === "object" && "_tag" in state

/** What a request says of each of its events; an event without a decision was not sent. */
const knownOf = (sent: ReadonlyArray<DeliveryEvent>, reading: ResponseReading): ReadonlyMap<DeliveryEvent, Known> => {
  const { outcomes } = interpretResponse({ ...reading, sent, carried: true }, false)
  return new Map(outcomes.map(({ event, decision }) => [event, decision]))
}
