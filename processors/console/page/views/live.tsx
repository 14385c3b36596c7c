/** What passes now: rates, lag and latency of each stage, and results as they come. */

import type { LiveFilter } from "../../api.ts"
import { formatCount, formatMillis, formatRate, formatShort } from "../format.ts"
import { Loading, Panel, ViewHead } from "../parts/basics.tsx"
import { Chart, type Line } from "../parts/chart.tsx"
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
        <section class="scroll-x" tabIndex={0} aria-label="Stages, rates and latencies">
          <table class="stages">
            <thead>
              <tr>
                <th scope="col">Stage</th>
                <th scope="col">Reads</th>
                <th scope="col" class="number">
                  In
                </th>
                <th scope="col" class="number">
                  Lag
                </th>
                <th scope="col" class="number">
                  p50
                </th>
                <th scope="col" class="number">
                  p95
                </th>
                <th scope="col" class="number">
                  p99
                </th>
              </tr>
            </thead>
            <tbody>
              {stages.map(({ stage, topic, in_per_second, lag, latency_ms }) => (
                <tr key={stage}>
                  <th scope="row">{stage}</th>
                  <td class="mono muted">{topic}</td>
                  <td class="number">{formatRate(in_per_second)}</td>
                  <td class="number">{formatCount(lag)}</td>
                  <td class="number">{latency_ms === null ? "–" : formatMillis(latency_ms.p50)}</td>
                  <td class="number">{latency_ms === null ? "–" : formatMillis(latency_ms.p95)}</td>
                  <td class="number">{latency_ms === null ? "–" : formatMillis(latency_ms.p99)}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </section>
      )}
    </Panel>
  )
}
