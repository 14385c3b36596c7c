/** An event's story: its hops as a waterfall at the left, input and output of the chosen one at the right. */
import type { EventStory, Hop } from "../../api.ts"
import { formatClockMillis, formatFullTime, formatMillis } from "../format.ts"
import { State, Time } from "../parts/basics.tsx"
import { CopyButton, Json } from "../parts/json.tsx"
import { param, route, setParams } from "../state/location.ts"
import { changedHref } from "../state/route.ts"
import { useKey } from "../state/use-key.ts"
import { Outcome, Pairs } from "./sample.tsx"
import { waterfall } from "./waterfall.ts"

export const Story = ({ story }: { story: EventStory }) => {
  const bars = waterfall(story.hops)
  const chosen = story.hops.find(({ id }) => id === param("hop")) ?? bars[0]?.hop
  const move = (by: number) => {
    const at = bars.findIndex(({ hop }) => hop.id === chosen?.id)
    const next = bars[Math.min(bars.length - 1, Math.max(0, at + by))]
    if (next !== undefined) setParams({ hop: next.hop.id })
  }
  useKey("j", () => move(1))
  useKey("k", () => move(-1))
  return (
    <div class="story">
      <section class="panel" aria-label="The way of the event">
        <div class="panel-head">
          <h2 class="mono cut">{story.event_id ?? "no event id"}</h2>
          <span class="muted">{story.event_name}</span>
          {story.event_id === null ? null : <CopyButton text={story.event_id} label="Copy the event id" />}
        </div>
        <ul class="story-outcomes">
          {story.outcomes.map(({ connection_id, outcome, reason }) => (
            <li key={connection_id}>
              <span class="cut">{connection_id}</span>
              <Outcome outcome={outcome} />
              <span class="mono muted cut">{reason}</span>
            </li>
          ))}
        </ul>
        <ol class="hops">
          {bars.map(({ hop, depth, from, width }) => (
            <li key={hop.id}>
              <a
                class={`hop tone-${hop.tone}`}
                href={changedHref(route.value, { hop: hop.id })}
                aria-current={hop.id === chosen?.id ? "true" : undefined}
              >
                <span class="hop-name cut" style={{ paddingLeft: `${Math.min(depth, 6) * 12}px` }}>
                  {wordsOf(hop.kind)}{" "}
                  {hop.connection_id === null ? null : <span class="muted">{hop.connection_id}</span>}
                </span>
                <span class="hop-track" aria-hidden="true">
                  <span class="hop-bar" style={{ left: `${from * 100}%`, width: `${width * 100}%` }} />
                </span>
                <span class="figure muted">{hop.latency_ms === null ? "" : `+${formatMillis(hop.latency_ms)}`}</span>
                <span class="hop-summary muted small cut" style={{ paddingLeft: `${Math.min(depth, 6) * 12}px` }}>
                  {hop.summary}
                </span>
              </a>
            </li>
          ))}
        </ol>
      </section>
      {chosen === undefined ? null : <HopPanel key={chosen.id} hop={chosen} />}
    </div>
  )
}

const wordsOf = (kind: string): string => kind.replaceAll("_", " ")

const HopPanel = ({ hop }: { hop: Hop }) => {
  const { request, answer } = hop
  return (
    <section class="panel hop-panel" aria-label={`Record ${hop.id}`}>
      <div class="panel-head">
        <h2>{wordsOf(hop.kind)}</h2>
        <State tone={hop.tone}>{hop.summary}</State>
      </div>
      <div class="panel-body stack">
        <Pairs
          pairs={[
            ["Record", <span class="mono break">{`${hop.topic} / ${hop.partition} / ${hop.offset}`}</span>],
            ["Written", <span title={formatFullTime(hop.at)}>{formatClockMillis(hop.at)}</span>],
            ["By", hop.stage ?? "a producer"],
            ["Connection", hop.connection_id],
            ["Mapping", hop.mapping_version],
            ["After", hop.latency_ms === null ? null : formatMillis(hop.latency_ms)]
          ]}
        />
        {request === null && answer === null ? null : (
          <div class="two">
            <section>
              <h3>Request</h3>
              <Pairs
                pairs={[
                  [
                    "Sent",
                    request?.sent_at === null || request?.sent_at === undefined ? (
                      "not known"
                    ) : (
                      <Time at={request.sent_at} />
                    )
                  ],
                  ["Events", request === null ? null : String(request.batch_size)],
                  ["Requests before", request === null || request.retries === 0 ? null : String(request.retries)]
                ]}
              />
            </section>
            <section>
              <h3>Answer</h3>
              <Pairs
                pairs={[
                  ["Took", answer === null ? "none" : formatMillis(answer.latency_ms)],
                  ["Request id", answer?.request_id ?? null],
                  ["Says", answer?.message ?? null],
                  ["Note", answer?.note ?? null]
                ]}
              />
            </section>
          </div>
        )}
        <div class="two in-out">
          <Side title="Input" value={hop.input} />
          <Side title="Output" value={hop.output} />
        </div>
      </div>
    </section>
  )
}

const Side = ({ title, value }: { title: string; value: unknown }) => (
  <section>
    <div class="side-head">
      <h3>{title}</h3>
      {value === null ? null : (
        <CopyButton text={JSON.stringify(value, null, 2)} label={`Copy the ${title.toLowerCase()}`} />
      )}
    </div>
    {value === null ? <p class="muted">None, or the record is gone.</p> : <Json value={value} label={title} />}
  </section>
)
