/** The frame around the views: navigation, search, the state of the stream, theme and help. */
import { computed } from "@preact/signals"
import type { ComponentType } from "preact"
import { useEffect } from "preact/hooks"
import type { Alerts, DeadLetterGroups } from "../api.ts"
import { formatCount, formatShort, zone } from "./format.ts"
import { Ago, Badge, Problem } from "./parts/basics.tsx"
import { Dialog } from "./parts/dialog.tsx"
import { Icon } from "./parts/icons.tsx"
import { closeStream, lastTick, lostAt, openStream, streamState } from "./state/live.ts"
import { openHref, param, view } from "./state/location.ts"
import { useResource } from "./state/resource.ts"
import { hrefOf, type ViewName } from "./state/route.ts"
import { session, sessionProblem, signOut } from "./state/session.ts"
import { helpIsOpen, shortcuts } from "./state/shortcuts.ts"
import { nextTheme, theme } from "./state/theme.ts"
import { visible } from "./state/visible.ts"
import { AlertsView } from "./views/alerts.tsx"
import { ConnectionsView } from "./views/connections.tsx"
import { DeadLettersView } from "./views/dead-letters.tsx"
import { EventView } from "./views/event.tsx"
import { LiveView, liveFilter } from "./views/live.tsx"
import { OverviewView } from "./views/overview.tsx"
import { ReplaysView } from "./views/replays.tsx"
import { SignIn } from "./views/sign-in.tsx"

const views: Readonly<Record<ViewName, readonly [words: string, View: ComponentType]>> = {
  overview: ["Overview", OverviewView],
  connections: ["Connections", ConnectionsView],
  live: ["Live", LiveView],
  event: ["Event", EventView],
  "dead-letters": ["Dead letters", DeadLettersView],
  alerts: ["Alerts", AlertsView],
  replays: ["Replays", ReplaysView]
}

export const App = () => {
  const known = session.value
  if (known === null) return <Start />
  if (!known.signed_in) return <SignIn />
  return <Console />
}

/** Before the server has answered. */
const Start = () => (
  <main class="sign-in">
    {sessionProblem.value === null ? (
      <p class="muted">Connecting to the console…</p>
    ) : (
      <Problem title={sessionProblem.value.message} message={sessionProblem.value.nextStep} />
    )}
  </main>
)

const Console = () => {
  const [words, View] = views[view.value]
  const filter = view.value === "live" ? liveFilter() : null
  // A browser has six connections to a host, and a stream takes one: seven tabs would wait for each other.
  useEffect(() => (visible.value ? openStream(filter) : closeStream()), [JSON.stringify(filter), visible.value])
  useEffect(() => closeStream, [])
  useEffect(() => {
    document.title = `${words} · capi-relay`
  }, [words])
  return (
    <div class="shell">
      <a class="skip" href="#main">
        Skip to the content
      </a>
      <Rail />
      <header class="top">
        <Search />
        <div class="top-right">
          <StreamState />
          <ThemeButton />
          <button
            type="button"
            class="button plain icon"
            aria-label="Keyboard shortcuts"
            title="Keyboard shortcuts (?)"
            onClick={() => (helpIsOpen.value = true)}
          >
            <Icon name="help" />
          </button>
        </div>
      </header>
      <main class="main" id="main">
        <LostBanner />
        <NotReadBanner />
        <View />
      </main>
      {helpIsOpen.value ? <Help /> : null}
    </div>
  )
}

const Rail = () => {
  const alerts = useResource<Alerts>("/api/alerts", { on: "alerts" }).data
  const deadLetters = useResource<DeadLetterGroups>("/api/dead-letters", {
    on: "dead_letters",
    everyMillis: 5_000
  }).data
  const open = deadLetters?.groups.reduce((sum, group) => sum + group.open, 0) ?? 0
  const critical = alerts?.open.some(({ status }) => status === "unhealthy") ?? false
  const badges: Partial<Record<ViewName, preact.JSX.Element | null>> = {
    alerts:
      (alerts?.open.length ?? 0) > 0 ? (
        <Badge tone={critical ? "bad" : "warn"}>{formatShort(alerts!.open.length)}</Badge>
      ) : null,
    "dead-letters": open > 0 ? <Badge title={`${formatCount(open)} open`}>{formatShort(open)}</Badge> : null
  }
  return (
    <nav class="rail" aria-label="Views">
      <a class="brand" href={hrefOf("overview")}>
        <svg
          width="20"
          height="20"
          viewBox="0 0 20 20"
          fill="none"
          stroke="currentColor"
          stroke-width="2"
          stroke-linecap="round"
          aria-hidden="true"
        >
          <path d="M2 5h5c4 0 2 10 6 10h5M2 10h4M2 15h5c4 0 2-10 6-10h5" />
        </svg>
        capi-relay
      </a>
      <ul>
        {Object.entries(views).map(([name, [words]]) => (
          <li key={name}>
            <a href={hrefOf(name as ViewName)} aria-current={view.value === name ? "page" : undefined}>
              <Icon name={name as ViewName} />
              {words}
              {badges[name as ViewName]}
            </a>
          </li>
        ))}
      </ul>
      <RailFoot />
    </nav>
  )
}

const RailFoot = () => {
  const { topic_prefix, version, event_log, token_required } = session.value!
  return (
    <div class="rail-foot">
      <span title="Times are in your zone.">{zone}</span>
      <span class="break">
        {event_log}
        {topic_prefix === null || topic_prefix === "" ? "" : ` · prefix ${topic_prefix}`}
      </span>
      <span>{version === null ? "" : `Version ${version}`}</span>
      {token_required ? (
        <button type="button" class="button plain" onClick={() => void signOut()}>
          Sign out
        </button>
      ) : null}
    </div>
  )
}

const Search = () => {
  const search = (event: SubmitEvent) => {
    event.preventDefault()
    const field = new FormData(event.target as HTMLFormElement).get("q")
    const query = typeof field === "string" ? field.trim() : ""
    if (query !== "") openHref(hrefOf("event", { q: query }))
  }
  return (
    <search class="search">
      <form onSubmit={search}>
        <Icon name="search" />
        <input
          key={param("q")}
          id="search"
          class="field"
          type="search"
          name="q"
          placeholder="Event, order or click id"
          aria-label="Search an event by its id, an order id or a click id"
          autocomplete="off"
          spellcheck={false}
          defaultValue={view.value === "event" ? param("q") : ""}
        />
      </form>
    </search>
  )
}

const StreamState = () => {
  const state = streamState.value
  const [tone, words] =
    state === "open"
      ? notRead.value === null
        ? (["good", "Live"] as const)
        : (["bad", "Kafka is not read"] as const)
      : state === "connecting"
        ? (["neutral", "Connecting"] as const)
        : (["bad", "Disconnected"] as const)
  return (
    <span class="link-state" role="status" title={words}>
      <span class={`dot ${tone}`} aria-hidden="true" />
      <span class="words">{words}</span>
    </span>
  )
}

/** Not a part of each tick, which would draw the frame each second. */
const notRead = computed(() => lastTick.value?.not_read ?? null)

const NotReadBanner = () =>
  streamState.value === "open" && notRead.value !== null ? (
    <div class="banner bad" role="status">
      <strong>The console cannot read from Kafka</strong>
      <span>
        What you see is from before, and nothing here says that all is well. It tries again by itself. {notRead.value}
      </span>
    </div>
  ) : null

const LostBanner = () =>
  streamState.value === "lost" && lostAt.value !== null ? (
    <div class="banner bad" role="status">
      <strong>Disconnected from the console</strong>
      <span>
        for <Ago at={lostAt.value} words={false} />; what you see is from before. The page connects again by itself.
      </span>
    </div>
  ) : null

const ThemeButton = () => {
  const words = `Theme: ${theme.value}`
  return (
    <button type="button" class="button plain icon" aria-label={words} title={`${words} (t)`} onClick={nextTheme}>
      <Icon name={theme.value} />
    </button>
  )
}

const Help = () => (
  <Dialog title="Keyboard" onClose={() => (helpIsOpen.value = false)}>
    <dl class="pairs shortcuts">
      {shortcuts.map(([keys, words]) => [
        <dt key={words}>
          {keys.map((key) => (
            <kbd key={key}>{key}</kbd>
          ))}
        </dt>,
        <dd key={`${words} words`}>{words}</dd>
      ])}
    </dl>
    <p class="muted small">
      Tab and Shift+Tab go through everything; Enter opens. Every state has its own address: copy it to share what you
      see.
    </p>
  </Dialog>
)
