/** What changed since the last look, a line each: what a log or a pipe gets in the place of a table that is drawn again. */
import { healthCells } from "../cli/health-cells.ts"
import type { Tally } from "./tally.ts"
import { short } from "./view.ts"

/** What was printed so far. */
export interface Printed {
  readonly outcomes: Map<string, number>
  readonly deadLetters: Map<string, number>
  readonly health: Map<string, string>
  readonly losses: Map<string, string>
}

export const nothingPrinted = (): Printed => ({
  outcomes: new Map(),
  deadLetters: new Map(),
  health: new Map(),
  losses: new Map()
})

/** `meta-shop: delivered +120 (446), skipped +12 (117)`; then dead letters and changes of health. Updates `printed`. */
export const changesSince = (
  tally: Tally,
  connections: ReadonlyArray<string>,
  printed: Printed
): ReadonlyArray<string> => [
  ...connections.flatMap((id) => line(id, tally.outcomes.get(id), printed.outcomes, id)),
  ...[...tally.deadLetters].flatMap(([stage, reasons]) =>
    line(`dead letters of ${stage}`, reasons, printed.deadLetters, stage)
  ),
  ...connections.flatMap((id) => healthLine(tally, id, printed)),
  ...[...tally.ledgerAlerts].flatMap(([id, { message }]) => {
    if (printed.losses.get(id) === message) return []
    printed.losses.set(id, message)
    return [message]
  })
]

const line = (
  heading: string,
  counts: ReadonlyMap<string, number> | undefined,
  printed: Map<string, number>,
  of: string
): ReadonlyArray<string> => {
  const changes: Array<string> = []
  for (const [name, count] of counts ?? []) {
    const key = `${of} ${name}`
    const by = count - (printed.get(key) ?? 0)
    if (by === 0) continue
    printed.set(key, count)
    changes.push(`${short(name)} ${by > 0 ? "+" : ""}${by} (${count})`)
  }
  return changes.length === 0 ? [] : [`${heading}: ${changes.join(", ")}`]
}

const healthLine = (tally: Tally, connection: string, printed: Printed): ReadonlyArray<string> => {
  const health = tally.health.get(connection)
  if (health === undefined) return []
  const { status } = healthCells(health)
  const before = printed.health.get(connection)
  if (status === before) return []
  printed.health.set(connection, status)
  const issues = health.issues.length === 0 ? "" : ` (${health.issues.join("; ")})`
  return [`health of ${connection}: ${before === undefined ? "" : `${before} → `}${status}${issues}`]
}
