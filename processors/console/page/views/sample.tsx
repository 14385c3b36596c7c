/** One result: in a line, and opened with its request and answer. */
import type { ResultRow } from "../../api.ts"
import { formatMillis, formatNumberOf, formatOutcome } from "../format.ts"
import { Time } from "../parts/basics.tsx"
import { hrefOf } from "../state/route.ts"

export const Outcome = ({ outcome }: { outcome: string }) => (
  <span class="outcome">
    <span class={`swatch fill-${outcome}`} aria-hidden="true" />
    {formatOutcome(outcome)}
  </span>
)

export const Sample = ({ row }: { row: ResultRow }) => (
  <li>
    <details class="sample">
      <summary>
        <Time at={row.at} />
        <span class="mono cut">{row.event_id}</span>
        <span class="muted cut">{row.event_name}</span>
      </summary>
      <ResultDetails row={row} />
    </details>
  </li>
)

/** Redacted by the server: fields and reasons, never values. */
export const ResultDetails = ({ row }: { row: ResultRow }) => {
  const { request, answer } = row
  return (
    <div class="sample-body">
      {row.message === null ? null : <p class="break">{row.message}</p>}
      <div class="two">
        <section>
          <h3>Request</h3>
          {request === null ? (
            <p class="muted">Nothing was sent.</p>
          ) : (
            <Pairs
              pairs={[
                ["Sent", request.sent_at === null ? null : <Time at={request.sent_at} />],
                ["Event there", row.platform_event],
                ["Batch", formatNumberOf(request.batch_size, "event")],
                ["Requests before", request.retries === 0 ? null : String(request.retries)],
                ["Mapping", request.mapping_version],
                ["Match quality", row.match_quality === null ? null : `${row.match_quality.toFixed(1)} of 10`],
                ["Left out", request.left_out.length === 0 ? null : <LeftOut fields={request.left_out} />]
              ]}
            />
          )}
        </section>
        <section>
          <h3>Answer</h3>
          {answer === null ? (
            <p class="muted">None.</p>
          ) : (
            <Pairs
              pairs={[
                ["Took", formatMillis(answer.latency_ms)],
                ["Outcome", formatOutcome(row.outcome)],
                ["Reason", row.reason],
                [
                  "Received there",
                  answer.events_received === null ? null : formatNumberOf(answer.events_received, "event")
                ],
                ["Request id", answer.request_id],
                ["Says", answer.message],
                ["Note", answer.note],
                ["Accepted", answer.accepted_at === null ? null : <Time at={answer.accepted_at} />]
              ]}
            />
          )}
        </section>
      </div>
      <p>
        <a href={hrefOf("event", { q: row.event_id })}>The whole story of this event</a>
      </p>
    </div>
  )
}

const LeftOut = ({ fields }: { fields: ReadonlyArray<{ readonly field: string; readonly reason: string }> }) => (
  <ul>
    {fields.map(({ field, reason }) => (
      <li key={field}>
        <span class="mono">{field}</span> <span class="muted">{reason}</span>
      </li>
    ))}
  </ul>
)

type Words = preact.JSX.Element | string | null

/** Names and values; what is null is left out. */
export const Pairs = ({ pairs }: { pairs: ReadonlyArray<readonly [name: string, value: Words]> }) => (
  <dl class="pairs">
    {pairs.flatMap(([name, value]) =>
      value === null || value === "" ? [] : [<dt key={name}>{name}</dt>, <dd key={`${name} value`}>{value}</dd>]
    )}
  </dl>
)
