/** Dead letters by reason, samples of each, and their redrive. */
import type { DeadLetterGroup, DeadLetterGroups, Redrive, Redrives } from "../../api.ts"
import { formatCount, formatNumberOf } from "../format.ts"
import { Ago, Empty, Loading, Problem, ViewHead } from "../parts/basics.tsx"
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
  <section class="panel scroll-x" tabIndex={0} aria-label="By reason">
    <table class="groups">
      <thead>
        <tr>
          <th scope="col">Reason</th>
          <th scope="col">Given up by</th>
          <th scope="col" class="number">
            Open
          </th>
          <th scope="col" class="number wide-only">
            Redriven
          </th>
          <th scope="col" class="number wide-only">
            Resolved
          </th>
          <th scope="col" class="number">
            All
          </th>
          <th scope="col" class="wide-only">
            Last
          </th>
        </tr>
      </thead>
      <tbody>
        {groups.map((group) => {
          const isChosen = group === chosen
          return (
            <tr key={keyOf(group)} class={isChosen ? "chosen" : ""}>
              <td class="reason-cell">
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
              </td>
              <td>
                {group.stage}
                {group.connection_id === null ? null : <span class="muted small meaning">{group.connection_id}</span>}
              </td>
              <td class="number">
                <strong>{formatCount(group.open)}</strong>
              </td>
              <td class="number wide-only">{formatCount(group.redriven)}</td>
              <td class="number wide-only">{formatCount(group.resolved)}</td>
              <td class="number">{formatCount(group.count)}</td>
              <td class="nowrap muted wide-only">
                <Ago at={group.last_at} />
              </td>
            </tr>
          )
        })}
      </tbody>
    </table>
  </section>
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
