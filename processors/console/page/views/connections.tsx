/** A card for each connection, those with trouble first; a card opens into its history of 24 hours. */
import type { ConnectionCard, Connections } from "../../api.ts"
import { formatNumberOf } from "../format.ts"
import { Empty, Loading, Problem, Segments, ViewHead } from "../parts/basics.tsx"
import { WindowGrid } from "../parts/window-grid.tsx"
import { param, route, setParams } from "../state/location.ts"
import { useResource } from "../state/resource.ts"
import { changedHref } from "../state/route.ts"
import { Card, cardHeight } from "./connection-card.tsx"
import { ConnectionPanel } from "./connection-panel.tsx"

const states = [
  ["all", "All"],
  ["trouble", "With trouble"],
  ["healthy", "Healthy"],
  ["idle", "No events"]
] as const

const weights: Readonly<Record<ConnectionCard["status"], number>> = {
  unhealthy: 0,
  degraded: 1,
  unknown: 2,
  healthy: 3,
  idle: 4,
  disabled: 5
}

const isOf = (state: string, { status }: ConnectionCard): boolean =>
  state === "all" || status === state || (state === "trouble" && (status === "unhealthy" || status === "degraded"))

export const ConnectionsView = () => {
  const { data, error, reload } = useResource<Connections>("/api/connections", {
    on: "connections",
    everyMillis: 5_000,
    atLeastMillis: 30_000
  })
  const filter = param("find")
  const state = states.find(([name]) => name === param("state"))?.[0] ?? "all"
  const all = data?.connections ?? []
  const wanted = filter.trim().toLowerCase()
  const shown = all
    .filter((card) => isOf(state, card) && (card.connection_id.includes(wanted) || card.platform.includes(wanted)))
    .toSorted((left, right) => weights[left.status] - weights[right.status])
  const counted = (status: ConnectionCard["status"]) => all.filter((card) => card.status === status).length
  const chosen = all.find(({ connection_id }) => connection_id === param("connection"))
  return (
    <>
      <ViewHead
        title="Connections"
        lead={
          data === null
            ? " "
            : `${counted("unhealthy")} unhealthy, ${counted("degraded")} degraded, ${counted("healthy") + counted("idle")} healthy`
        }
      >
        <Segments
          label="State"
          chosen={state}
          choices={states}
          href={(value) => changedHref(route.value, { state: value === "all" ? null : value })}
        />
        <input
          class="field"
          type="search"
          placeholder="Filter"
          aria-label="Filter connections"
          value={filter}
          onInput={({ currentTarget }) => setParams({ find: currentTarget.value })}
        />
      </ViewHead>
      {error === null ? null : <Problem title={error.message} message={error.nextStep} onRetry={reload} />}
      {data === null ? (
        error === null ? (
          <Loading height={480} />
        ) : null
      ) : (
        <div class={`split ${chosen === undefined ? "" : "open"}`}>
          {shown.length === 0 ? (
            <section class="panel">
              <Empty title="No connection fits">
                <span>
                  {all.length === 0
                    ? "connections.yaml names none."
                    : `There are ${formatNumberOf(all.length, "connection")}.`}
                </span>
              </Empty>
            </section>
          ) : (
            <WindowGrid
              label="Connections"
              items={shown}
              itemHeight={cardHeight}
              widthMin={330}
              keyOf={({ connection_id }) => connection_id}
              render={(card) => <Card card={card} />}
            />
          )}
          {chosen === undefined ? null : <ConnectionPanel key={chosen.connection_id} card={chosen} />}
        </div>
      )}
    </>
  )
}
