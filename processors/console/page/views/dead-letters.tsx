/** Dead letters by reason, samples of each, and their redrive. */
import type { DeadLetterGroup, DeadLetterGroups, Redrive, Redrives } from "../../api.ts"
import { formatCount, formatNumberOf } from "../format.ts"
import { Ago, Empty, Loading, Problem, ViewHead } from "../parts/basics.tsx"
import { type Column, Table } from "../parts/table.tsx"
import { param, route, setParams } from "../state/location.ts"
import { useResource } from "../state/resource.ts"
import { changedHref } from "../state/route.ts"
import { DeadLetterPanel } from "./dead-letter-panel.tsx"
import { RedriveDialog } from "./redrive-dialog.tsx"
import { RedriveRow } from "./redrive-row.tsx"
import { planOf, startPlan } from "./redrive-state.ts"

export const DeadLettersView = () => {
  const { data, error, reload } = useResource<DeadLetterGroups>("/api/dead-letters", {
    on: "dead_letters",
    everyMillis: 5_000
  })
  const redrives = useResource<Redrives>("/api/redrives", { on: "redrives", everyMillis: 500 })
  const [stage, connection, reason] = [param("stage"), param("connection"), param("reason")]
  const groups = (data?.groups ?? []).filter(
    (group) => (stage === "" || group.stage === stage) && (connection === "" || group.connection_id === connection)
  )
  const chosen =
    reason === ""
      ? undefined
      : groups.find((group) => keyOf(group) === param("group") || (param("group") === "" && group.reason === reason))
  const open = groups.reduce((sum, group) => sum + group.open, 0)
  const isFiltered = stage !== "" || connection !== ""
  const planAll = () =>
    startPlan(
      isFiltered ? { ...(stage === "" ? {} : { stage }), ...(connection === "" ? {} : { connection }) } : { all: true }
    )
  return (
    <>
      <ViewHead
        title="Dead letters"
        lead={
          data === null
            ? " "
            : `${formatCount(open)} open${data.loading ? ", still being read" : ` of ${formatCount(data.total)}`}`
        }
      >
        <Choice name="stage" words="stages" values={(data?.groups ?? []).map((group) => group.stage)} />
        <Choice
          name="connection"
          words="connections"
          values={(data?.groups ?? []).flatMap((group) => group.connection_id ?? [])}
        />
        <button type="button" class="button" disabled={open === 0} onClick={planAll}>
          Plan a redrive of {isFiltered ? "these" : "all"}
        </button>
      </ViewHead>
      {error === null ? null : <Problem title={error.message} message={error.nextStep} onRetry={reload} />}
      <RunningRedrives redrives={redrives.data?.redrives ?? []} />
      {data === null ? (
        error === null ? (
          <Loading height={360} />
        ) : null
      ) : groups.length === 0 ? (
        <section class="panel">
          <Empty title={isFiltered ? "No dead letter fits" : "No dead letters"}>
            <span>A record that cannot be processed or delivered shows here, with why and what to do.</span>
          </Empty>
        </section>
      ) : (
        <div class={`split ${chosen === undefined ? "" : "open"}`}>
          <Groups groups={groups} chosen={chosen} />
          {chosen === undefined ? null : <DeadLetterPanel key={keyOf(chosen)} group={chosen} />}
        </div>
      )}
      <PastRedrives redrives={redrives.data?.redrives ?? []} />
      {planOf.value === null ? null : (
        <RedriveDialog redrives={redrives.data?.redrives ?? []} onChange={redrives.reload} />
      )}
    </>
  )
}

const keyOf = ({ stage, reason, connection_id }: DeadLetterGroup): string => `${stage} ${reason} ${connection_id ?? ""}`

const Choice = ({ name, words, values }: { name: string; words: string; values: ReadonlyArray<string> }) => {
  const chosen = param(name)
  const all = [...new Set([...values, ...(chosen === "" ? [] : [chosen])])].sort()
  return (
    <select
      class="field"
      aria-label={`Filter by ${name}`}
      value={chosen}
      onChange={({ currentTarget }) => setParams({ [name]: currentTarget.value, reason: null, group: null })}
    >
      <option value="">All {words}</option>
      {all.map((value) => (
        <option key={value} value={value}>
          {value}
        </option>
      ))}
    </select>
  )
}

const Groups = ({
  groups,
  chosen
}: {
  groups: ReadonlyArray<DeadLetterGroup>
  chosen: DeadLetterGroup | undefined
}) => (
  <div class="panel">
    <Table
      label="By reason"
      class="groups"
      columns={groupColumns(chosen)}
      rows={groups}
      keyOf={keyOf}
      isChosen={(group) => group === chosen}
    />
  </div>
)

const groupColumns = (chosen: DeadLetterGroup | undefined): ReadonlyArray<Column<DeadLetterGroup>> => [
  { head: "Reason", class: "reason-cell", cell: (group) => <Reason group={group} isChosen={group === chosen} /> },
  {
    head: "Given up by",
    cell: ({ stage, connection_id }) => (
      <>
        {stage}
        {connection_id === null ? null : <span class="muted small meaning">{connection_id}</span>}
      </>
    )
  },
  { head: "Open", class: "number", cell: ({ open }) => <strong>{formatCount(open)}</strong> },
  { head: "Redriven", class: "number wide-only", cell: ({ redriven }) => formatCount(redriven) },
  { head: "Resolved", class: "number wide-only", cell: ({ resolved }) => formatCount(resolved) },
  { head: "All", class: "number", cell: ({ count }) => formatCount(count) },
  { head: "Last", class: "nowrap muted wide-only", cell: ({ last_at }) => <Ago at={last_at} /> }
]

const Reason = ({ group, isChosen }: { group: DeadLetterGroup; isChosen: boolean }) => (
  <>
    <a
      class="mono break"
      href={changedHref(
        route.value,
        isChosen ? { reason: null, group: null } : { reason: group.reason, group: keyOf(group) }
      )}
      aria-expanded={isChosen}
    >
      {group.reason}
    </a>
    {group.meaning === null ? null : <span class="muted small meaning">{group.meaning}</span>}
  </>
)

const isRunning = ({ state }: Redrive): boolean => state === "running" || state === "cancelling"

const RunningRedrives = ({ redrives }: { redrives: ReadonlyArray<Redrive> }) => {
  const running = redrives.filter(isRunning)
  return running.length === 0 ? null : (
    <section class="panel" aria-label="Redrives under way">
      <div class="panel-head">
        <h2>{formatNumberOf(running.length, "redrive")} under way</h2>
      </div>
      {running.map((one) => (
        <RedriveRow key={one.redrive_id} redrive={one} />
      ))}
    </section>
  )
}

const PastRedrives = ({ redrives }: { redrives: ReadonlyArray<Redrive> }) => {
  const past = redrives.filter((one) => !isRunning(one))
  return past.length === 0 ? null : (
    <section class="panel" aria-label="Redrives">
      <div class="panel-head">
        <h2>Redrives</h2>
        <span class="muted small">Those since the console started</span>
      </div>
      {past.map((one) => (
        <RedriveRow key={one.redrive_id} redrive={one} />
      ))}
    </section>
  )
}
