/** A step opened: its reasons, and of each reason at most ten samples. */
import type { ConnectionRow, Overview, PlatformRow, ReasonCount, Samples, StepName } from "../../api.ts"
import { stepNames } from "../../api.ts"
import { formatChange, formatCount, formatNumberOf, formatShare } from "../format.ts"
import { Empty, Loading, Meter, Problem } from "../parts/basics.tsx"
import { SidePanel } from "../parts/side-panel.tsx"
import { apiPath } from "../state/api.ts"
import { param, route, setParams } from "../state/location.ts"
import { useResource } from "../state/resource.ts"
import { changedHref, hrefOf } from "../state/route.ts"
import { stepMeanings, stepWords } from "./figures.tsx"
import { Sample } from "./sample.tsx"

const closing = { step: null, connection: null, platform: null, reason: null }

export const StepPanel = ({ overview }: { overview: Overview }) => {
  const step = stepNames.find((name) => name === param("step")) ?? "received"
  const [connection, platform] = [param("connection"), param("platform")]
  const row: ConnectionRow | PlatformRow | undefined =
    connection === ""
      ? overview.platforms.find((one) => one.platform === platform)
      : overview.platforms.flatMap(({ connections }) => connections).find((one) => one.connection_id === connection)
  const found = row?.steps.find((one) => one.step === step)
  const close = () => setParams(closing, "push")
  return (
    <SidePanel
      label={`${stepWords[step]} of ${connection || platform}`}
      title={`${connection || platform} · ${stepWords[step]}`}
      onClose={close}
    >
      {found === undefined ? (
        <Empty title="Nothing of this in the period" />
      ) : (
        <div class="panel-body stack">
          <p>
            <strong class="figure">{formatNumberOf(found.count, "event")}</strong>
            {step === "received" ? "" : `, ${formatShare(found.share, 1)} of what was received`}
            {found.previous_count === null ? "" : `; ${formatCount(found.previous_count)} in the period before`}.
          </p>
          <p class="muted">{stepMeanings[step]}</p>
          {step === "dead_lettered" || step === "rejected" ? (
            <p>
              <a href={hrefOf("dead-letters", { connection: connection || null })}>
                Dead letters{connection === "" ? "" : ` of ${connection}`}
              </a>
            </p>
          ) : null}
          <Reasons
            step={step}
            reasons={found.reasons}
            connection={connection === "" ? null : connection}
            total={found.count}
          />
        </div>
      )}
    </SidePanel>
  )
}

const Reasons = ({
  step,
  reasons,
  connection,
  total
}: {
  step: StepName
  reasons: ReadonlyArray<ReasonCount>
  connection: string | null
  total: number
}) => {
  if (reasons.length === 0) {
    return connection === null || step === "in_flight" || total === 0 ? null : (
      <SampleList connection={connection} step={step} reason="" />
    )
  }
  const opened = param("reason")
  return (
    <ul class="reasons">
      {reasons.map((one) => {
        const isOpen = opened === one.reason && connection !== null
        return (
          <li key={one.reason}>
            <a
              class="reason"
              href={changedHref(route.value, { reason: isOpen ? null : one.reason })}
              aria-expanded={connection === null ? undefined : isOpen}
            >
              <span class="mono break">{one.reason}</span>
              <span class="figure">{formatCount(one.count)}</span>
              <span class="figure muted share">{formatShare(one.share, 1)}</span>
              <span class="figure muted share">
                {one.previous_count === null ? "" : formatChange(one.count, one.previous_count)}
              </span>
              <Meter share={one.share} name={step} />
              {one.meaning === null ? null : <span class="muted small meaning">{one.meaning}</span>}
            </a>
            {isOpen && connection !== null ? (
              <SampleList connection={connection} step={step} reason={one.reason} />
            ) : null}
          </li>
        )
      })}
      {connection === null ? (
        <li class="muted small">Samples are shown of each connection: open one of its steps.</li>
      ) : null}
    </ul>
  )
}

const SampleList = ({ connection, step, reason }: { connection: string; step: StepName; reason: string }) => {
  const path = apiPath("/api/samples", { connection, step, reason })
  const { data, of, error, reload } = useResource<Samples>(path)
  if (error !== null && of !== path) return <Problem title={error.message} message={error.nextStep} onRetry={reload} />
  if (data === null || of !== path) return <Loading height={120} />
  if (data.samples.length === 0)
    return <p class="muted small">No samples are held: they are the newest ones since the console started.</p>
  return (
    <ol class="samples" aria-label="Samples, the newest first">
      {data.samples.map((row) => (
        <Sample key={row.id} row={row} />
      ))}
    </ol>
  )
}
