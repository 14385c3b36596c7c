/** The overview of a period, from the counts. Pure. */
import type {
  ConnectionName,
  ConnectionRow,
  Intake,
  LedgerState,
  Overview,
  Period,
  PlatformRow,
  ReasonCount,
  Step,
  StepName
} from "../api.ts"
import { stepNames } from "../api.ts"
import { minuteMillis } from "../counts/minute-series.ts"
import type { KindCount, OutcomeCounts } from "../counts/outcome-counts.ts"
import { meaningOf } from "./reasons.ts"

const periodMillis: Readonly<Record<Period, number>> = {
  "15m": 15 * minuteMillis,
  "1h": 60 * minuteMillis,
  "6h": 360 * minuteMillis,
  "24h": 1_440 * minuteMillis
}
const reasonsMax = 50

export interface OverviewInput {
  readonly counts: OutcomeCounts
  readonly connections: ReadonlyArray<ConnectionName>
  /** The platform of any connection that results name. */
  readonly platformOf: (connectionId: string) => string
  /** Events that wait, by connection. */
  readonly waiting: (connectionId: string) => number
  /** Dead letters of the normalizer that arrived in a time. */
  readonly deadLettered: (
    since: number,
    until: number
  ) => ReadonlyArray<{ readonly reason: string; readonly count: number }>
  /** Records that normalizer and mapper have not come to. */
  readonly intakeWaiting: number
  readonly completeSince: number
  readonly loading: boolean
  readonly ledger: LedgerState
}

/** `now` in milliseconds since the epoch: the period ends with the minute under way. */
export const overviewOf = (input: OverviewInput, period: Period, now: number): Overview => {
  const until = (Math.floor(now / minuteMillis) + 1) * minuteMillis
  const since = until - periodMillis[period]
  const before = since - periodMillis[period]
  const previousSince = before >= input.completeSince ? before : null
  const rows = connectionsOf(input).flatMap((connection) => {
    const row = connectionRow(input, connection, since, until, previousSince)
    return row.state === "enabled" || row.steps[0]!.count > 0 || (row.steps[0]!.previous_count ?? 0) > 0 ? [row] : []
  })
  const platforms = [...new Set(rows.map(({ platform }) => platform))].sort()
  return {
    period,
    since,
    until,
    previous_since: previousSince,
    complete_since: input.completeSince,
    loading: input.loading,
    intake: intakeOf(input, rows, since, until, previousSince),
    platforms: platforms.map((platform) =>
      platformRow(
        platform,
        rows.filter((row) => row.platform === platform)
      )
    ),
    ledger: input.ledger
  }
}

interface KnownConnection {
  readonly id: string
  readonly platform: string
  readonly state: ConnectionRow["state"]
}

/** Those of the file, then those that only results name. */
const connectionsOf = ({ connections, counts, platformOf }: OverviewInput): ReadonlyArray<KnownConnection> => {
  const inFile = new Set(connections.map(({ id }) => id))
  return [
    ...connections.map(
      ({ id, platform, enabled }) => ({ id, platform, state: enabled ? "enabled" : "disabled" }) as const
    ),
    ...[...counts.connectionIds]
      .filter((id) => id !== "" && !inFile.has(id))
      .map((id) => ({ id, platform: platformOf(id), state: "removed" }) as const)
  ]
}

const connectionRow = (
  { counts, waiting }: OverviewInput,
  { id, platform, state }: KnownConnection,
  since: number,
  until: number,
  previousSince: number | null
): ConnectionRow => {
  const now = counts.counts(id, since, until)
  const before = previousSince === null ? null : counts.counts(id, previousSince, since)
  const inFlight = waiting(id)
  const received = sum(now) + inFlight
  const steps = stepNames.map((name): Step => {
    const ofStep = (kinds: ReadonlyArray<KindCount>) => kinds.filter(({ outcome }) => outcome === name)
    if (name === "received") return step(name, received, received, before === null ? null : sum(before))
    if (name === "in_flight") return step(name, inFlight, received, before === null ? null : 0)
    const previous = before === null ? null : ofStep(before)
    const own = ofStep(now)
    return {
      ...step(name, sum(own), received, previous === null ? null : sum(previous)),
      reasons: reasonsOf(own, previous)
    }
  })
  return { connection_id: id, platform, state, steps }
}

const step = (name: StepName, count: number, received: number, previous: number | null): Step => ({
  step: name,
  count,
  share: received === 0 ? 0 : count / received,
  previous_count: previous,
  change: previous === null || previous === 0 ? null : count / previous - 1,
  reasons: []
})

const sum = (kinds: ReadonlyArray<{ readonly count: number }>): number =>
  kinds.reduce((all, { count }) => all + count, 0)

const reasonsOf = (
  now: ReadonlyArray<Pick<KindCount, "reason" | "count">>,
  before: ReadonlyArray<Pick<KindCount, "reason" | "count">> | null
): ReadonlyArray<ReasonCount> => {
  const total = sum(now)
  const previous = new Map((before ?? []).map(({ reason, count }) => [reason, count]))
  // An outcome without a reason says all by its name.
  const rows = now.filter(({ reason }) => reason !== "").sort((left, right) => right.count - left.count)
  return rows.slice(0, reasonsMax).map(({ reason, count }) => ({
    reason,
    meaning: meaningOf(reason),
    count,
    share: total === 0 ? 0 : count / total,
    previous_count: before === null ? null : (previous.get(reason) ?? 0)
  }))
}

const platformRow = (platform: string, connections: ReadonlyArray<ConnectionRow>): PlatformRow => {
  const received = connections.reduce((all, { steps }) => all + steps[0]!.count, 0)
  const steps = stepNames.map((name, index) => {
    const own = connections.map((row) => row.steps[index]!)
    const previous = own.some(({ previous_count }) => previous_count === null)
      ? null
      : own.reduce((all, { previous_count }) => all + (previous_count ?? 0), 0)
    return { ...step(name, sum(own), received, previous), reasons: sumOfReasons(own) }
  })
  return { platform, steps, connections }
}

const sumOfReasons = (steps: ReadonlyArray<Step>): ReadonlyArray<ReasonCount> => {
  const isComparable = steps.every(({ previous_count }) => previous_count !== null)
  const [now, before] = [new Map<string, number>(), new Map<string, number>()]
  for (const { reason, count, previous_count } of steps.flatMap(({ reasons }) => reasons)) {
    now.set(reason, (now.get(reason) ?? 0) + count)
    before.set(reason, (before.get(reason) ?? 0) + (previous_count ?? 0))
  }
  const listed = (counts: ReadonlyMap<string, number>) => [...counts].map(([reason, count]) => ({ reason, count }))
  return reasonsOf(listed(now), isComparable ? listed(before) : null)
}

/** Every normalized event is received by each connection that decides: the one with the most has them all. */
const intakeOf = (
  input: OverviewInput,
  rows: ReadonlyArray<ConnectionRow>,
  since: number,
  until: number,
  previousSince: number | null
): Intake => {
  const normalized = Math.max(0, ...rows.map(({ steps }) => steps[0]!.count))
  const dead = input.deadLettered(since, until)
  const erased = sum(input.counts.counts("", since, until))
  const waiting = input.intakeWaiting
  const before =
    previousSince === null
      ? null
      : Math.max(0, ...rows.map(({ steps }) => steps[0]!.previous_count ?? 0)) +
        sum(input.deadLettered(previousSince, since)) +
        sum(input.counts.counts("", previousSince, since))
  return {
    received: normalized + sum(dead) + erased + waiting,
    previous_received: before,
    normalized,
    dead_lettered: sum(dead),
    dead_letter_reasons: reasonsOf(dead, previousSince === null ? null : input.deadLettered(previousSince, since)),
    erased,
    waiting
  }
}
