/** One event: its story by id, order id or click id; or what would happen to one that is pasted. */
import type { EventSearch, EventStory } from "../../api.ts"
import { formatMillis, formatNumberOf } from "../format.ts"
import { Empty, Loading, Problem, Segments, Time, ViewHead } from "../parts/basics.tsx"
import { apiPath } from "../state/api.ts"
import { param, route } from "../state/location.ts"
import { useResource } from "../state/resource.ts"
import { changedHref, hrefOf } from "../state/route.ts"
import { Explain } from "./explain.tsx"
import { Outcome } from "./sample.tsx"
import { Story } from "./story.tsx"

export const EventView = () => {
  const mode = param("mode") === "explain" ? "explain" : "story"
  return (
    <>
      <ViewHead
        title="Event"
        lead={
          mode === "story"
            ? "Every record of one event, on every topic"
            : "What would happen to an event now, without sending it"
        }
      >
        <Segments
          label="What to do"
          chosen={mode}
          choices={[
            ["story", "Story"],
            ["explain", "Explain"]
          ]}
          href={(value) => hrefOf("event", { mode: value === "explain" ? value : null, q: param("q") })}
        />
      </ViewHead>
      {mode === "explain" ? <Explain /> : <Search />}
    </>
  )
}

const Search = () => {
  const query = param("q")
  const { data, of, error, reload } = useResource<EventSearch>(
    query === "" ? null : apiPath("/api/events", { q: query })
  )
  const path = apiPath("/api/events", { q: query })
  return (
    <>
      {query === "" ? (
        <section class="panel">
          <Empty title="Search for an event">
            <span>
              By its event id, an order id, or a click id such as gclid or fbc. Ids are looked up as keyed hashes where
              the index is on.
            </span>
          </Empty>
        </section>
      ) : error !== null ? (
        <section class="panel">
          <Problem title={error.message} message={error.nextStep} onRetry={reload} />
        </section>
      ) : data === null || of !== path ? (
        <Loading height={420} />
      ) : (
        <Found search={data} />
      )}
    </>
  )
}

const Found = ({ search }: { search: EventSearch }) => {
  const { events, query, note, more, took_ms } = search
  const chosen = events[Math.min(Math.max(0, Number(param("event", "0")) || 0), events.length - 1)]
  return (
    <>
      <p class="muted small search-note">
        {formatNumberOf(events.length, "event")}
        {more ? " and more" : ""} in {formatMillis(took_ms)}
        {note === null ? "" : `. ${note}`}
      </p>
      {chosen === undefined ? (
        <section class="panel">
          <Empty title={`Nothing is known of “${query}”`}>
            <span>Is the id complete? Events are found for as long as the topics hold them.</span>
          </Empty>
        </section>
      ) : (
        <>
          {events.length > 1 ? <Choice events={events} chosen={chosen} /> : null}
          <Story story={chosen} />
        </>
      )}
    </>
  )
}

const Choice = ({ events, chosen }: { events: ReadonlyArray<EventStory>; chosen: EventStory }) => (
  <section class="panel choice" aria-label="Events found">
    <ul>
      {events.map((event, index) => (
        <li key={`${event.source?.partition}:${event.source?.offset}:${index}`}>
          <a
            class="choice-row"
            href={changedHref(route.value, { event: index === 0 ? null : index, hop: null })}
            aria-current={event === chosen ? "true" : undefined}
          >
            <span class="mono cut">{event.event_id ?? "no event id"}</span>
            <span class="muted cut">{event.event_name ?? ""}</span>
            <span class="muted">{event.source === null ? "" : <Time at={event.source.at} />}</span>
            <span class="outcomes">
              {event.outcomes.slice(0, 4).map(({ connection_id, outcome }) => (
                <Outcome key={connection_id} outcome={outcome} />
              ))}
            </span>
          </a>
        </li>
      ))}
    </ul>
  </section>
)
