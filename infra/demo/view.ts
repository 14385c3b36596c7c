/** The live view and the summary, as plain lines. */
import { type Balance, type ConnectionBalance, terminalOutcomes } from "../../shared/ledger/ledger.ts"
import { healthCells, isIdle } from "../cli/health-cells.ts"
import type { SandboxCounts } from "./sandbox-counts.ts"
import { type Paint, row, wrapped } from "./table.ts"
import type { Tally } from "./tally.ts"

const columns = [...terminalOutcomes, "retry_scheduled"] as const
const alertsShown = 3

/** Outcomes and health of each connection, dead letters by reason, the latest alerts. */
export const liveView = (tally: Tally, connections: ReadonlyArray<string>, paint: Paint): ReadonlyArray<string> => [
  row(["connection", ...columns.map(short), "health", "success", "latency"]),
  ...connections.map((id) => {
    const outcomes = tally.outcomes.get(id)
    return row([id, ...columns.map((outcome) => String(outcomes?.get(outcome) ?? 0)), ...healthOf(tally, id, paint)])
  }),
  "",
  ...deadLetterLines(tally),
  ...tally.alerts.slice(-alertsShown).map((alert) => `alert   ${paint(alert.status, alert.message)}`)
]

const healthOf = (tally: Tally, connection: string, paint: Paint): ReadonlyArray<string> => {
  const health = tally.health.get(connection)
  if (health === undefined) return ["…"]
  const { status, success, latency } = healthCells(health)
  return [paint(isIdle(health) ? "" : health.status, status), success, latency]
}

const deadLetterLines = (tally: Tally): ReadonlyArray<string> =>
  tally.deadLetters.size === 0
    ? ["dead letters: none"]
    : [...tally.deadLetters].sort(byName).flatMap(([stage, reasons]) => {
        const sum = [...reasons.values()].reduce((total, count) => total + count, 0)
        return wrapped(`dead letters of ${stage}: ${sum} = `, reasonsOf(reasons))
      })

/** The ledger as a table whose rows add up, dead letters by reason, and what the platforms' sandboxes say they got. */
export const summary = (
  run: { readonly balance: Balance; readonly published: number; readonly settled: boolean; readonly tally: Tally },
  sandboxes: ReadonlyArray<SandboxCounts>,
  paint: Paint
): ReadonlyArray<string> => {
  const { balance, published, settled, tally } = run
  const lostRaw = balance.missingRaw.length + Math.max(0, published - balance.raw)
  return [
    `published ${published} = normalized ${balance.normalized} + dead-lettered ${balance.deadLetteredRaw} + in flight ${balance.inFlightRaw} + missing ${lostRaw}`,
    "",
    row(["connection", "consumed", ...terminalOutcomes.map(short), "in flight", "missing"]),
    ...balance.connections.map((connection) => connectionRow(connection, paint)),
    sumRow(balance),
    ...balance.connections.flatMap(({ connectionId, skippedBy }) => {
      const reasons = new Map(Object.entries(skippedBy))
      return reasons.size === 0 ? [] : wrapped(`  ${connectionId} skipped: `, reasonsOf(reasons))
    }),
    ...balance.connections.flatMap(({ connectionId, missing }) =>
      missing.length === 0 ? [] : wrapped(`  ${connectionId} lost: `, missing.slice(0, lostShown))
    ),
    "",
    ...deadLetterLines(tally),
    "",
    row(["sandbox", "requests", "received", "distinct", "repeats", "refused"]),
    ...sandboxes.map((one) =>
      row([one.platform, ...[one.requests, one.received, one.distinct, one.repeats, one.refused].map(String)])
    ),
    "",
    verdict(balance, settled, paint)
  ]
}

const lostShown = 10

const verdict = (balance: Balance, settled: boolean, paint: Paint): string => {
  if (!balance.balanced) return paint("unhealthy", "Some events are not accounted for.")
  return settled
    ? paint("healthy", "Every event is accounted for.")
    : paint("unhealthy", "Nothing is lost, but some events have no final outcome yet.")
}

const connectionRow = (connection: ConnectionBalance, paint: Paint): string =>
  row([
    connection.connectionId,
    String(connection.consumed),
    ...terminalOutcomes.map((outcome) => String(connection.outcomes[outcome])),
    String(connection.inFlight),
    paint(connection.missing.length === 0 ? "healthy" : "unhealthy", String(connection.missing.length))
  ])

const sumRow = ({ connections }: Balance): string => {
  const sum = (count: (connection: ConnectionBalance) => number) =>
    String(connections.reduce((total, connection) => total + count(connection), 0))
  return row([
    "all",
    sum(({ consumed }) => consumed),
    ...terminalOutcomes.map((outcome) => sum(({ outcomes }) => outcomes[outcome])),
    sum(({ inFlight }) => inFlight),
    sum(({ missing }) => missing.length)
  ])
}

const short = (outcome: string): string =>
  outcome === "dead_lettered" ? "dead" : outcome === "retry_scheduled" ? "retry" : outcome

const reasonsOf = (counts: ReadonlyMap<string, number>): ReadonlyArray<string> =>
  [...counts].sort(byName).map(([reason, count]) => `${reason} ${count}`)

const byName = ([left]: readonly [string, unknown], [right]: readonly [string, unknown]): number =>
  left < right ? -1 : left > right ? 1 : 0
