/**
 * The mapper's decision: a batch of normalized events to one record for every (event, connection). An event is decoded, then its id
 * is looked up, then it is mapped for each connection that it goes to. Pure.
 */
import type { NormalizedEvent } from "../../schemas/types.gen.ts"
import type { Codecs } from "../../shared/codec/codecs.ts"
import type { Connection } from "../../shared/connections/connection.ts"
import type { Connector, NotMapped } from "../../shared/connectors/connector.ts"
import { type Mapped, mapForConnection } from "../../shared/connectors/mapping/map.ts"
import type { SealerShape } from "../../shared/credentials/sealer.ts"
import { refusingSkips } from "../../shared/dedup/refusals.ts"
import { murmur2 } from "../../shared/kafka/wire/hashes.ts"
import { headerNames } from "../../shared/model/topics.ts"
import type { Batch, Inbound, Outbound } from "../../shared/runtime/contract.ts"
import { movedRecord } from "../../shared/runtime/restore-state.ts"
import {
  erasedMessage,
  type Suppressed,
  type Suppressions,
  suppressionReasons,
  withdrawnMessage
} from "../../shared/suppression/suppressions.ts"
import type { EventTrace, Hop } from "../../shared/telemetry/tracing.ts"
import type { DuplicateFilter, IsRefused, Observation, Repeat } from "./dedup/duplicate-filter.ts"
import { outcomeOf, undecodable, type WriteContext, write, writeNotEnabled } from "./records.ts"

/** A connection and how events are mapped for it. */
export interface Target {
  readonly connection: Connection
  readonly connector: Pick<Connector, "mapEvent" | "catalog">
}

/** What a batch led to so far: its outputs, how many (event, connection) pairs came to each outcome, and its repeats. */
export interface Decision {
  readonly outputs: Array<Outbound>
  /** By connection. */
  readonly outcomes: Outcomes
  /** Not decided yet: see `decideRepeats`. */
  readonly repeats: ReadonlyArray<RepeatedEvent>
  /** When the raw record of the last event was written, in milliseconds since the epoch; null without events. */
  writtenAt: number | null
}

type Outcomes = Map<string, Array<OutcomeCount>>

export interface OutcomeCount {
  readonly connectionId: string
  readonly outcome: string
  readonly reason: string | null
  count: number
}

/** An event whose id was known from another raw record. */
export interface RepeatedEvent {
  readonly record: Inbound
  readonly event: NormalizedEvent
  readonly observation: Observation
}

/** What deciding needs beside the batch. `now` is in milliseconds since the epoch. */
export interface DecideContext {
  readonly targets: ReadonlyArray<Target>
  readonly codecs: Pick<Codecs["Service"], "decode" | "encode">
  readonly duplicates: DuplicateFilter
  /** Seals the originals of dead letters. */
  readonly sealer: SealerShape
  readonly suppressions: Suppressions
  readonly now: number
  /** Traces the events; null where traces are not exported. */
  readonly hop?: Hop | null
}

/**
 * Decides a batch whose writers' schemas are known, and takes its ids into `duplicates`, whose changes belong to the step.
 * Repeats are left for `decideRepeats`, since what deliveries refused is read for them alone.
 */
export const decide = (batch: Batch, context: DecideContext): Decision => {
  const { codecs, duplicates, now } = context
  const writing = writingOf(context)
  const repeats: Array<RepeatedEvent> = []
  const decision: Decision = { outputs: [], outcomes: new Map(), repeats, writtenAt: null }
  for (const record of batch.records) {
    const decoded = codecs.decode("normalized-event", record.value)
    if (decoded._tag === "Undecodable") {
      const trace = context.hop?.failing(null, record, null)
      trace?.end({ outcome: "dead_lettered", failure: decoded.reason })
      decision.outputs.push(undecodable(record, decoded, writing, trace?.headers))
      count(decision.outcomes, "", "dead_lettered", decoded.reason)
      continue
    }
    const event = decoded.value
    decision.writtenAt = event.source.timestamp
    const keyHash = murmur2(event.event_id)
    const home = duplicates.homeOf(keyHash)
    if (home !== batch.partition) {
      decision.outputs.push(movedRecord(record, event.event_id, home))
      count(decision.outcomes, "", "moved", null)
      continue
    }
    const observation = duplicates.observe(event, record.value ?? noBytes, keyHash, now)
    if (observation.repeat === null) decideEvent(decision, { record, event, observation }, context, everyConnection)
    else repeats.push({ record, event, observation })
  }
  return decision
}

/** Decides the repeats in their order, by what the connections refused of the occurrences before. */
export const decideRepeats = (decision: Decision, context: DecideContext, isRefused: IsRefused): void => {
  for (const repeated of decision.repeats) {
    decideEvent(decision, repeated, context, (connectionId) =>
      context.duplicates.goesTo(repeated.observation, connectionId, isRefused)
    )
  }
}

/** Decides an event for each connection that it is for; those that it does not go to have it already. */
const decideEvent = (
  { outputs, outcomes }: Decision,
  { record, event, observation }: RepeatedEvent,
  context: DecideContext,
  goesTo: (connectionId: string) => boolean
): void => {
  const { targets, duplicates, now } = context
  const writing = writingOf(context)
  const chosen = targetsOf(record, targets)
  const suppressed = context.suppressions.find(event)
  const only = record.headers[headerNames.connection]
  if (only !== undefined && chosen.length === 0 && (observation.repeat === null || goesTo(only))) {
    const isErased = suppressed?._tag === "Erased"
    const mapped = writeNotEnabled(outputs, record, event, only, isErased ? erased : null, writing)
    count(outcomes, only, outcomeOf(mapped), mapped.reason)
  }
  const hop = context.hop ?? null
  let trace = hop === null ? null : hop.begin(record, event.source)
  let failure: string | null = null
  for (const { connection, connector } of chosen) {
    const { id } = connection
    const mapped =
      observation.repeat === null || goesTo(id)
        ? mapUnlessSuppressed(event, suppressed, { connection, connector }, now)
        : skippedRepeats[observation.repeat]
    if (hop !== null && mapped._tag === "Rejected") trace = hop.failing(trace, record, event.source)
    const written = write(outputs, record, event, connection, mapped, writing, trace?.headers)
    if (hop !== null) {
      if (written._tag === "Rejected") {
        trace = hop.failing(trace, record, event.source)
        failure ??= written.reason
      }
      trace?.note("capi.mapped", noteOf(connection, written))
    }
    if (written._tag === "Mapped") observation.taken.push(id)
    else if (isRefusal(written)) observation.refused.push(id)
    count(outcomes, id, outcomeOf(written), written._tag === "Mapped" ? null : written.reason)
  }
  duplicates.claim(observation, chosen === targets ? [] : othersOf(chosen, targets))
  endTrace(trace, failure)
}

/** What a connection gets of an event, in its span. */
const noteOf = ({ id, platform }: Connection, written: Mapped) => ({
  "capi.connection": id,
  "capi.platform": platform,
  "capi.outcome": outcomeOf(written),
  "capi.reason": written._tag === "Mapped" ? null : written.reason
})

const endTrace = (trace: EventTrace | null, failure: string | null): void =>
  trace?.end({ outcome: failure === null ? "mapped" : "rejected", failure })

const writingOf = ({ codecs, sealer, now }: DecideContext): WriteContext => ({ encode: codecs.encode, sealer, now })

/** An erased person's event is mapped for no connection; after a withdrawal it is mapped with the consent that is left. */
const mapUnlessSuppressed = (
  event: NormalizedEvent,
  suppressed: Suppressed | null,
  { connection, connector }: Target,
  now: number
): Mapped => {
  if (suppressed === null) return mapForConnection(event, connection, connector, now)
  if (suppressed._tag === "Erased") return erased
  const mapped = mapForConnection({ ...event, consent: suppressed.consent }, connection, connector, now)
  return mapped._tag === "Skipped" && mapped.reason === "consent" ? withdrawn : mapped
}

const erased: NotMapped = { _tag: "Skipped", reason: suppressionReasons.erased, message: erasedMessage }
const withdrawn: Mapped = { _tag: "Skipped", reason: suppressionReasons.withdrawn, message: withdrawnMessage }

const everyConnection = (): boolean => true

/** A redriven event is for the connection that it is redriven for: the others had it. */
const targetsOf = (record: Inbound, targets: ReadonlyArray<Target>): ReadonlyArray<Target> => {
  const only = record.headers[headerNames.connection]
  return only === undefined ? targets : targets.filter(({ connection }) => connection.id === only)
}

const othersOf = (chosen: ReadonlyArray<Target>, targets: ReadonlyArray<Target>): ReadonlyArray<string> =>
  targets.filter((target) => !chosen.includes(target)).map(({ connection }) => connection.id)

/** What a repaired event changes. A filter and a missing mapping are the configuration's, not the event's. */
const isRefusal = (mapped: Mapped): boolean =>
  mapped._tag === "Rejected" || (mapped._tag === "Skipped" && refusingSkips.has(mapped.reason))

const noBytes = Buffer.alloc(0)

const skippedRepeats: Readonly<Record<Repeat, Mapped>> = {
  duplicate: {
    _tag: "Skipped",
    reason: "duplicate",
    message: "The same event was published before; this repeat is not sent."
  },
  duplicate_conflict: {
    _tag: "Skipped",
    reason: "duplicate_conflict",
    message: "Another event with this event id was published before; this one is not sent."
  }
}

/** Without a key joined of the three, which V8 would look up among all the texts that it keeps. */
const count = (outcomes: Outcomes, connectionId: string, outcome: string, reason: string | null): void => {
  const counted = outcomes.get(connectionId)
  if (counted === undefined) {
    outcomes.set(connectionId, [{ connectionId, outcome, reason, count: 1 }])
    return
  }
  const known = counted.find((one) => one.outcome === outcome && one.reason === reason)
  if (known === undefined) counted.push({ connectionId, outcome, reason, count: 1 })
  else known.count++
}
