/** Results as they come, by filter, with a pause; the chosen one is opened at the side. */
import { useEffect, useState } from "preact/hooks"
import type { ResultRow } from "../../api.ts"
import { formatClock, formatCount, formatMillis, formatShort } from "../format.ts"
import { Empty } from "../parts/basics.tsx"
import { Icon } from "../parts/icons.tsx"
import { SidePanel } from "../parts/side-panel.tsx"
import { WindowList } from "../parts/window-list.tsx"
import { heldCount, matched, paused, results, setPaused } from "../state/live.ts"
import { param, setParams } from "../state/location.ts"
import { hrefOf } from "../state/route.ts"
import { session } from "../state/session.ts"
import { useKey } from "../state/use-key.ts"
import { isNarrow } from "../state/width.ts"
import { Outcome, ResultDetails } from "./sample.tsx"

const outcomes = [
  "delivered",
  "accepted",
  "skipped",
  "rejected",
  "expired",
  "dead_lettered",
  "unknown",
  "retry_scheduled"
]

export const LiveResultsPanel = () => {
  useKey("p", () => setPaused(!paused.value))
  useEffect(() => () => setPaused(false), [])
  const [kept, setKept] = useState<ResultRow | null>(null)
  const rows = results.value
  const selected = param("selected")
  // It stays open when newer results push it out of the list.
  const chosen = kept?.event_id === selected ? kept : (rows.find(({ event_id }) => event_id === selected) ?? null)
  const choose = (row: ResultRow) => {
    setKept(row)
    setParams({ selected: row.event_id })
  }
  const close = () => setParams({ selected: null })
  return (
    <div class={`split ${selected === "" ? "" : "open"}`}>
      <section class="panel" aria-label="Results as they come">
        <div class="panel-head">
          <h2>Results</h2>
          <span class="muted small figure">
            {formatCount(matched.value)} since the filter was set
            {matched.value > rows.length && rows.length > 0 ? `, ${formatShort(rows.length)} of them here` : ""}
          </span>
          <div class="controls filters">
            <Filters />
            <button
              type="button"
              class="button"
              aria-pressed={paused.value}
              title="Pause (p)"
              onClick={() => setPaused(!paused.value)}
            >
              <Icon name={paused.value ? "play" : "pause"} />
              <span class="pause-words">{paused.value ? `${formatShort(heldCount.value)} newer` : "Pause"}</span>
            </button>
          </div>
        </div>
        {rows.length === 0 ? (
          <div class="rows-box">
            <Empty title="No result has come yet">
              <span>They show here as soon as a platform has answered. Send one: ./capi send --samples</span>
            </Empty>
          </div>
        ) : (
          <WindowList
            label="Results, the newest first"
            rows={rows}
            rowHeight={isNarrow.value ? 46 : 30}
            height={420}
            keyOf={({ id }) => id}
            render={(row) => <ResultLine row={row} chosen={row.id === chosen?.id} onChoose={() => choose(row)} />}
          />
        )}
      </section>
      {selected === "" ? null : <Chosen eventId={selected} row={chosen} onClose={close} />}
    </div>
  )
}

const Chosen = ({ eventId, row, onClose }: { eventId: string; row: ResultRow | null; onClose: () => void }) => (
  <SidePanel label={`Result of ${eventId}`} title={eventId} titleClass="cut mono" onClose={onClose}>
    {row === null ? (
      <Empty title="This result is not among the newest">
        <a href={hrefOf("event", { q: eventId })}>The whole story of this event</a>
      </Empty>
    ) : (
      <div class="panel-body stack">
        <p>
          <Outcome outcome={row.outcome} /> {row.reason === null ? null : <span class="mono">{row.reason}</span>}{" "}
          <span class="muted">at {row.connection_id}</span>
        </p>
        <ResultDetails row={row} />
      </div>
    )}
  </SidePanel>
)

const ResultLine = ({ row, chosen, onChoose }: { row: ResultRow; chosen: boolean; onChoose: () => void }) => (
  <button type="button" class={`result-line ${chosen ? "chosen" : ""}`} onClick={onChoose}>
    <span class="figure muted">{formatClock(row.at)}</span>
    <Outcome outcome={row.outcome} />
    <span class="cut">{row.connection_id}</span>
    <span class="cut mono">{row.event_id}</span>
    <span class="cut muted wide-only">{row.platform_event ?? row.event_name}</span>
    <span class="cut mono muted wide-only">{row.reason ?? ""}</span>
    <span class="figure muted latency">{row.answer === null ? "" : formatMillis(row.answer.latency_ms)}</span>
  </button>
)

const Filters = () => (
  <>
    <select
      class="field"
      aria-label="Connection"
      value={param("connection")}
      onChange={({ currentTarget }) => setParams({ connection: currentTarget.value })}
    >
      <option value="">All connections</option>
      {session.value?.connections.map(({ id }) => (
        <option key={id} value={id}>
          {id}
        </option>
      ))}
    </select>
    <select
      class="field"
      aria-label="Outcome"
      value={param("outcome")}
      onChange={({ currentTarget }) => setParams({ outcome: currentTarget.value })}
    >
      <option value="">All outcomes</option>
      {outcomes.map((one) => (
        <option key={one} value={one}>
          {one.replaceAll("_", " ")}
        </option>
      ))}
    </select>
    <input
      class="field short"
      type="search"
      placeholder="Reason"
      aria-label="Reason"
      value={param("reason")}
      onChange={({ currentTarget }) => setParams({ reason: currentTarget.value.trim() })}
    />
    <input
      class="field short"
      type="search"
      placeholder="Event id"
      aria-label="Event id, or its beginning"
      value={param("event")}
      onChange={({ currentTarget }) => setParams({ event: currentTarget.value.trim() })}
    />
  </>
)
