/** One connection: every issue with its next step, all figures, and 24 hours of its history. */
import type { ConnectionCard, History } from "../../api.ts"
import { formatCount, formatMillis, formatNumberOf, formatPercent } from "../format.ts"
import { Ago, Empty, Loading, Problem } from "../parts/basics.tsx"
import { Chart } from "../parts/chart.tsx"
import { SidePanel } from "../parts/side-panel.tsx"
import { apiPath } from "../state/api.ts"
import { second } from "../state/clock.ts"
import { setParams } from "../state/location.ts"
import { useResource } from "../state/resource.ts"
import { hrefOf } from "../state/route.ts"
import { Backlog, credentialAge, StatusWord, successOf } from "./connection-card.tsx"
import { Pairs } from "./sample.tsx"

export const ConnectionPanel = ({ card }: { card: ConnectionCard }) => {
  const close = () => setParams({ connection: null }, "push")
  const { batch, credential, latency_ms, end_to_end_ms } = card
  return (
    <SidePanel label={card.connection_id} title={card.connection_id} state={<StatusWord card={card} />} onClose={close}>
      <div class="panel-body stack">
        {card.issues.length === 0 ? <p class="muted">Nothing is wrong.</p> : null}
        <ul class="issues">
          {card.issues.map((issue) => (
            <li key={issue} class="break">
              {issue}
            </li>
          ))}
        </ul>
        <Backlog card={card} />
        <Pairs
          pairs={[
            ["Platform", card.platform],
            ["Cause", card.cause],
            ["Since", card.since === null ? null : <Ago at={card.since} />],
            ["Last success", card.last_success_at === null ? "none known" : <Ago at={card.last_success_at} />],
            ["Last hour", `${formatNumberOf(card.events_1h, "event")}, ${formatCount(card.failed_1h)} failed`],
            ["Success", successOf(card)],
            ["Request latency", percentiles(latency_ms)],
            ["Raw event to delivery", percentiles(end_to_end_ms)],
            [
              "Batch",
              batch === null
                ? null
                : `${batch.mean.toFixed(1)} of ${formatNumberOf(batch.max, "event")} in a request, ${formatPercent(batch.fill * 100)} full`
            ],
            ["Match quality", card.match_quality === null ? null : `${card.match_quality.toFixed(1)} of 10`],
            ["Circuit", card.circuit === null ? null : `${card.circuit}${card.paused === true ? ", paused" : ""}`],
            ["Credential", `${credential.name}, ${credentialAge(card, second.value)}`]
          ]}
        />
        <p class="links">
          <a href={hrefOf("live", { connection: card.connection_id })}>Live results</a>
          <a href={hrefOf("dead-letters", { connection: card.connection_id })}>Dead letters</a>
          <a href={hrefOf("alerts", { connection: card.connection_id })}>Alerts</a>
        </p>
        <HistoryCharts connection={card.connection_id} />
      </div>
    </SidePanel>
  )
}

const percentiles = (values: ConnectionCard["latency_ms"]): string | null =>
  values === null
    ? null
    : `p50 ${formatMillis(values.p50)}, p95 ${formatMillis(values.p95)}, p99 ${formatMillis(values.p99)}`

const HistoryCharts = ({ connection }: { connection: string }) => {
  const { data, error, reload } = useResource<History>(apiPath("/api/history", { connection }), {
    atLeastMillis: 60_000
  })
  if (error !== null) return <Problem title={error.message} message={error.nextStep} onRetry={reload} />
  if (data === null) return <Loading height={380} />
  if (data.points.length < 2)
    return <Empty title="No history yet">A point is written each minute while the health program runs.</Empty>
  const { points } = data
  const times = points.map(({ minute }) => minute / 1_000)
  const version = points.length + (points.at(-1)?.succeeded ?? 0)
  const isAnsweredIn = points.map(({ succeeded, failed, latency_ms }) => (succeeded + failed > 0 ? latency_ms : null))
  return (
    <div class="history">
      <Chart
        title="Results a minute"
        height={120}
        sync="history"
        version={version}
        format={formatCount}
        lines={[
          { label: "Succeeded", colour: "bar-delivered", fill: true },
          { label: "Failed", colour: "bar-rejected" },
          { label: "Skipped", colour: "bar-skipped" }
        ]}
        data={[
          times,
          points.map((one) => one.succeeded),
          points.map((one) => one.failed),
          points.map((one) => one.skipped)
        ]}
      />
      <Chart
        title="Waiting"
        height={90}
        sync="history"
        version={version}
        format={formatCount}
        lines={[{ label: "Waiting", colour: "bar-flight", fill: true }]}
        data={[times, points.map(({ waiting }) => waiting)]}
      />
      <Chart
        title="Mean latency"
        height={90}
        sync="history"
        version={version}
        format={formatMillis}
        lines={[{ label: "Latency", colour: "bar-unknown" }]}
        data={[times, isAnsweredIn]}
      />
    </div>
  )
}
