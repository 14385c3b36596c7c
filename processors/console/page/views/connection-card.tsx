/** A connection at a glance: state, why, next step, and its figures. */
import type { ConnectionCard, Percentiles } from "../../api.ts"
import { formatAge, formatCount, formatMillis, formatPercent, formatShort } from "../format.ts"
import { Meter, State, type Tone, toneOfStatus } from "../parts/basics.tsx"
import { Minutes } from "../parts/minutes.tsx"
import { second } from "../state/clock.ts"
import { param, route } from "../state/location.ts"
import { changedHref } from "../state/route.ts"

export const cardHeight = 300

const statusWords: Readonly<Record<ConnectionCard["status"], string>> = {
  healthy: "healthy",
  degraded: "degraded",
  unhealthy: "unhealthy",
  idle: "no events",
  disabled: "disabled",
  unknown: "not known"
}

export const StatusWord = ({ card }: { card: ConnectionCard }) => (
  <State tone={card.status === "idle" ? "good" : toneOfStatus(card.status)}>{statusWords[card.status]}</State>
)

export const Card = ({ card }: { card: ConnectionCard }) => {
  const isChosen = param("connection") === card.connection_id
  return (
    <article class={`panel card tone-${toneOfStatus(card.status)} ${isChosen ? "chosen" : ""}`}>
      <header class="card-head">
        <h2 class="cut">
          <a
            href={changedHref(route.value, { connection: isChosen ? null : card.connection_id })}
            aria-expanded={isChosen}
          >
            {card.connection_id}
          </a>
        </h2>
        <span class="muted small">{card.platform}</span>
        <StatusWord card={card} />
      </header>
      <p class="card-issue" title={card.issues.join("\n")}>
        {card.issues[0] ?? <span class="muted">{quietWords(card)}</span>}
      </p>
      <Backlog card={card} />
      <Figures card={card} />
      <Minutes minutes={card.minutes} />
    </article>
  )
}

const quietWords = ({ status, checked_at, last_success_at }: ConnectionCard): string => {
  if (status === "unknown") {
    const since = checked_at === null ? "" : ` for ${formatAge(second.value - checked_at)}`
    return `The health program has written nothing of it${since}. Does it run?`
  }
  if (status === "disabled") return "Disabled in connections.yaml: nothing is sent."
  return last_success_at === null
    ? "Nothing is wrong. No event has succeeded yet."
    : `Nothing is wrong. Last success ${formatAge(second.value - last_success_at)} ago.`
}

/** What waits, and how much of the age limit the oldest has used. */
export const Backlog = ({ card: { waiting } }: { card: ConnectionCard }) => {
  const used = waiting?.age_used ?? null
  return (
    <div class="backlog">
      <span>
        <strong class="figure">
          {waiting === null ? "–" : `${waiting.is_minimum ? "≥ " : ""}${formatCount(waiting.events)}`}
        </strong>{" "}
        <span class="muted">waiting</span>
      </span>
      <span class="muted small">
        {waiting === null || waiting.events === 0 ? "" : expiryOf(waiting.expires_at, second.value)}
      </span>
      <Meter share={used ?? 0} name={used === null || used < 0.5 ? "in_flight" : used < 0.9 ? "expired" : "rejected"} />
    </div>
  )
}

const expiryOf = (at: number | null, now: number): string =>
  at === null
    ? "no age limit"
    : at > now
      ? `oldest expires in ${formatAge(at - now)}`
      : `oldest expired ${formatAge(now - at)} ago`

const threeOf = (values: Percentiles | null): string =>
  values === null ? "–" : [values.p50, values.p95, values.p99].map(formatMillis).join(" · ")

const Figures = ({ card }: { card: ConnectionCard }) => {
  const { events_1h, failed_1h, latency_ms, end_to_end_ms, batch, match_quality, circuit, paused, credential } = card
  return (
    <dl class="card-figures">
      <Figure
        name="Success, 1 h"
        title={`${formatCount(events_1h)} events, ${formatCount(failed_1h)} failed`}
        value={successOf(card)}
      />
      <Figure
        name="Circuit"
        value={paused === true ? "paused" : (circuit ?? "–").toLowerCase().replace("_", "-")}
        tone={paused === true || circuit === "OPEN" ? "bad" : circuit === "HALF_OPEN" ? "warn" : "neutral"}
      />
      <Figure name="Match quality" value={match_quality === null ? "–" : `${match_quality.toFixed(1)} of 10`} />
      <Figure name="Request p50 · p95 · p99" value={threeOf(latency_ms)} wide />
      <Figure
        name="Batch fill"
        title={batch === null ? "" : `${batch.mean.toFixed(1)} of ${batch.max} events in a request`}
        value={batch === null ? "–" : `${batch.mean.toFixed(batch.mean < 10 ? 1 : 0)} of ${formatShort(batch.max)}`}
      />
      <Figure name="Raw event to delivery" value={threeOf(end_to_end_ms)} wide />
      <Figure
        name="Credential"
        title={credential.name}
        value={
          credential.stored_at === null && credential.expires_at === null
            ? credential.name
            : credentialAge(card, second.value)
        }
        tone={isExpiring(card, second.value) ? "warn" : "neutral"}
      />
    </dl>
  )
}

/** A connection to which nothing was sent is not "100 %". */
export const successOf = ({ success_rate, minutes }: ConnectionCard): string =>
  success_rate === null || minutes.every(({ succeeded, failed }) => succeeded + failed === 0)
    ? "–"
    : formatPercent(success_rate * 100)

const Figure = ({
  name,
  value,
  title,
  tone = "neutral",
  wide = false
}: {
  name: string
  value: string
  title?: string
  tone?: Tone
  wide?: boolean
}) => (
  <div class={wide ? "wide" : ""} title={title}>
    <dt>{name}</dt>
    <dd class={`figure cut ${tone}`}>{value}</dd>
  </div>
)

export const credentialAge = ({ credential: { expires_at, stored_at } }: ConnectionCard, now: number): string => {
  if (expires_at !== null) return expires_at > now ? `expires in ${formatAge(expires_at - now)}` : "expired"
  return stored_at === null ? "age not known" : `${formatAge(now - stored_at)} old`
}

const isExpiring = ({ credential: { expires_at } }: ConnectionCard, now: number): boolean =>
  expires_at !== null && expires_at - now < 7 * 86_400_000
