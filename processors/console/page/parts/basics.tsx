/** Small parts of every view: states, badges, bars, times, notes, and buttons. */
import type { ComponentChildren } from "preact"
import { formatAge, formatFullTime, formatTime } from "../format.ts"
import { now, second } from "../state/clock.ts"

export type Tone = "good" | "warn" | "bad" | "neutral"

export const toneOfStatus = (status: string): Tone =>
  status === "healthy" ? "good" : status === "degraded" ? "warn" : status === "unhealthy" ? "bad" : "neutral"

/** A dot whose form says the same as its colour, and the word. */
export const State = ({ tone, children }: { tone: Tone; children: ComponentChildren }) => (
  <span class="state">
    <span class={`dot ${tone}`} aria-hidden="true" />
    <span>{children}</span>
  </span>
)

export const Badge = ({
  tone = "neutral",
  title,
  children
}: {
  tone?: Tone
  title?: string
  children: ComponentChildren
}) => (
  <span class={`badge ${tone}`} title={title}>
    {children}
  </span>
)

export interface BarPart {
  /** The outcome that it stands for: its colour. */
  readonly name: string
  readonly count: number
}

/** Shares of a whole. It says nothing that the figures beside it don't, so it is hidden from screen readers. */
export const Bar = ({ parts }: { parts: ReadonlyArray<BarPart> }) => (
  <div class="bar" aria-hidden="true">
    {parts
      .filter(({ count }) => count > 0)
      .map(({ name, count }) => (
        <span key={name} class={`fill-${name}`} style={{ flex: `${count} 1 0` }} />
      ))}
  </div>
)

/** One share, from 0 to 1. */
export const Meter = ({ share, name }: { share: number; name?: string }) => (
  <span class="meter" aria-hidden="true">
    <span
      class={name === undefined ? "" : `fill-${name}`}
      style={{ width: `${Math.min(1, Math.max(0, share)) * 100}%` }}
    />
  </span>
)

/** A time in the viewer's zone. */
export const Time = ({ at }: { at: number }) => (
  <time class="figure" dateTime={new Date(at).toISOString()} title={formatFullTime(at)}>
    {formatTime(at, now())}
  </time>
)

/** `12 s ago`, kept right. */
export const Ago = ({ at, words = true }: { at: number; words?: boolean }) => (
  <time class="figure" dateTime={new Date(at).toISOString()} title={formatFullTime(at)}>
    {formatAge(second.value - at)}
    {words ? " ago" : ""}
  </time>
)

/** Where there is nothing, and what that means or how it would come. */
export const Empty = ({ title, children }: { title: string; children?: ComponentChildren }) => (
  <div class="note">
    <strong>{title}</strong>
    {children}
  </div>
)

/** What went wrong, and what to do. */
export const Problem = ({ title, message, onRetry }: { title: string; message: string; onRetry?: () => void }) => (
  <div class="note bad-note" role="alert">
    <strong>{title}</strong>
    <span>{message}</span>
    {onRetry === undefined ? null : (
      <button type="button" class="button" onClick={onRetry}>
        Try again
      </button>
    )}
  </div>
)

/** Holds the place of what is loading, so that nothing moves when it comes. */
export const Loading = ({ height = 160 }: { height?: number }) => (
  <div class="placeholder" style={{ height: `${height}px` }}>
    <span class="hidden">Loading</span>
  </div>
)

export const Panel = ({
  title,
  controls,
  children,
  label
}: {
  title?: ComponentChildren
  controls?: ComponentChildren
  children: ComponentChildren
  label?: string
}) => (
  <section class="panel" aria-label={label}>
    {title === undefined ? null : (
      <div class="panel-head">
        <h2>{title}</h2>
        {controls === undefined ? null : <div class="controls">{controls}</div>}
      </div>
    )}
    {children}
  </section>
)

/** A view's title, what it shows in a sentence, and its controls. */
export const ViewHead = ({
  title,
  lead,
  children
}: {
  title: string
  lead?: ComponentChildren
  children?: ComponentChildren
}) => (
  <div class="view-head">
    <h1 tabIndex={-1}>{title}</h1>
    {lead === undefined ? null : <span class="lead">{lead}</span>}
    {children === undefined ? null : <div class="controls">{children}</div>}
  </div>
)

/** Choices of which one is taken; each is a link. */
export const Segments = ({
  label,
  choices,
  chosen,
  href
}: {
  label: string
  choices: ReadonlyArray<readonly [value: string, words: string]>
  chosen: string
  href: (value: string) => string
}) => (
  <nav class="segments" aria-label={label}>
    {choices.map(([value, words]) => (
      <a key={value} href={href(value)} aria-current={value === chosen ? "true" : undefined}>
        {words}
      </a>
    ))}
  </nav>
)
