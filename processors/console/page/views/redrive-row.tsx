/** One redrive: how far it is, and the way to cancel it. */
import { useState } from "preact/hooks"
import type { Redrive, RedriveSelection } from "../../api.ts"
import { formatAge, formatCount } from "../format.ts"
import { Ago, Meter, State } from "../parts/basics.tsx"
import { cancelRedrive } from "./redrive-state.ts"

const stateWords = {
  running: "Sending",
  done: "Done",
  cancelling: "Cancelling",
  cancelled: "Cancelled",
  failed: "Failed"
} as const

export const RedriveRow = ({ redrive }: { redrive: Redrive }) => {
  const { state, total, sent, missing, started_at, ended_at, error, selection } = redrive
  const [problem, setProblem] = useState<string | null>(null)
  const cancel = async () => setProblem((await cancelRedrive(redrive.redrive_id))?.message ?? null)
  return (
    <div class="redrive-row">
      <div class="redrive-head">
        <State tone={state === "done" ? "good" : state === "failed" ? "bad" : "neutral"}>{stateWords[state]}</State>
        <span class="mono muted cut">{selectionWords(selection)}</span>
        <span class="muted small nowrap">
          {ended_at === null ? <Ago at={started_at} /> : `took ${formatAge(ended_at - started_at)}`}
        </span>
        {state === "running" ? (
          <button type="button" class="button" onClick={() => void cancel()}>
            Cancel
          </button>
        ) : null}
      </div>
      <Meter
        share={total === 0 ? 1 : sent / total}
        name={state === "done" ? "delivered" : state === "failed" ? "rejected" : "in_flight"}
      />
      <p class="small" role="status">
        <span class="figure">
          {formatCount(sent)} of {formatCount(total)} sent
        </span>
        {missing > 0 ? `, ${formatCount(missing)} could not be mapped again: their normalized events are gone` : ""}
        {state === "cancelled" ? "; what was not sent stays a dead letter" : ""}
      </p>
      {error === null ? null : (
        <p class="bad small">
          {error.message} {error.next_step}
        </p>
      )}
      {problem === null ? null : <p class="bad small">{problem}</p>}
    </div>
  )
}

const selectionWords = ({ all, reason, stage, connection, event, ids }: RedriveSelection): string =>
  all === true
    ? "all"
    : [reason, connection ?? stage, event, ids?.join(", ")].filter((part) => part !== undefined).join(" · ")
