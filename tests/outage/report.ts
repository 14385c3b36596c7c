/** The counts of an outage run as lines that add up. */
import type { Evidence } from "./findings.ts"
import { targets } from "./plan.ts"

export const countsOf = (evidence: Evidence): ReadonlyArray<string> => {
  const { events, poison, summary } = evidence
  return [
    `published ${events} = good ${events - poison.size} + poison ${poison.size}; normalized ${summary.normalized}`,
    "",
    row([
      "connection",
      "requests",
      "taken",
      "distinct",
      "repeats",
      "delivered",
      "rejected",
      "dead letters",
      "in flight"
    ]),
    ...targets.map(({ connection, platform }) => {
      const counts = evidence.counts[platform]
      const known = summary.connections.find(({ connection_id }) => connection_id === connection)
      const deadLetters = evidence.deadLetters.filter(({ connection_id }) => connection_id === connection).length
      return row([
        connection,
        ...[counts?.requests, counts?.events, counts?.distinct, counts?.duplicates].map(text),
        ...[known?.delivered, known?.rejected, deadLetters, known?.in_flight].map(text)
      ])
    }),
    "",
    ...evidence.troubles.map(
      ({ trouble, requests }) =>
        `${trouble} met: ${targets.map(({ platform }) => `${platform} ${requests[platform] ?? 0}`).join(", ")} requests`
    )
  ]
}

const text = (value: number | undefined): string => String(value ?? "?")

const row = (cells: ReadonlyArray<string>): string =>
  cells.map((cell, index) => (index === 0 ? cell.padEnd(15) : cell.padStart(13))).join("")
