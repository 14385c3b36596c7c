/** The live view and the summary, as plain lines. */
import { type Balance, type ConnectionBalance, terminalOutcomes } from "../../shared/ledger/ledger.ts"
import type { Tally } from "./tally.ts"

/** Colours a text by a status: healthy, degraded or unhealthy. */
export type Paint = (status: string, text: string) => string

export const plain: Paint = (_status, text) => text

export const coloured: Paint = (status, text) => {
  const colour = status === "healthy" ? 32 : status === "degraded" ? 33 : status === "unhealthy" ? 31 : 0
  return `\u001b[${colour}m${text}\u001b[0m`
}

const columns = [...terminalOutcomes, "retry_scheduled"] as const

/** Outcomes and health of each connection, dead letters by reason, the latest alerts. */
export const liveView = (tally: Tally, connections: ReadonlyArray<string>, paint: Paint): ReadonlyArray<string> => [
  row(["connection", ...columns.map(short), "health", "success", "latency"]),
  ...connections.map((id) => {
    const outcomes = tally.outcomes.get(id)
    const health = tally.health.get(id)
    const told =
      health === undefined
        ? ["…"]
        : [
            paint(health.status, health.status),
            `${health.success_rate_1h} %`,
            `${Math.round(health.avg_latency_ms)} ms`
          ]
    return row([id, ...columns.map((outcome) => String(outcomes?.get(outcome) ?? 0)), ...told])
  }),
  "",
  `dead letters  ${counts(tally.deadLetters) || "none"}`,
  ...tally.alerts.slice(-3).map((alert) => `alert         ${paint(alert.status, alert.message)}`)
]

/** The ledger as a table whose rows add up. */
export const summary = (balance: Balance, published: number, paint: Paint): ReadonlyArray<string> => [
  `published ${published} = normalized ${balance.normalized} + dead-lettered ${balance.deadLetteredRaw} + in flight ${balance.inFlightRaw} + missing ${balance.missingRaw.length + published - balance.raw}`,
  "",
  row(["connection", "consumed", ...terminalOutcomes.map(short), "in flight", "missing"]),
  ...balance.connections.map((connection) => summaryRow(connection, paint)),
  ...balance.connections.flatMap(({ connectionId, skippedBy }) => {
    const reasons = counts(new Map(Object.entries(skippedBy)))
    return reasons === "" ? [] : [`  ${connectionId} skipped: ${reasons}`]
  }),
  ...balance.connections.flatMap(({ connectionId, missing }) =>
    missing.length === 0 ? [] : [`  ${connectionId} lost: ${missing.slice(0, 10).join(", ")}`]
  ),
  "",
  balance.balanced
    ? paint("healthy", "Every event is accounted for.")
    : paint("unhealthy", "Some events are not accounted for.")
]

const summaryRow = (connection: ConnectionBalance, paint: Paint): string =>
  row([
    connection.connectionId,
    String(connection.consumed),
    ...terminalOutcomes.map((outcome) => String(connection.outcomes[outcome])),
    String(connection.inFlight),
    paint(connection.missing.length === 0 ? "healthy" : "unhealthy", String(connection.missing.length))
  ])

const short = (outcome: string): string =>
  outcome === "dead_lettered" ? "dead" : outcome === "retry_scheduled" ? "retry" : outcome

const counts = (byReason: ReadonlyMap<string, number>): string =>
  [...byReason].map(([reason, count]) => `${reason} ${count}`).join(", ")

const firstWidth = 18
const width = 11

const row = (cells: ReadonlyArray<string>): string =>
  cells
    .map((cell, index) =>
      index === 0 ? cell.padEnd(firstWidth) : " ".repeat(Math.max(1, width - visibleLength(cell))) + cell
    )
    .join("")

// Colour codes take no room on the screen.
const visibleLength = (cell: string): number =>
  cell
    .split("\u001b[")
    .reduce((length, part, index) => length + (index === 0 ? part.length : part.slice(part.indexOf("m") + 1).length), 0)
