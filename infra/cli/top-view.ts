/** The picture of `./capi top`. Pure. */
import type { ConnectorHealthStatus } from "../../schemas/types.gen.ts"
import { healthCells, isIdle } from "./health-cells.ts"
import { type Colour, count, formatAge, type Paint, table } from "./output.ts"

/** Results of a connection since the snapshot before. */
export interface Counts {
  readonly succeeded: number
  readonly failed: number
  readonly skipped: number
  readonly timed: number
  readonly latencyMillis: number
}

export const noCounts: Counts = { succeeded: 0, failed: 0, skipped: 0, timed: 0, latencyMillis: 0 }

export interface Snapshot {
  /** Milliseconds since the epoch. */
  readonly at: number
  /** Since the snapshot before; rates are over this time. */
  readonly seconds: number
  readonly stages: ReadonlyArray<{
    readonly name: string
    readonly topic: string
    /** Records a second that come in, control records included. */
    readonly per_second: number
    readonly lag: number
  }>
  readonly connections: ReadonlyArray<{
    readonly id: string
    readonly platform: string
    /** Records of its platform that it has not come to, those of other connections included. */
    readonly lag: number
    readonly counts: Counts
    readonly health: ConnectorHealthStatus | null
  }>
}

export const topView = ({ at, seconds, stages, connections }: Snapshot, paint: Paint): string => {
  const rate = (number: number) => (seconds === 0 ? "–" : `${(number / seconds).toFixed(1)}/s`)
  const stageRows = stages.map(({ name, topic, per_second, lag }) => [
    ...[name, topic, `${per_second.toFixed(1)}/s`],
    lagCell(lag, paint)
  ])
  const rows = connections.map(({ id, platform, lag, counts, health }) => [
    id,
    platform,
    health === null ? paint("dim", "unknown") : statusCell(health, paint),
    rate(counts.succeeded),
    rate(counts.failed),
    rate(counts.skipped),
    counts.timed === 0 ? "–" : `${Math.round(counts.latencyMillis / counts.timed)} ms`,
    lagCell(lag, paint),
    health?.waiting_events ?? null,
    health?.last_success_at == null ? "–" : `${formatAge(at - health.last_success_at)} ago`
  ])
  const issues = connections.flatMap(({ id, health }) => (health?.issues ?? []).map((issue) => `${id}: ${issue}`))
  return [
    paint("dim", `${new Date(at).toISOString()}, rates over ${seconds.toFixed(1)} s`),
    table(["STAGE", "READS", "RECORDS", "LAG"], stageRows, paint),
    "",
    table(headers, rows, paint),
    ...(issues.length === 0 ? [] : ["", ...issues.slice(0, issuesMax)]),
    ...(issues.length > issuesMax ? [`… ${count(issues.length - issuesMax, "more issue")}: ./capi health`] : [])
  ].join("\n")
}

const headers = [
  ...["CONNECTION", "PLATFORM", "STATUS", "SUCCEEDED", "FAILED", "SKIPPED", "LATENCY", "LAG"],
  ...["WAITING", "LAST SUCCESS"]
]
const issuesMax = 5

const lagCell = (lag: number, paint: Paint): string =>
  lag < lagSeen ? String(lag) : paint(lag < lagMuch ? "yellow" : "red", lag.toLocaleString("en-US"))
const lagSeen = 1_000
const lagMuch = 100_000

const colours: Readonly<Record<string, Colour>> = { healthy: "green", degraded: "yellow", unhealthy: "red" }
const statusCell = (health: ConnectorHealthStatus, paint: Paint): string =>
  paint(isIdle(health) ? "dim" : (colours[health.status] ?? "dim"), healthCells(health).status)
