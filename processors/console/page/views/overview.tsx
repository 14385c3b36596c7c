/** What became of the events of a period at each connection. Each row balances: the steps add up to what was received. */
import {
  type ConnectionRow,
  type Overview,
  type PlatformRow,
  periods,
  type Step,
  type StepName,
  stepNames
} from "../../api.ts"
import { formatCount, formatShort, formatTime } from "../format.ts"
import { Bar, Loading, Problem, Segments, ViewHead } from "../parts/basics.tsx"
import { WindowList } from "../parts/window-list.tsx"
import { now } from "../state/clock.ts"
import { param, route, setParams } from "../state/location.ts"
import { useResource } from "../state/resource.ts"
import { changedHref } from "../state/route.ts"
import { isNarrow } from "../state/width.ts"
import { changeOf, ShareOf, stepWords } from "./figures.tsx"
import { IntakePanel } from "./intake.tsx"
import { StepPanel } from "./step-panel.tsx"

const beforeWords = { "15m": "the 15 minutes", "1h": "the hour", "6h": "the 6 hours", "24h": "the 24 hours" } as const
const periodWords = { "15m": "15 min", "1h": "1 hour", "6h": "6 hours", "24h": "24 hours" } as const

export const OverviewView = () => {
  const period = periods.find((one) => one === param("period")) ?? "1h"
  const { data, of, error, reload } = useResource<Overview>(`/api/overview?period=${period}`, {
    on: "overview",
    everyMillis: 3_000,
    atLeastMillis: 30_000
  })
  const isOpen = param("step") !== ""
  return (
    <>
      <ViewHead title="Overview" lead={data === null ? " " : <Period overview={data} />}>
        <Segments
          label="Period"
          chosen={period}
          choices={periods.map((one) => [one, periodWords[one]])}
          href={(value) => changedHref(route.value, { period: value })}
        />
      </ViewHead>
      {error === null ? null : <Problem title={error.message} message={error.nextStep} onRetry={reload} />}
      {data === null ? (
        error === null ? (
          <>
            <Loading height={96} />
            <Loading height={420} />
          </>
        ) : null
      ) : (
        <div class={of?.endsWith(period) ? "" : "dim"}>
          <ReadingBack overview={data} />
          <IntakePanel overview={data} />
          <div class={`split ${isOpen ? "open" : ""}`}>
            <Pipeline overview={data} />
            {isOpen ? <StepPanel overview={data} /> : null}
          </div>
        </div>
      )}
    </>
  )
}

const Period = ({ overview: { period, since, until, previous_since } }: { overview: Overview }) => (
  <>
    Events that arrived from <span class="figure">{formatTime(since, now())}</span> to{" "}
    <span class="figure">{formatTime(until, now())}</span>
    {previous_since === null ? "" : `, changes against ${beforeWords[period]} before`}
  </>
)

const ReadingBack = ({ overview: { loading, complete_since, since } }: { overview: Overview }) =>
  loading || complete_since > since ? (
    <div class="banner" role="status">
      {loading
        ? `Reading back after the start: events from before ${formatTime(complete_since, now())} are not counted yet.`
        : `Events from before ${formatTime(complete_since, now())} are not counted: the topics do not hold them any more.`}
    </div>
  ) : null

type Row =
  | { readonly kind: "platform"; readonly row: PlatformRow }
  | { readonly kind: "connection"; readonly row: ConnectionRow }

const wideHeight = 52
const narrowHeight = 172

const Pipeline = ({ overview }: { overview: Overview }) => {
  const filter = param("find")
  const wanted = filter.trim().toLowerCase()
  const rows = overview.platforms.flatMap((row): ReadonlyArray<Row> => {
    const shown = row.connections.filter(
      ({ connection_id }) => wanted === "" || connection_id.includes(wanted) || row.platform.includes(wanted)
    )
    if (shown.length === 0) return []
    const connections = shown.map((one) => ({ kind: "connection", row: one }) as const)
    // A platform with one connection needs no sums.
    return row.connections.length > 1 ? [{ kind: "platform", row } as const, ...connections] : connections
  })
  const steps = shownSteps(overview)
  const rowHeight = isNarrow.value ? narrowHeight : wideHeight
  return (
    <section class="panel pipeline" aria-label="Connections, step by step">
      <div class="panel-head">
        <h2>Connections</h2>
        <span class="muted small">
          received = skipped + rejected + expired + dead-lettered + unknown + in flight + accepted + delivered
        </span>
        <div class="controls">
          <input
            class="field"
            type="search"
            placeholder="Filter"
            aria-label="Filter connections"
            value={filter}
            onInput={({ currentTarget }) => setParams({ find: currentTarget.value })}
          />
        </div>
      </div>
      <div class="steps-row steps-head" aria-hidden="true" style={columnsOf(steps)}>
        <span>Connection</span>
        {steps.map((name) => (
          <span key={name} class="step-title">
            {stepWords[name]}
          </span>
        ))}
      </div>
      {rows.length === 0 ? (
        <div class="note">
          <strong>No connections</strong>
          <span>{wanted === "" ? "connections.yaml names none that is enabled." : "None has this in its name."}</span>
        </div>
      ) : (
        <WindowList
          label="Connections"
          rows={rows}
          rowHeight={rowHeight}
          height={rows.length * rowHeight > 900 ? "max(420px, calc(100vh - 330px))" : rows.length * rowHeight}
          keyOf={({ kind, row }) => (kind === "platform" ? `platform ${row.platform}` : row.connection_id)}
          render={(row) => <StepsRow {...row} steps={steps} />}
        />
      )}
    </section>
  )
}

/** All of them; beside an open panel those that most events took, as many as have room, and the open one. */
const shownSteps = ({ platforms }: Overview): ReadonlyArray<StepName> => {
  const open = param("step")
  if (open === "" || isNarrow.value) return stepNames
  const countOf = (name: StepName) =>
    platforms.reduce((sum, { steps }) => sum + (steps.find(({ step }) => step === name)?.count ?? 0), 0)
  const weights = new Map(stepNames.map((name) => [name, name === open ? Number.POSITIVE_INFINITY : countOf(name)]))
  const ranked = stepNames.toSorted((left, right) => weights.get(right)! - weights.get(left)!)
  const shown = ranked.slice(0, innerWidth < 1_500 ? 6 : stepNames.length)
  return stepNames.filter((name) => shown.includes(name))
}

const columnsOf = ({ length }: ReadonlyArray<StepName>) =>
  isNarrow.value ? {} : { gridTemplateColumns: `minmax(136px, 1.6fr) repeat(${length}, minmax(56px, 1fr))` }

const StepsRow = ({ kind, row, steps }: Row & { steps: ReadonlyArray<StepName> }) => {
  const isPlatform = kind === "platform"
  const name = isPlatform ? row.platform : row.connection_id
  const note = isPlatform
    ? `${row.connections.length} connections`
    : row.state === "enabled"
      ? row.platform
      : `${row.platform}, ${row.state}`
  const parts = row.steps.filter(({ step }) => step !== "received").map(({ step, count }) => ({ name: step, count }))
  return (
    <div class={`steps-row ${isPlatform ? "platform-row" : ""}`} style={columnsOf(steps)}>
      <div class="who">
        <span class="cut name" title={name}>
          {name}
        </span>
        <span class="cut muted small">{note}</span>
        <Bar parts={parts.toReversed()} />
      </div>
      {row.steps
        .filter(({ step }) => steps.includes(step))
        .map((step) => (
          <StepCell
            key={step.step}
            step={step}
            isCompared={(row.steps[0]?.previous_count ?? 0) > 0}
            {...(isPlatform ? { platform: row.platform } : { connection: row.connection_id })}
          />
        ))}
    </div>
  )
}

interface StepCellProps {
  readonly step: Step
  /** Whether there was anything in the period before. */
  readonly isCompared: boolean
  readonly platform?: string
  readonly connection?: string
}

const StepCell = ({ step, isCompared, platform, connection }: StepCellProps) => {
  const words = stepWords[step.step]
  const body = (
    <>
      <span class="hidden">{connection ?? platform}: </span>
      <span class="step-name">{words} </span>
      <span class="figure step-count" title={formatCount(step.count)}>
        {formatShort(step.count)}
      </span>
      <span class="figure step-share">
        {step.step === "received" ? "" : <ShareOf step={step} />} {isCompared ? changeOf(step) : null}
      </span>
    </>
  )
  if (step.count === 0 && (step.previous_count ?? 0) === 0) return <span class="step none">{body}</span>
  const isChosen =
    param("step") === step.step && param("connection") === (connection ?? "") && param("platform") === (platform ?? "")
  const href = changedHref(route.value, isChosen ? closed : { ...closed, step: step.step, connection, platform })
  return (
    <a class={`step step-${step.step}`} href={href} aria-current={isChosen ? "true" : undefined}>
      {body}
    </a>
  )
}

const closed = { step: null, connection: null, platform: null, reason: null, sample: null }
