/** One reason opened: at most ten dead letters, and the way to redrive them. */
import { useState } from "preact/hooks"
import type { DeadLetterGroup, DeadLetterRow, DeadLetterSamples, RedriveSelection } from "../../api.ts"
import { formatCount, formatOutcome } from "../format.ts"
import { Badge, Empty, Loading, Problem, Time } from "../parts/basics.tsx"
import { SidePanel } from "../parts/side-panel.tsx"
import { apiPath } from "../state/api.ts"
import { setParams } from "../state/location.ts"
import { useResource } from "../state/resource.ts"
import { hrefOf } from "../state/route.ts"
import { startPlan } from "./redrive-state.ts"
import { Pairs } from "./sample.tsx"

export const DeadLetterPanel = ({ group }: { group: DeadLetterGroup }) => {
  const { stage, reason, connection_id, next_step } = group
  const close = () => setParams({ reason: null, group: null }, "push")
  const { data, error, reload } = useResource<DeadLetterSamples>(
    apiPath("/api/dead-letters/samples", { stage, reason, connection: connection_id }),
    { on: "dead_letters", everyMillis: 5_000 }
  )
  return (
    <SidePanel label={`Dead letters: ${reason}`} title={reason} titleClass="mono break" onClose={close}>
      <div class="panel-body stack">
        <p class="muted">
          {stage}
          {connection_id === null ? "" : ` · ${connection_id}`} · {formatCount(group.open)} open of{" "}
          {formatCount(group.count)}
        </p>
        {group.meaning === null ? null : <p>{group.meaning}</p>}
        {next_step === null ? null : (
          <p class="next-step break">
            <strong>Next step</strong> {next_step}
          </p>
        )}
        <PlanForm group={group} />
        {error !== null ? (
          <Problem title={error.message} message={error.nextStep} onRetry={reload} />
        ) : data === null ? (
          <Loading height={160} />
        ) : data.samples.length === 0 ? (
          <Empty title="No samples" />
        ) : (
          <ol class="samples" aria-label="Samples, the newest first">
            {data.samples.map((row) => (
              <Sample key={row.id} row={row} />
            ))}
          </ol>
        )}
      </div>
    </SidePanel>
  )
}

const PlanForm = ({ group: { stage, reason, connection_id, open, count } }: { group: DeadLetterGroup }) => {
  const [remap, setRemap] = useState(false)
  const [again, setAgain] = useState(false)
  const selection: RedriveSelection = {
    stage,
    reason,
    ...(connection_id === null ? {} : { connection: connection_id }),
    ...(remap ? { remap } : {}),
    ...(again ? { again } : {})
  }
  return (
    <div class="plan-form">
      {stage.startsWith("delivery") ? (
        <label class="check">
          <input type="checkbox" checked={remap} onChange={({ currentTarget }) => setRemap(currentTarget.checked)} />
          Map again, by the connections as they are now
        </label>
      ) : null}
      <label class="check">
        <input type="checkbox" checked={again} onChange={({ currentTarget }) => setAgain(currentTarget.checked)} />
        Also those that were redriven before
      </label>
      <button
        type="button"
        class="button primary"
        disabled={(again ? count : open) === 0}
        onClick={() => startPlan(selection)}
      >
        Plan a redrive
      </button>
    </div>
  )
}

const Sample = ({ row }: { row: DeadLetterRow }) => (
  <li>
    <details class="sample">
      <summary>
        <Time at={row.at} />
        <span class="mono cut">{row.event_id ?? "no event id"}</span>
        {row.resolved === null ? (
          row.redriven ? (
            <Badge>redriven</Badge>
          ) : null
        ) : (
          <Badge tone="good">{formatOutcome(row.resolved)}</Badge>
        )}
      </summary>
      <div class="sample-body">
        <p class="break">{row.message}</p>
        <Pairs
          pairs={[
            ["Next step", row.next_step],
            ["Event", row.event_name],
            ["Record", `${row.source.topic} / ${row.source.partition} / ${row.source.offset}`],
            ["Attempts", row.attempts === 0 ? null : String(row.attempts)],
            ["Request id", row.request_id],
            ["Dead letter", row.id]
          ]}
        />
        {row.event_id === null ? null : (
          <p>
            <a href={hrefOf("event", { q: row.event_id })}>The whole story of this event</a>
          </p>
        )}
      </div>
    </details>
  </li>
)
