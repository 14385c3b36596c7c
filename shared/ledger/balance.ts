/**
 * A ledger as a balance: for every connection
 * consumed = delivered + accepted + skipped + rejected + expired + dead-lettered + unknown + in flight,
 * with the names of the events for which it does not hold.
 */
import { type ConnectionState, deliveryAt, isNormalized, type LedgerEvent, positionOf } from "./event-state.ts"
import { bestOf, type ResultFact, type TerminalOutcome } from "./known-outcome.ts"
import type { Ledger } from "./ledger.ts"

export interface ConnectionBalance {
  readonly connectionId: string
  readonly state: ConnectionState
  /** Normalized events that the connection had to decide on. */
  readonly consumed: number
  readonly outcomes: Readonly<Record<TerminalOutcome, number>>
  readonly skippedBy: Readonly<Record<string, number>>
  /** Reasons of the rejected and the dead-lettered ones. */
  readonly rejectedBy: Readonly<Record<string, number>>
  readonly inFlight: number
  /** Those of the events in flight that are mapped and wait for a connection that does not deliver. */
  readonly unread: ReadonlyArray<string>
  /** Events with more than one final result: replayed, or sent again after a crash. */
  readonly repeated: number
  /** Event ids that a stage has passed without a trace. */
  readonly missing: ReadonlyArray<string>
  /** Those of the missing whose delayed retry is gone: its topic's reader or retention has passed it, and there is no result. */
  readonly lostRetries: ReadonlyArray<string>
}

export interface Balance {
  readonly raw: number
  readonly deadLetteredRaw: number
  /** Skipped by the normalizer, since their persons were erased. */
  readonly erasedRaw: number
  readonly normalized: number
  readonly inFlightRaw: number
  /** Positions `partition:offset` of raw records that the normalizer has passed without a trace. */
  readonly missingRaw: ReadonlyArray<string>
  /** Raw positions normalized more than once within one pass: only a replay may do that. */
  readonly normalizedAgain: number
  readonly connections: ReadonlyArray<ConnectionBalance>
  readonly balanced: boolean
}

/** @param ledger one that holds all events of its range */
export const balanceOf = (ledger: Ledger): Balance => {
  const tallies = [...ledger.connectionIds].map((connectionId) => tallyOf(connectionId, ledger.stateOf(connectionId)))
  const missingRaw: Array<string> = []
  let [raw, deadLetteredRaw, erasedRaw, normalized, inFlightRaw, normalizedAgain] = [0, 0, 0, 0, 0, 0]
  for (const event of ledger.events) {
    raw++
    if (event.normalizedAt.length > 1) normalizedAgain++
    if (isNormalized(event)) {
      normalized++
      for (const tally of tallies) count(tally, event, ledger)
      // A dead letter of an erased person that was redriven or replayed is one no more.
    } else if (event.erased) erasedRaw++
    else if (event.deadLettered) deadLetteredRaw++
    else if (ledger.isLostRaw(event)) missingRaw.push(positionOf(event.source))
    else inFlightRaw++
  }
  const connections = tallies.filter(({ state, consumed }) => state === "enabled" || consumed > 0)
  const balanced = isBalanced(missingRaw, connections)
  return {
    raw,
    deadLetteredRaw,
    erasedRaw,
    normalized,
    inFlightRaw,
    missingRaw,
    normalizedAgain,
    connections,
    balanced
  }
}

/** The same balance of some connections alone. */
export const ofConnections = <B extends Balance>(balance: B, connectionIds: ReadonlySet<string>): B => {
  const connections = balance.connections.filter(({ connectionId }) => connectionIds.has(connectionId))
  return { ...balance, connections, balanced: isBalanced(balance.missingRaw, connections) }
}

/** The balance of the events of both, none of which is in both. */
export const sumOf = (left: Balance, right: Balance): Balance => {
  const ids = new Set([...left.connections, ...right.connections].map(({ connectionId }) => connectionId))
  const connections = [...ids].map((id) =>
    [left, right]
      .flatMap((balance) => balance.connections.filter(({ connectionId }) => connectionId === id))
      .reduce(sumOfConnection)
  )
  const missingRaw = [...left.missingRaw, ...right.missingRaw]
  return {
    raw: left.raw + right.raw,
    deadLetteredRaw: left.deadLetteredRaw + right.deadLetteredRaw,
    erasedRaw: left.erasedRaw + right.erasedRaw,
    normalized: left.normalized + right.normalized,
    inFlightRaw: left.inFlightRaw + right.inFlightRaw,
    missingRaw,
    normalizedAgain: left.normalizedAgain + right.normalizedAgain,
    connections,
    balanced: isBalanced(missingRaw, connections)
  }
}

const sumOfConnection = (left: ConnectionBalance, right: ConnectionBalance): ConnectionBalance => ({
  connectionId: left.connectionId,
  state: left.state,
  consumed: left.consumed + right.consumed,
  outcomes: sumOfEach(left.outcomes, right.outcomes),
  skippedBy: sumOfEach(left.skippedBy, right.skippedBy),
  rejectedBy: sumOfEach(left.rejectedBy, right.rejectedBy),
  inFlight: left.inFlight + right.inFlight,
  unread: [...left.unread, ...right.unread],
  repeated: left.repeated + right.repeated,
  missing: [...left.missing, ...right.missing],
  lostRetries: [...left.lostRetries, ...right.lostRetries]
})

const sumOfEach = <K extends string>(left: Readonly<Record<K, number>>, right: Readonly<Record<K, number>>) => {
  const sums: Record<string, number> = { ...left }
  for (const [name, count] of Object.entries<number>(right)) sums[name] = (sums[name] ?? 0) + count
  return sums as Record<K, number>
}

const isBalanced = (missingRaw: ReadonlyArray<string>, connections: ReadonlyArray<ConnectionBalance>): boolean =>
  missingRaw.length === 0 &&
  connections.every(
    ({ state, missing, unread }) => missing.length === 0 && (state !== "removed" || unread.length === 0)
  )

/** A connection's balance while it is counted. */
type Tally = ReturnType<typeof tallyOf>

const tallyOf = (connectionId: string, state: ConnectionState) => ({
  connectionId,
  state,
  consumed: 0,
  outcomes: {
    delivered: 0,
    accepted: 0,
    skipped: 0,
    rejected: 0,
    expired: 0,
    dead_lettered: 0,
    unknown: 0
  } satisfies Record<TerminalOutcome, number>,
  skippedBy: {} as Record<string, number>,
  rejectedBy: {} as Record<string, number>,
  inFlight: 0,
  unread: [] as Array<string>,
  repeated: 0,
  missing: [] as Array<string>,
  lostRetries: [] as Array<string>
})

const count = (tally: Tally, event: LedgerEvent, ledger: Ledger): void => {
  const status = ledger.statusAt(event, tally.connectionId)
  if (status === "not_owed") return
  tally.consumed++
  const delivery = deliveryAt(event, tally.connectionId)
  const best = delivery === undefined ? null : bestOf(delivery.known)
  if (delivery !== undefined && best !== null) {
    countOutcome(tally, best)
    if (delivery.results > 1 || delivery.acceptances > 1) tally.repeated++
    return
  }
  const name = event.eventId ?? `raw-events ${positionOf(event.source)}`
  if (status === "lost") {
    tally.missing.push(name)
    if (delivery?.retryScheduled === true) tally.lostRetries.push(name)
    return
  }
  tally.inFlight++
  if (tally.state !== "enabled" && delivery !== undefined) tally.unread.push(name)
}

const countOutcome = ({ outcomes, skippedBy, rejectedBy }: Tally, { outcome, reason }: ResultFact): void => {
  outcomes[outcome]++
  if (outcome === "skipped") skippedBy[reason] = (skippedBy[reason] ?? 0) + 1
  if (outcome === "rejected" || outcome === "dead_lettered") rejectedBy[reason] = (rejectedBy[reason] ?? 0) + 1
}
