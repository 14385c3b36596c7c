/** Groups that read their input again. */
import type { Replay, Replays } from "../../api.ts"
import { formatAge, formatCount, formatShare } from "../format.ts"
import { Ago, Empty, Loading, Meter, Problem, State, ViewHead } from "../parts/basics.tsx"
import { now } from "../state/clock.ts"
import { useResource } from "../state/resource.ts"

const example = './capi replay --stage delivery-meta.meta-shop --from "2 hours" --dry-run'

export const ReplaysView = () => {
  const { data, error, reload } = useResource<Replays>("/api/replays", { on: "replays", atLeastMillis: 5_000 })
  return (
    <>
      <ViewHead title="Replays" lead="Stages that read again what they had read: a replay is an offset reset" />
      {error === null ? null : <Problem title={error.message} message={error.nextStep} onRetry={reload} />}
      {data === null ? (
        error === null ? (
          <Loading height={200} />
        ) : null
      ) : data.replays.length === 0 ? (
        <section class="panel">
          <Empty title="No replay since the console started">
            <span>
              Start one with <code>{example}</code>. Platforms know repeated events by their ids.
            </span>
          </Empty>
        </section>
      ) : (
        <section class="panel" aria-label="Replays">
          <ul class="replays">
            {data.replays.map((one) => (
              <ReplayRow key={`${one.stage} ${one.topic} ${one.seen_at}`} replay={one} />
            ))}
          </ul>
        </section>
      )}
    </>
  )
}

const ReplayRow = ({ replay: { stage, topic, seen_at, records, left, ended_at } }: { replay: Replay }) => {
  const done = records - left
  return (
    <li class="replay">
      <div>
        <strong>{stage}</strong> <span class="mono muted">{topic}</span>
      </div>
      {ended_at === null ? <State tone="neutral">Under way</State> : <State tone="good">Read again</State>}
      <Meter share={records === 0 ? 1 : done / records} name={ended_at === null ? "in_flight" : "delivered"} />
      <span class="figure">
        {formatCount(done)} of {formatCount(records)} records <span class="muted">{formatShare(done, records)}</span>
      </span>
      <span class="muted small">
        seen <Ago at={seen_at} />
        {ended_at === null
          ? done > 0
            ? `, about ${formatAge(((now() - seen_at) / done) * left)} left`
            : ""
          : `, took ${formatAge(ended_at - seen_at)}`}
      </span>
    </li>
  )
}
