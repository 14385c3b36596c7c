/** A redrive from its plan on: nothing is sent before the plan is confirmed. */
import { signal } from "@preact/signals"
import type { Redrive, RedrivePlan, RedriveSelection } from "../../api.ts"
import { act, RequestFailed } from "../state/api.ts"

export type Planning =
  | { readonly step: "planning"; readonly selection: RedriveSelection }
  | { readonly step: "planned"; readonly plan: RedrivePlan; readonly confirming: boolean }
  | { readonly step: "started"; readonly redrive: Redrive }
  | { readonly step: "failed"; readonly selection: RedriveSelection; readonly error: RequestFailed }

/** What the dialog shows; null while it is closed. */
export const planOf = signal<Planning | null>(null)

export const startPlan = async (selection: RedriveSelection): Promise<void> => {
  const planning: Planning = { step: "planning", selection }
  planOf.value = planning
  const next = await outcomeOf(selection, async () => ({
    step: "planned",
    plan: await act<RedrivePlan>("POST", "/api/redrives/plan", selection),
    confirming: false
  }))
  // It was closed, or another plan was asked for.
  if (planOf.value === planning) planOf.value = next
}

export const confirmPlan = async (plan: RedrivePlan): Promise<void> => {
  const confirming: Planning = { step: "planned", plan, confirming: true }
  planOf.value = confirming
  const next = await outcomeOf(plan.selection, async () => ({
    step: "started",
    redrive: await act<Redrive>("POST", "/api/redrives/confirm", { plan_id: plan.plan_id })
  }))
  if (planOf.value === confirming) planOf.value = next
}

/** Null where it worked. What was sent until then stays sent. */
export const cancelRedrive = async (redriveId: string): Promise<RequestFailed | null> => {
  try {
    await act<Redrive>("POST", "/api/redrives/cancel", { redrive_id: redriveId })
    return null
  } catch (error) {
    if (error instanceof RequestFailed) return error
    throw error
  }
}

const outcomeOf = async (selection: RedriveSelection, run: () => Promise<Planning>): Promise<Planning> => {
  try {
    return await run()
  } catch (error) {
    if (error instanceof RequestFailed) return { step: "failed", selection, error }
    throw error
  }
}
