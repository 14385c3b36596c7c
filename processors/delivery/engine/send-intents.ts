/**
 * Send intents: what keeps a message from being sent twice where the platform has no idempotency (WhatsApp).
 *
 * Before a request an intent `sending` is written by the partition's own fenced transactional producer and committed. So
 * a process that lost the partition without knowing fails here, before it sends. The result's transaction marks the intent
 * `settled`, together with the input's offset. Whoever opens the partition reads the intents first: one that is
 * `sending` without being `settled` belongs to an event whose offset is not committed either; it may have been sent, so
 * its outcome is `unknown`. Answers that came before the crash are known, as far as an intent after them took them along
 * (`answered`), so only the last few are in doubt; a process that lives on after a failed commit knows them all
 * (`answer-memory.ts`). Only a person's command sends it again. Settled intents also are the memory of the last
 * 24 hours: an event that was sent is not sent again by a replay. The memory is by key: only the partition where an event's id
 * is at home sends it, and it finds what other partitions sent before partitions were added. An event that went to the delayed
 * retries belongs to them: comes it again, it is handed over, since only they know whether it was sent meanwhile.
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
import { partitionOfKey } from "../../../shared/kafka/wire/murmur2.ts"
import { headerNames, topicNames } from "../../../shared/model/topics.ts"
import type { AssignedPartition, Inbound, Outbound, Restore } from "../../../shared/runtime/contract.ts"
import { partitionsHeader } from "../../../shared/runtime/restore-state.ts"
import { interpretResponse } from "./interpret-response.ts"
import { type DeliveryEvent, type Outcome, outcomeWithoutRequest } from "./outcome.ts"
import type { IdempotencyGuard, ResponseReading } from "./send-request.ts"
import { SentIdCache } from "./sent-id-cache.ts"
import type { DeliverySettings } from "./settings.ts"
import { sharedAppend } from "./shared-append.ts"
import type { Known, UncommittedResponses } from "./uncommitted-responses.ts"

export interface Intents extends IdempotencyGuard {
  readonly restore: Restore<RegistryError, never>
  /** Waits for requests for these that a closed partition left under way, so that `screen` knows their answers. */
  readonly answersOf: (items: ReadonlyArray<DeliveryEvent>) => Effect.Effect<void>
  /** Of events that are to be sent those that the delayed retries have, or had, and decide on. */
  readonly deferred: (items: ReadonlyArray<DeliveryEvent>, now: number) => ReadonlyArray<DeliveryEvent>
  /** Decides what must not be sent: in doubt after a crash, sent within the window, or twice in hand. Claims the others. */
  readonly screen: (items: ReadonlyArray<DeliveryEvent>, now: number) => void
  /** Marks for the step's own transaction. */
  readonly settle: (items: ReadonlyArray<DeliveryEvent>, now: number) => ReadonlyArray<Outbound>
  /** The step's transaction is committed. */
  readonly committed: (eventIds: ReadonlyArray<string>) => void
}

export interface IntentOptions {
  readonly codecs: Codecs["Service"]
  readonly connectionId: string
  readonly mappedTopic: string
  readonly assigned: AssignedPartition
  readonly append: (records: ReadonlyArray<Outbound>) => Effect.Effect<void, KafkaError>
  readonly settings: Pick<DeliverySettings, "deduplicationWindow" | "deduplicationEntriesMax">
  /** Of the connection: it outlives the partition. */
  readonly answers: UncommittedResponses
  /** Requests are ended with it, not with the partition. */
  readonly scope: Scope.Scope
}

/** Declared by whoever owned the partition before: this process, which may know more, or another one. */
interface Declared {
  readonly _tag: "Declared"
  readonly memoryKey: string
  /** The intent's timestamp. */
  readonly at: number
}

/** Where an event stands that is not settled: declared before the partition was opened, answered then, or claimed by a step. */
type EventIntent = Declared | "claimed" | Outcome

export const makeIntents = (options: IntentOptions): Intents => {
  const { codecs, connectionId, assigned, settings } = options
  const standings = new Map<string, EventIntent>()
  const windowMillis = Duration.toMillis(settings.deduplicationWindow)
  const sent = new SentIdCache(settings.deduplicationWindow, settings.deduplicationEntriesMax)
  const deferred = new SentIdCache(settings.deduplicationWindow, settings.deduplicationEntriesMax)
  const declared = new Set<string>()
  const partitions = assigned.partitions ?? 1
  const writtenFor = String(partitions)
  const append = sharedAppend(options.append)

  let answers: Array<Outbound> = []
  const memory = options.answers
  const memoryKeyOf = (topic: string, eventId: string) => `${topic}/${assigned.partition}/${eventId}`
  const ownKeyOf = (item: DeliveryEvent) => memoryKeyOf(assigned.topic, item.event.event_id)

  const record = (eventId: string, state: IntentState, fate: Outcome | null, now: number): Outbound => ({
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
      outcome: fate?.outcome ?? null,
      reason_code: fate?.reasonCode ?? null,
      request_id: fate?.request?.requestId ?? null,
      later_id: fate?.request?.trackingId ?? null,
      timestamp: now
    })
  })

  const remember = (eventId: string, at: number): void => {
    standings.delete(eventId)
    sent.remember(eventId, at)
  }

  const forget = (eventId: string, now: number): void => {
    standings.delete(eventId)
    sent.forget(eventId, now)
  }

  const defer = (eventId: string, outcome: string | null, at: number, now: number): void => {
    if (outcome === "retry_scheduled") deferred.remember(eventId, at)
    else deferred.forget(eventId, now)
  }

  const restore = (inbound: Inbound, now: number): void => {
    const decoded = codecs.decode("send-intent", inbound.value)
    if (decoded._tag === "Undecodable" || decoded.value.connection_id !== connectionId) return
    const { event_id, state, outcome, timestamp } = decoded.value
    const isOurs =
      inbound.partition === assigned.partition && (inbound.headers[partitionsHeader] ?? writtenFor) === writtenFor
    if (!isOurs && partitionOfKey(event_id, partitions) !== assigned.partition) return
    // An event comes to the retry topic when the mapped topic's owner is done with it: what that is sending now is not meant.
    const isOfMapped = inbound.headers[headerNames.input] === options.mappedTopic
    if (state !== "settled" && isOfMapped && assigned.topic !== options.mappedTopic) return
    if (state === "sending") {
      const memoryKey = memoryKeyOf(inbound.headers[headerNames.input] ?? assigned.topic, event_id)
      standings.set(event_id, { _tag: "Declared", memoryKey, at: timestamp })
    } else if (state === "answered") standings.set(event_id, fateBefore(decoded.value))
    else if (isSent(outcome) && now - timestamp < windowMillis) remember(event_id, timestamp)
    else forget(event_id, now)
    if (state === "settled") defer(event_id, outcome, timestamp, now)
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
    answersOf: (items) =>
      Effect.suspend(() =>
        memory.settled(
          items.flatMap((item) => {
            const standing = standings.get(item.event.event_id)
            return isDeclared(standing) ? [standing.memoryKey] : []
          })
        )
      ),
    deferred: (items, now) =>
      items.filter(({ record, event }) => record.topic === options.mappedTopic && deferred.has(event.event_id, now)),
    screen: (items, now) => {
      for (const item of items) {
        const id = item.event.event_id
        const standing = standings.get(id)
        // The command overrules what is remembered as sent, but a resend that a crash cut off is in doubt itself.
        const isResend = item.record.headers[headerNames.resend] === "true"
        if (standing !== undefined) item.fate = fateOf(standing, memory)
        else item.fate = !isResend && sent.has(id, now) ? duplicate : null
        if (item.fate === null) standings.set(id, "claimed")
      }
    },
    declare: (items) =>
      Effect.flatMap(Clock.currentTimeMillis, (now) => {
        const fresh = items.map((item) => item.event.event_id).filter((id) => !declared.has(id))
        for (const id of fresh) {
          declared.add(id)
          memory.declare(memoryKeyOf(assigned.topic, id), now)
        }
        if (fresh.length === 0) return Effect.void
        const taken = answers
        answers = []
        return append([...taken, ...fresh.map((id) => record(id, "sending", null, now))])
      }),
    track: (items, send) =>
      Effect.suspend(() => {
        for (const item of items) memory.begin(ownKeyOf(item))
        const remembered = Effect.onExit(send, (exit) =>
          Effect.sync(() => {
            const known = Exit.isSuccess(exit) ? knownOf(items, exit.value) : []
            for (const [index, item] of items.entries()) memory.end(ownKeyOf(item), known[index] ?? null)
          })
        )
        // A closed partition interrupts its steps, but a request that is cut off leaves its event in doubt.
        return Effect.flatMap(Effect.forkIn(remembered, options.scope), Fiber.join)
      }),
    answered: (items, now) => {
      for (const item of items) {
        const id = item.event.event_id
        if (declared.has(id) && isAnswer(item.fate)) answers.push(record(id, "answered", item.fate, now))
      }
    },
    settle: (items, now) => {
      // The marks below say as much, in the same transaction as the results.
      answers = []
      return items.flatMap((item) => {
        const id = item.event.event_id
        declared.delete(id)
        if (item.fate === duplicate) return []
        const outcome = item.fate?.outcome ?? null
        if (isSent(outcome)) remember(id, now)
        else forget(id, now)
        defer(id, outcome, now, now)
        return [record(id, "settled", item.fate, now)]
      })
    },
    committed: (eventIds) => {
      for (const id of eventIds) memory.forget(memoryKeyOf(assigned.topic, id))
    }
  }
}

const isDeclared = (standing: EventIntent | undefined): standing is Declared =>
  typeof standing === "object" && "_tag" in standing

/** Null where the event may be sent: its request never left. */

const fateOf = (standing: EventIntent, memory: UncommittedResponses): Outcome | null => {
  if (standing === "claimed") return duplicate
  if (!isDeclared(standing)) return standing
  const known = memory.recall(standing.memoryKey, standing.at)
  return known === "not_sent" ? null : (known ?? inDoubt)
}

/** What a request says of each of its events, without touching them: a step may be at work on them. */
const knownOf = (items: ReadonlyArray<DeliveryEvent>, heard: ResponseReading): ReadonlyArray<Known> => {
  const copies = items.map((item): DeliveryEvent => ({ ...item, fate: null }))
  interpretResponse({ ...heard, sent: copies, held: [], requested: true }, false)
  return copies.map(({ fate }) => fate ?? "not_sent")
}

type IntentState = "sending" | "answered" | "settled"

/** Only what needs no further request; a delayed retry is decided anew. */
const isAnswer = (fate: Outcome | null): fate is Outcome =>
  fate !== null && (fate.outcome === "delivered" || fate.outcome === "accepted" || fate.outcome === "rejected")

/** The fate that an answer gave, as far as the intent tells it. */
const fateBefore = (intent: SendIntent): Outcome => ({
  ...outcomeWithoutRequest(
    intent.outcome === "rejected" ? "rejected" : intent.outcome === "delivered" ? "delivered" : "accepted",
    "",
    null
  ),
  reasonCode: intent.reason_code,
  request: {
    requestId: intent.request_id,
    trackingId: intent.later_id,
    latencyMillis: 0,
    attemptedAt: intent.timestamp,
    batchSize: 1,
    eventsReceived: null,
    eventsTaken: intent.outcome === "rejected" ? 0 : 1
  }
})

/** Outcomes after which the platform has, or may have, the event. */
const isSent = (outcome: string | null): boolean =>
  outcome === "delivered" || outcome === "accepted" || outcome === "unknown"

const inDoubt = outcomeWithoutRequest(
  "unknown",
  "sent_before_crash",
  "A crash came between sending and noting the answer; the platform may have it.",
  "Look whether it arrived; send it again with ./capi unknown resend."
)
const duplicate = outcomeWithoutRequest(
  "skipped",
  "duplicate",
  "The event was sent through this connection within the last 24 hours."
)
