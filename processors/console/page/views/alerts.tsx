/** What is wrong now, and every change of the last days. */
import type { Alert, Alerts } from "../../api.ts"
import { formatAge, formatNumberOf } from "../format.ts"
import { Ago, Empty, Loading, Problem, State, Time, toneOfStatus, ViewHead } from "../parts/basics.tsx"
import { param, setParams } from "../state/location.ts"
import { useResource } from "../state/resource.ts"
import { hrefOf } from "../state/route.ts"

const seriesNames = ["status", "age_limit", "ledger", "notifier"]

export const AlertsView = () => {
  const { data, error, reload } = useResource<Alerts>("/api/alerts", { on: "alerts", atLeastMillis: 30_000 })
  const [connection, series] = [param("connection"), param("series")]
  const fits = (alert: Alert) =>
    (connection === "" || alert.connection_id === connection) && (series === "" || alert.series === series)
  const open = (data?.open ?? []).filter(fits)
  const history = (data?.history ?? []).filter(fits)
  const connections = [...new Set((data?.history ?? []).map(({ connection_id }) => connection_id))].sort()
  return (
    <>
      <ViewHead
        title="Alerts"
        lead={
          data === null
            ? " "
            : open.length === 0
              ? "Nothing is wrong now"
              : `${formatNumberOf(open.length, "problem")} now`
        }
      >
        <select
          class="field"
          aria-label="Connection"
          value={connection}
          onChange={({ currentTarget }) => setParams({ connection: currentTarget.value })}
        >
          <option value="">All connections</option>
          {[...new Set([...connections, ...(connection === "" ? [] : [connection])])].map((id) => (
            <option key={id}>{id}</option>
          ))}
        </select>
        <select
          class="field"
          aria-label="Series"
          value={series}
          onChange={({ currentTarget }) => setParams({ series: currentTarget.value })}
        >
          <option value="">All series</option>
          {seriesNames.map((name) => (
            <option key={name} value={name}>
              {name.replace("_", " ")}
            </option>
          ))}
        </select>
      </ViewHead>
      {error === null ? null : <Problem title={error.message} message={error.nextStep} onRetry={reload} />}
      {data === null ? (
        error === null ? (
          <Loading height={320} />
        ) : null
      ) : (
        <>
          <section class="panel" aria-label="Open problems">
            <div class="panel-head">
              <h2>Now</h2>
            </div>
            {open.length === 0 ? (
              <Empty title="Nothing is wrong">
                <span>A problem shows here until it ends. The notifier takes each to people: docs/health.md.</span>
              </Empty>
            ) : (
              <ul class="problems">
                {open.map((alert) => (
                  <OpenProblem key={alert.id} alert={alert} />
                ))}
              </ul>
            )}
          </section>
          <section class="panel" aria-label="History">
            <div class="panel-head">
              <h2>History</h2>
              <span class="muted small">
                {formatNumberOf(history.length, "change")}
                {data.more ? ", older ones are on health-alerts" : ""}
              </span>
            </div>
            {history.length === 0 ? <Empty title="No change yet" /> : <HistoryList alerts={history} />}
          </section>
        </>
      )}
    </>
  )
}

const OpenProblem = ({ alert }: { alert: Alert }) => (
  <li class={`problem tone-${toneOfStatus(alert.status)}`}>
    <div class="problem-head">
      <State tone={toneOfStatus(alert.status)}>
        <a href={hrefOf("connections", { connection: alert.connection_id })}>{alert.connection_id}</a>
      </State>
      <span class="muted">{causeOf(alert)}</span>
      <span class="muted">
        for <Ago at={alert.at} words={false} />
      </span>
    </div>
    <p class="break">{alert.message}</p>
    {alert.issues
      .filter((issue) => !alert.message.includes(issue))
      .map((issue) => (
        <p key={issue} class="break muted">
          {issue}
        </p>
      ))}
  </li>
)

const causeOf = ({ cause, threshold_percent }: Alert): string =>
  `${cause.replaceAll("_", " ")}${threshold_percent === null ? "" : `, ${threshold_percent} %`}`

const HistoryList = ({ alerts }: { alerts: ReadonlyArray<Alert> }) => (
  <ol class="alert-history">
    {alerts.map((alert) => (
      <li key={alert.id}>
        <Time at={alert.at} />
        <State tone={toneOfStatus(alert.status)}>{alert.status}</State>
        <span class="cut">{alert.connection_id}</span>
        <span class="muted">{causeOf(alert)}</span>
        <span class="break alert-message">{alert.message}</span>
        <span class="muted small nowrap">
          {alert.status === "healthy"
            ? ""
            : alert.ended_at === null
              ? "goes on"
              : `lasted ${formatAge(alert.ended_at - alert.at)}`}
        </span>
      </li>
    ))}
  </ol>
)
