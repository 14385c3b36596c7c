/** What passes now: rates, lag and latency of each stage, and results as they come. */

import type { LiveFilter, StageRates } from "../../api.ts"
import { formatCount, formatMillis, formatRate, formatShort } from "../format.ts"
import { Loading, Panel, ViewHead } from "../parts/basics.tsx"
import { Chart, type Line } from "../parts/chart.tsx"
import { type Column, Table } from "../parts/table.tsx"
import { history, lastTick } from "../state/live.ts"
import { param } from "../state/location.ts"
import { LiveResultsPanel } from "./live-results.tsx"

/** As the address says. */
export const liveFilter = (): LiveFilter => {
  const entries = ["connection", "outcome", "reason", "event"].flatMap((name) =>
    param(name) === "" ? [] : [[name, param(name)] as const]
  )
  return Object.fromEntries(entries)
}

const throughput: ReadonlyArray<Line> = [
  { label: "Succeeded", colour: "bar-delivered", fill: true },
  { label: "Failed", colour: "bar-rejected" },
  { label: "Skipped", colour: "bar-skipped" },
  { label: "Retried", colour: "bar-expired" }
]

const stageColours = [
  "bar-flight",
  "bar-delivered",
  "bar-unknown",
  "bar-expired",
  "bar-accepted",
  "bar-dead",
  "bar-rejected",
  "bar-missing",
  "bar-skipped"
]

export const LiveView = () => {
  const tick = lastTick.value
  const version = tick?.at ?? 0
  const stages = history.stages
  const lines = stages.map((label, index) => ({ label, colour: stageColours[index % stageColours.length]! }))
  return (
    <>
      <ViewHead title="Live" lead="The last five minutes, second by second" />
      <div class="live-charts">
        <Panel label="Throughput">
          <Chart
            title="Results a second"
            sync="live"
            version={version}
            format={formatRate}
            lines={throughput}
            data={[history.times, ...["succeeded", "failed", "skipped", "retried"].map((name) => history.column(name))]}
          />
        </Panel>
        <Panel label="Lag">
          <Chart
            title="Lag of each stage, in records"
            sync="live"
            version={version}
            format={formatShort}
            lines={lines}
            data={[history.times, ...stages.map((name) => history.column(`lag:${name}`))]}
          />
        </Panel>
        <Panel label="Latency">
          <Chart
            title="Raw event to each stage, p95"
            sync="live"
            version={version}
            format={formatMillis}
            lines={lines}
            data={[history.times, ...stages.map((name) => history.column(`latency:${name}`))]}
          />
        </Panel>
      </div>
      <Stages />
      <LiveResultsPanel />
    </>
  )
}

const Stages = () => {
  const stages = lastTick.value?.stages ?? []
  return (
    <Panel title="Stages">
      {stages.length === 0 ? (
        <Loading height={236} />
      ) : (
        <Table
          label="Stages, rates and latencies"
          class="stages"
          columns={stageColumns}
          rows={stages}
          keyOf={({ stage }) => stage}
        />
      )}
    </Panel>
  )
}

const latencyColumn = (name: "p50" | "p95" | "p99"): Column<StageRates> => ({
  head: name,
  class: "number",
  cell: ({ latency_ms }) => (latency_ms === null ? "–" : formatMillis(latency_ms[name]))
})

const stageColumns: ReadonlyArray<Column<StageRates>> = [
  { head: "Stage", names: true, cell: ({ stage }) => stage },
  { head: "Reads", class: "mono muted", cell: ({ topic }) => topic },
  { head: "In", class: "number", cell: ({ in_per_second }) => formatRate(in_per_second) },
  { head: "Lag", class: "number", cell: ({ lag }) => formatCount(lag) },
  ...(["p50", "p95", "p99"] as const).map(latencyColumn)
]
