/** The words of the ledger's steps, and how their figures are shown. */
import type { Step, StepName } from "../../api.ts"
import { formatChange, formatShare } from "../format.ts"

export const stepWords: Readonly<Record<StepName, string>> = {
  received: "Received",
  skipped: "Skipped",
  rejected: "Rejected",
  expired: "Expired",
  dead_lettered: "Dead-lettered",
  unknown: "Unknown",
  in_flight: "In flight",
  accepted: "Accepted",
  delivered: "Delivered"
}

/** What a step means, for who opens it. */
export const stepMeanings: Readonly<Record<StepName, string>> = {
  received: "Normalized events that the connection had to decide on.",
  skipped: "Not meant for the connection: consent, filter, no mapping, or a duplicate.",
  rejected: "Refused for what is in them, before sending or by the platform.",
  expired: "Older than the platform takes.",
  dead_lettered: "Given up after all attempts. They can be redriven.",
  unknown: "Sent, and no answer came. Only a person can say what became of them: ./capi unknown list.",
  in_flight: "No outcome yet, delayed retries included.",
  accepted: "The platform has them; its final outcome is not known yet.",
  delivered: "The platform has them."
}

/** More of these is a bad sign, less a good one. */
const troubles: ReadonlySet<StepName> = new Set(["rejected", "expired", "dead_lettered", "unknown"])

export const ShareOf = ({ step: { count, share } }: { step: Pick<Step, "count" | "share"> }) => (
  <span>{count === 0 ? "" : formatShare(share, 1)}</span>
)

/** The change against the period before, coloured only where trouble grew. */
export const changeOf = ({ step, count, previous_count }: Pick<Step, "step" | "count" | "previous_count">) => {
  if (previous_count === null || (count === 0 && previous_count === 0)) return null
  const grew = count > previous_count * 1.1 && troubles.has(step)
  return <span class={grew ? "bad change" : "change"}>{formatChange(count, previous_count)}</span>
}
