/** Plan, confirm, progress: what would be sent where, and what the platform does with those that it got before. */
import type { Redrive, RedrivePlan } from "../../api.ts"
import { formatAge, formatCount, formatNumberOf } from "../format.ts"
import { Empty, Loading, Problem } from "../parts/basics.tsx"
import { Dialog } from "../parts/dialog.tsx"
import { second } from "../state/clock.ts"
import { RedriveRow } from "./redrive-row.tsx"
import { confirmPlan, planOf, startPlan } from "./redrive-state.ts"

export const RedriveDialog = ({ redrives, onChange }: { redrives: ReadonlyArray<Redrive>; onChange: () => void }) => {
  const planning = planOf.value
  const close = () => {
    planOf.value = null
    onChange()
  }
  if (planning === null) return null
  return (
    <Dialog title="Redrive dead letters" onClose={close}>
      {planning.step === "planning" ? (
        <Loading height={180} />
      ) : planning.step === "failed" ? (
        <Problem
          title={planning.error.message}
          message={planning.error.nextStep}
          onRetry={() => void startPlan(planning.selection)}
        />
      ) : planning.step === "planned" ? (
        <Plan plan={planning.plan} confirming={planning.confirming} onClose={close} />
      ) : (
        <div class="stack">
          <RedriveRow
            redrive={redrives.find(({ redrive_id }) => redrive_id === planning.redrive.redrive_id) ?? planning.redrive}
          />
          <p class="muted small">It goes on in the console's program when this is closed.</p>
        </div>
      )}
    </Dialog>
  )
}

const Plan = ({ plan, confirming, onClose }: { plan: RedrivePlan; confirming: boolean; onClose: () => void }) => {
  const left = plan.expires_at - second.value
  return (
    <div class="stack">
      {plan.count === 0 ? (
        <Empty title="Nothing would be sent">
          <span>None of these dead letters can go now.</span>
        </Empty>
      ) : (
        <>
          <p>
            <strong class="figure plan-count">{formatNumberOf(plan.count, "dead letter")}</strong> would be sent again.
            Nothing is sent before you confirm.
          </p>
          <ul class="plan-groups">
            {plan.groups.map((group) => (
              <li key={`${group.stage} ${group.reason} ${group.connection_id}`}>
                <div class="plan-group">
                  <span class="figure">{formatCount(group.count)}</span>
                  <span class="mono break">{group.reason}</span>
                  <span class="muted break">
                    {group.connection_id ?? group.stage} → <span class="mono">{group.to}</span>
                  </span>
                </div>
                <p class={`small ${group.deduplicated === false && group.sent_before > 0 ? "warn" : "muted"}`}>
                  {group.sent_before > 0 ? `${formatCount(group.sent_before)} of them may have been sent before. ` : ""}
                  {group.note}
                </p>
              </li>
            ))}
          </ul>
        </>
      )}
      {plan.left.length === 0 ? null : (
        <section>
          <h3>These stay</h3>
          <ul class="plan-left">
            {plan.left.map(({ why, message, count }) => (
              <li key={why}>
                <span class="figure">{formatCount(count)}</span> <span class="break">{message}</span>
              </li>
            ))}
          </ul>
        </section>
      )}
      <div class="form-end">
        <span class="muted small">{left > 0 ? `The plan holds for ${formatAge(left)}.` : "The plan has expired."}</span>
        <button type="button" class="button" onClick={onClose}>
          {plan.count === 0 ? "Close" : "Do not send"}
        </button>
        {plan.count === 0 ? null : left > 0 ? (
          <button type="button" class="button primary" disabled={confirming} onClick={() => void confirmPlan(plan)}>
            {confirming ? "Starting…" : `Redrive ${formatCount(plan.count)}`}
          </button>
        ) : (
          <button type="button" class="button primary" onClick={() => void startPlan(plan.selection)}>
            Plan again
          </button>
        )}
      </div>
    </div>
  )
}
