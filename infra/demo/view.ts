/** The live view and the summary, as plain lines that fit the terminal. */

import type { Balance, ConnectionBalance } from "../../shared/ledger/balance.ts"
import { terminalOutcomes } from "../../shared/ledger/known-outcome.ts"
import { healthCells, isIdle } from "../cli/health-cells.ts"
import type { SandboxCounts } from "./sandbox-counts.ts"
import { alignedRows, cut, type Paint, visibleLength, wrapped } from "./table.ts"
import type { Tally } from "./tally.ts"

/** Rows and columns of the terminal. */
export interface ScreenSize {
  readonly rows: number
  readonly columns: number
}

const outcomes = [...terminalOutcomes, "retry_scheduled"] as const
/** Always shown; the others where some event has them. */
const mainOutcomes: ReadonlySet<string> = new Set(["delivered", "skipped", "rejected"])
/** Shown as one where the terminal is too narrow for all. */
const rareOutcomes: ReadonlySet<string> = new Set(["expired", "dead_lettered", "unknown", "retry_scheduled"])

/** Outcomes and health of each connection, dead letters, what is wrong and why, and what to try; never larger than the screen. */
export const liveView = (
  tally: Tally,
  connections: ReadonlyArray<string>,
  paint: Paint,
  size: ScreenSize
): ReadonlyArray<string> => {
  const below = [
    "",
    ...deadLetterLines(tally, size.columns),
    ...lossLines(tally, paint),
    ...troubleLines(tally, connections, paint),
    "",
    "Try: ./capi results --summary   ./capi health   ./capi dead-letters list",
    "     ./capi send - (README: send an event)      Ctrl-C ends with a summary."
  ]
  const rowsMax = Math.max(1, size.rows - 2 - below.length)
  const shown = connections.length > rowsMax ? connections.slice(0, rowsMax - 1) : connections
  const more = connections.length - shown.length
  const lines = [
    ...connectionTable(tally, shown, paint, size.columns),
    ...(more > 0 ? [`… ${more} more connections: ./capi health`] : []),
    ...below
  ]
  return lines.slice(0, Math.max(1, size.rows - 1)).map((line) => cut(line, size.columns))
}

/** As many columns as fit: first the latency goes, then the success rate, then rare outcomes become one. */
const connectionTable = (
  tally: Tally,
  connections: ReadonlyArray<string>,
  paint: Paint,
  columns: number
): ReadonlyArray<string> => {
  const some = outcomes.filter(
    (outcome) => mainOutcomes.has(outcome) || connections.some((id) => (tally.outcomes.get(id)?.get(outcome) ?? 0) > 0)
  )
  const few = [...some.filter((outcome) => !rareOutcomes.has(outcome)), "other"]
  const candidates = [
    { counted: some, healthColumns: 3 },
    { counted: some, healthColumns: 2 },
    { counted: some, healthColumns: 1 },
    { counted: few, healthColumns: 1 }
  ]
  for (const { counted, healthColumns } of candidates) {
    const rows = alignedRows([
      ["connection", ...counted.map(short), ...["health", "success", "latency"].slice(0, healthColumns)],
      ...connections.map((id) => [
        cut(id, connectionWidthMax),
        ...counted.map((outcome) => String(countOf(tally, id, outcome))),
        ...healthOf(tally, id, paint).slice(0, healthColumns)
      ])
    ])
    if (rows.every((row) => visibleLength(row) <= columns)) return rows
    if (counted === few) return rows
  }
  return []
}

const connectionWidthMax = 28

const countOf = (tally: Tally, connection: string, outcome: string): number => {
  const counts = tally.outcomes.get(connection)
  if (outcome !== "other") return counts?.get(outcome) ?? 0
  return [...rareOutcomes].reduce((sum, rare) => sum + (counts?.get(rare) ?? 0), 0)
}

const healthOf = (tally: Tally, connection: string, paint: Paint): ReadonlyArray<string> => {
  const health = tally.health.get(connection)
  if (health === undefined) return ["…", "", ""]
  const { status, success, latency } = healthCells(health)
  return [paint(isIdle(health) ? "" : health.status, status), success, latency]
}

const lossLines = (tally: Tally, paint: Paint): ReadonlyArray<string> =>
  [...tally.ledgerAlerts.values()]
    .filter(({ status }) => status === "unhealthy")
    .map(({ status, message }) => paint(status, message))

/** Each connection that is not healthy now: its issue, and the reasons of what was refused. Sample events are refused on purpose. */
const troubleLines = (tally: Tally, connections: ReadonlyArray<string>, paint: Paint): ReadonlyArray<string> =>
  connections.flatMap((id) => {
    const health = tally.health.get(id)
    if (health === undefined || health.status === "healthy") return []
    const refused = [...(tally.refusals.get(id) ?? [])]
      .filter(([, count]) => count > 0)
      .sort((left, right) => right[1] - left[1])
      .slice(0, 3)
    const why = refused.length === 0 ? "" : `: ${refused.map(([reason, count]) => `${count} ${reason}`).join(", ")}`
    return [
      `${paint(health.status, health.status)} ${id}: ${health.issues.join("; ")}`,
      ...(why === "" ? [] : [`  refused${why}; some sample events are bad on purpose.`])
    ]
  })

const deadLetterLines = (tally: Tally, columns: number): ReadonlyArray<string> =>
  tally.deadLetters.size === 0
    ? ["dead letters: none"]
    : [...tally.deadLetters].sort(byName).flatMap(([stage, reasons]) => {
        const sum = [...reasons.values()].reduce((total, count) => total + count, 0)
        return wrapped(`dead letters of ${stage}: ${sum} = `, reasonsOf(reasons), columns)
      })

/** The ledger as a table whose rows add up, dead letters by reason, and what the platforms' sandboxes say they got. */
export const summary = (
  run: { readonly balance: Balance; readonly published: number; readonly settled: boolean; readonly tally: Tally },
  sandboxes: ReadonlyArray<SandboxCounts>,
  paint: Paint,
  columns = 118
): ReadonlyArray<string> => {
  const { balance, published, settled, tally } = run
  const lostRaw = balance.missingRaw.length + Math.max(0, published - balance.raw)
  return [
    `published ${Math.max(published, balance.raw)} = normalized ${balance.normalized} + dead-lettered ${balance.deadLetteredRaw} + in flight ${balance.inFlightRaw} + missing ${lostRaw}`,
    "",
    ...balanceTable(balance, paint, columns),
    ...balance.connections.flatMap(({ connectionId, skippedBy }) => {
      const reasons = new Map(Object.entries(skippedBy))
      return reasons.size === 0 ? [] : wrapped(`  ${connectionId} skipped: `, reasonsOf(reasons), columns)
    }),
    ...balance.connections.flatMap(({ connectionId, missing }) =>
      missing.length === 0 ? [] : wrapped(`  ${connectionId} lost: `, missing.slice(0, lostShown), columns)
    ),
    "",
    ...deadLetterLines(tally, columns),
    "",
    ...alignedRows([
      ["sandbox", "requests", "received", "distinct", "repeats", "refused"],
      ...sandboxes.map((one) => [
        one.platform,
        ...[one.requests, one.received, one.distinct, one.repeats, one.refused].map(String)
      ])
    ]),
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

/** Outcomes that no event has are left out; a sum of the rows is last. */
const balanceTable = ({ connections }: Balance, paint: Paint, columns: number): ReadonlyArray<string> => {
  const sum = (count: (connection: ConnectionBalance) => number) =>
    connections.reduce((total, connection) => total + count(connection), 0)
  const counted = terminalOutcomes.filter(
    (outcome) => mainOutcomes.has(outcome) || sum((connection) => connection.outcomes[outcome]) > 0
  )
  return alignedRows(
    [
      ["connection", "consumed", ...counted.map(short), "in flight", "missing"],
      ...connections.map((connection) => [
        connection.connectionId,
        String(connection.consumed),
        ...counted.map((outcome) => String(connection.outcomes[outcome])),
        String(connection.inFlight),
        paint(connection.missing.length === 0 ? "healthy" : "unhealthy", String(connection.missing.length))
      ]),
      [
        "all",
        String(sum(({ consumed }) => consumed)),
        ...counted.map((outcome) => String(sum((connection) => connection.outcomes[outcome]))),
        String(sum(({ inFlight }) => inFlight)),
        String(sum(({ missing }) => missing.length))
      ]
    ],
    columns
  )
}

/** An outcome's name in a table. */
export const short = (outcome: string): string =>
  outcome === "dead_lettered" ? "dead" : outcome === "retry_scheduled" ? "retry" : outcome

const reasonsOf = (counts: ReadonlyMap<string, number>): ReadonlyArray<string> =>
  [...counts].sort(byName).map(([reason, count]) => `${reason} ${count}`)

const byName = ([left]: readonly [string, unknown], [right]: readonly [string, unknown]): number =>
  left < right ? -1 : left > right ? 1 : 0
