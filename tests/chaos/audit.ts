/** What must hold after a run, read from the topics and from what the platforms received. */
import * as Effect from "effect/Effect"
import type { Connection } from "../../shared/connections/connection.ts"
import type { Balance } from "../../shared/ledger/balance.ts"
import { readAll } from "../../shared/testing/kafka-probe.ts"
import { readBack } from "../harness/records.ts"
import type { Receipt } from "../harness/sandbox-control.ts"
import type { ChaosCluster } from "./chaos-cluster.ts"
import type { Crash } from "./disrupt.ts"

export interface Audit {
  /** Each broken promise with examples; none is what we want. */
  readonly violations: ReadonlyArray<string>
  readonly raw: number
  readonly delivered: number
  readonly unknown: number
  /** Events that a platform received again. */
  readonly receivedAgain: number
  /** Of these, the ones without a crash between the platform's answer and the commit. */
  readonly receivedAgainUnexplained: number
}

export interface AuditOptions {
  readonly cluster: Pick<ChaosCluster, "control">
  readonly prefix: string
  readonly connections: ReadonlyArray<Connection>
  readonly balance: Balance
  readonly acknowledged: ReadonlySet<string>
  readonly crashes: ReadonlyArray<Crash>
}

export const audit = Effect.fn("chaos.audit")(function* (options: AuditOptions) {
  const { prefix, balance, connections } = options
  const violations = [...ledgerViolations(balance)]
  const raws = yield* readAll(`${prefix}raw-events`)
  const rawPlaces = raws.map(({ partition, offset }) => `${partition}:${offset}`)
  expectNone(violations, "raw records were read twice by the audit itself", repeated(rawPlaces))
  const rawText = new Set(raws.flatMap(({ value }) => /"event_id":"([^"]+)"/.exec(String(value))?.[1] ?? []))
  expectNone(violations, "acknowledged events are not in raw-events", missingOf(options.acknowledged, rawText))

  const normalized = yield* readBack(`${prefix}normalized-events`, "normalized-event")
  expectNone(violations, "raw records are normalized twice", repeated(normalized.map(({ source }) => at(source))))
  const deadLetters = yield* readBack(`${prefix}dead-letters`, "dead-letter")
  const refused = deadLetters.filter(({ stage }) => stage === "normalizer")
  const refusedKeys = refused.map((one) => `${one.source_partition}:${one.source_offset}`)
  expectNone(violations, "raw records are dead-lettered twice", repeated(refusedKeys))

  const results = yield* readBack(`${prefix}delivery-results`, "event-delivery-log")
  const finals = results.filter(({ outcome }) => outcome !== "retry_scheduled")
  const finalKeys = finals.map((one) => `${one.connection_id} ${one.outcome === "accepted"} ${at(one.source)}`)
  expectNone(violations, "events have two results", repeated(finalKeys))

  for (const { id } of connections.filter(({ platform }) => platform === "google")) {
    const own = finals.filter(({ connection_id, source }) => connection_id === id && source !== null)
    const places = (outcomes: ReadonlyArray<string>) =>
      new Set(own.filter(({ outcome }) => outcomes.includes(outcome)).map(({ source }) => at(source)))
    const [accepted, decided] = [places(["accepted"]), places(["delivered", "rejected"])]
    expectNone(violations, `${id}: accepted events never got their final outcome`, missingOf(accepted, decided))
    expectNone(
      violations,
      `${id}: events were delivered that were never accepted`,
      missingOf(places(["delivered"]), accepted)
    )
  }
  const alerts = yield* readBack(`${prefix}health-alerts`, "health-alert")
  const ledgerAlerts = alerts.filter(({ cause }) => cause === "ledger").map(({ message }) => message)
  expectNone(violations, "alarms of the continuous ledger, which balances", ledgerAlerts)

  let receivedAgain = 0
  let receivedAgainUnexplained = 0
  for (const { id, platform } of connections) {
    const mapped = (yield* readBack(`${prefix}mapped-events.${platform}`, "mapped-event")).filter(
      ({ connection_id }) => connection_id === id
    )
    expectNone(violations, `${id}: events are mapped twice`, repeated(mapped.map(({ source }) => at(source))))
    expectNone(violations, `${id}: event ids are mapped twice`, repeated(mapped.map(({ event_id }) => event_id)))
    const received = yield* Effect.map(options.cluster.control.receipts(platform), (all) => all.map(receptionOf))
    const delivered = results.filter((one) => one.connection_id === id && isTaken(one.outcome))
    const ids = new Set(received.map(({ eventId }) => eventId))
    const mappedIds = new Set(mapped.map(({ event_id }) => event_id))
    expectNone(violations, `${id}: delivered events were never received`, missingOf(idsOf(delivered), ids))
    expectNone(violations, `${id}: received events were never mapped`, missingOf(ids, mappedIds))
    const again = repeats(received)
    receivedAgain += again.length
    const crashes = options.crashes.filter((crash) => crash.platform === undefined || crash.platform === platform)
    const unexplained = again.filter((pair) => !isExplained(pair, crashes))
    receivedAgainUnexplained += unexplained.length
    if (platform === "whatsapp") expectNone(violations, `${id}: messages were sent twice`, again.map(nameOf))
    else expectNone(violations, `${id}: events were received again without a crash between`, unexplained.map(nameOf))
  }
  const count = (outcomes: ReadonlyArray<string>) => finals.filter(({ outcome }) => outcomes.includes(outcome)).length
  return {
    violations,
    raw: raws.length,
    delivered: count(["delivered", "accepted"]),
    unknown: count(["unknown"]),
    receivedAgain,
    receivedAgainUnexplained
  } satisfies Audit
})

export const ledgerViolations = (balance: Balance): ReadonlyArray<string> => {
  const found: Array<string> = []
  expectNone(found, "raw records left no trace", balance.missingRaw)
  if (balance.inFlightRaw > 0) found.push(`${balance.inFlightRaw} raw records are still in flight`)
  if (balance.normalizedAgain > 0) found.push(`${balance.normalizedAgain} raw records are normalized again`)
  for (const { connectionId, missing, inFlight, repeated: again } of balance.connections) {
    expectNone(found, `${connectionId}: events left no trace`, missing)
    if (inFlight > 0) found.push(`${connectionId}: ${inFlight} events are still in flight`)
    if (again > 0) found.push(`${connectionId}: ${again} events have two results`)
  }
  return found
}

interface Reception {
  readonly eventId: string
  /** Milliseconds since the epoch. */
  readonly receivedAt: number
}

/** A message carries no event id; the chaos suite's template has the order id, which is the event's, as its parameter. */
const receptionOf = ({ event_id, body, received_at }: Receipt): Reception => ({
  eventId: event_id ?? (body as Message | null)?.template?.components?.[0]?.parameters?.[0]?.text ?? "",
  receivedAt: received_at
})

interface Message {
  readonly template?: {
    readonly components?: ReadonlyArray<{ readonly parameters?: ReadonlyArray<{ readonly text?: string }> }>
  }
}

interface Pair {
  readonly first: Reception
  readonly again: Reception
}

const repeats = (received: ReadonlyArray<Reception>): ReadonlyArray<Pair> => {
  const firsts = new Map<string, Reception>()
  const pairs: Array<Pair> = []
  for (const reception of received) {
    const first = firsts.get(reception.eventId)
    if (first === undefined) firsts.set(reception.eventId, reception)
    else pairs.push({ first, again: reception })
  }
  return pairs
}

// A request waits for its answer, and its outcome for its commit, no longer than this before a crash can hit it.
const openMillisMax = 35_000

const isExplained = ({ first, again }: Pair, crashes: ReadonlyArray<Crash>): boolean =>
  crashes.some(
    ({ from, to }) => first.receivedAt <= to && again.receivedAt >= from && from - first.receivedAt < openMillisMax
  )

const isTaken = (outcome: string): boolean => outcome === "delivered" || outcome === "accepted"
const at = (source: { readonly partition: number; readonly offset: number } | null): string =>
  source === null ? "?" : `${source.partition}:${source.offset}`
const idsOf = (events: ReadonlyArray<{ readonly event_id: string }>) => new Set(events.map(({ event_id }) => event_id))
const nameOf = ({ first }: Pair): string => first.eventId

const repeated = (keys: ReadonlyArray<string>): ReadonlyArray<string> => {
  const seen = new Set<string>()
  return keys.filter((key) => seen.size === seen.add(key).size)
}

const missingOf = (wanted: ReadonlySet<string>, there: ReadonlySet<string>): ReadonlyArray<string> =>
  [...wanted].filter((one) => !there.has(one))

const expectNone = (violations: Array<string>, what: string, found: ReadonlyArray<string>): void => {
  if (found.length > 0) violations.push(`${found.length} ${what}: ${found.slice(0, 5).join(", ")}`)
}
