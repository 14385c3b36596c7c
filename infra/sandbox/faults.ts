/** Scripted faults: what the sandbox does to a request instead of, before or after answering it. */
import { isObject, type Json, type JsonObject } from "./platform.ts"
import type { Random } from "./random.ts"

/** How each kind acts; `POST /_sandbox/faults` takes a list of objects with these keys. */
export const faultKinds = {
  latency: "Waits delay_ms + per_event_ms × events (+ up to jitter_ms), or what `curve` [[events, ms], …] says.",
  throttle: "The platform's own throttle answer; retry_after_s adds Retry-After.",
  server_error: "The platform's own answer with `status` (default 500).",
  error_code: "The platform's own error body with `code`, `subcode`, `message`.",
  reply: "Literally `status`, `headers`, `body`: a 200 with an error in it, for one.",
  expired_token: "Tokens issued before the fault began are refused; Google's refresh gives a good one.",
  revoked_refresh: "Google's token endpoint answers invalid_grant.",
  reset_before: "Cuts the connection before processing.",
  reset_after: "Processes the request, then cuts the connection without an answer.",
  slow_body: "Sends the answer's body in pieces over delay_ms.",
  html: "An HTML page with `status` (default 502) instead of the answer.",
  truncated_body: "Announces the whole answer, sends half, cuts the connection.",
  huge_body: "Fills the answer with `bytes` of blanks (default 64 MiB).",
  hang: "Takes the request and never answers.",
  dead: "Cuts every connection at once.",
  poison: "Refuses events whose id is in event_ids or whose JSON holds `marker`, with `reason`.",
  fails_later: "Takes such events, and reports them failed by Google's status or WhatsApp's webhook."
} as const
export type FaultKind = keyof typeof faultKinds

export interface Fault {
  readonly id: string
  readonly kind: FaultKind
  /** Null: every platform. */
  readonly platform: string | null
  /** The request's path holds it. */
  readonly path: string | null
  /** The request has at least so many events. */
  readonly min_events: number
  /** Requests it still applies to; null: no bound. */
  readonly count: number | null
  readonly probability: number
  /** Milliseconds since the epoch. */
  readonly from: number
  readonly until: number | null
  readonly settings: JsonObject
}

export interface Subject {
  readonly platform: string
  readonly path: string
  readonly events: number
  readonly now: number
}

export class FaultError extends Error {}

/** The faults that are scripted, and which of them apply to a request. */
export const makeFaults = (random: Random, platforms: ReadonlyArray<string>) => {
  let faults: ReadonlyArray<Fault> = []
  let nextId = 1
  const left = new Map<string, number>()
  const applied = new Map<string, number>()

  const appliesTo = (fault: Fault, subject: Subject): boolean => {
    if (fault.platform !== null && fault.platform !== subject.platform) return false
    if (fault.path !== null && !subject.path.includes(fault.path)) return false
    if (subject.now < fault.from || (fault.until !== null && subject.now >= fault.until)) return false
    if (subject.events < fault.min_events || left.get(fault.id) === 0) return false
    return fault.probability >= 1 || random.next() < fault.probability
  }

  return {
    add: (given: Json | undefined, now: number): ReadonlyArray<Fault> => {
      const list = Array.isArray(given) ? given : [given]
      const added = list.map((one: Json | undefined) => parse(one, now, platforms, () => `fault-${nextId++}`))
      for (const fault of added) if (fault.count !== null) left.set(fault.id, fault.count)
      faults = [...faults.filter((fault) => !added.some((other) => other.id === fault.id)), ...added]
      return added
    },
    remove: (id: string | null) => {
      faults = id === null ? [] : faults.filter((fault) => fault.id !== id)
    },
    /** Those that are not over. */
    active: (now: number) =>
      faults
        .filter((fault) => (fault.until === null || now < fault.until) && left.get(fault.id) !== 0)
        .map((fault) => ({ ...fault, left: left.get(fault.id) ?? null, applied: applied.get(fault.id) ?? 0 })),
    /** The faults that apply to this request, in the order they were added; each is counted. */
    applying: (subject: Subject): ReadonlyArray<Fault> => {
      if (faults.length === 0) return faults
      const hits = faults.filter((fault) => appliesTo(fault, subject))
      for (const { id } of hits) {
        applied.set(id, (applied.get(id) ?? 0) + 1)
        const remaining = left.get(id)
        if (remaining !== undefined) left.set(id, remaining - 1)
      }
      return hits
    }
  }
}
export type Faults = ReturnType<typeof makeFaults>

const parse = (given: Json | undefined, now: number, platforms: ReadonlyArray<string>, makeId: () => string): Fault => {
  if (!isObject(given)) throw new FaultError("A fault is a JSON object with a `kind`.")
  const { id, kind, platform, path, min_events, count, probability, start_after_ms, duration_ms, ...settings } = given
  if (typeof kind !== "string" || !(kind in faultKinds))
    throw new FaultError(`Unknown kind ${JSON.stringify(kind)}. Known: ${Object.keys(faultKinds).join(", ")}.`)
  if (platform !== undefined && platform !== null && !platforms.some((known) => known === platform))
    throw new FaultError(`Unknown platform ${JSON.stringify(platform)}. Known: ${platforms.join(", ")}.`)
  const from = now + (numberOr(start_after_ms, 0) ?? 0)
  const duration = numberOr(duration_ms, null)
  return {
    id: typeof id === "string" ? id : makeId(),
    kind: kind as FaultKind,
    platform: (platform ?? null) as string | null,
    path: typeof path === "string" ? path : null,
    min_events: numberOr(min_events, 0) ?? 0,
    count: numberOr(count, null),
    probability: numberOr(probability, 1) ?? 1,
    from,
    until: duration === null ? null : from + duration,
    settings
  }
}

const numberOr = (value: Json | undefined, otherwise: number | null): number | null => {
  if (value === undefined || value === null) return otherwise
  if (typeof value !== "number" || !Number.isFinite(value))
    throw new FaultError(`${JSON.stringify(value)} is no number.`)
  return value
}

/** Milliseconds that a latency fault adds to a request of so many events. A curve is linear between its points. */
export const latencyOf = (fault: Fault, events: number, random: Random): number => {
  const { delay_ms, per_event_ms, jitter_ms, curve } = fault.settings
  const jitter = typeof jitter_ms === "number" ? random.next() * jitter_ms : 0
  if (Array.isArray(curve)) return jitter + interpolate(curve as ReadonlyArray<readonly [number, number]>, events)
  const fixed = typeof delay_ms === "number" ? delay_ms : 0
  return jitter + fixed + (typeof per_event_ms === "number" ? per_event_ms * events : 0)
}

const interpolate = (points: ReadonlyArray<readonly [number, number]>, events: number): number => {
  for (let index = 1; index < points.length; index++) {
    const [x0, y0] = points[index - 1]!
    const [x1, y1] = points[index]!
    if (events <= x1) return events <= x0 ? y0 : y0 + ((events - x0) * (y1 - y0)) / (x1 - x0)
  }
  return points.at(-1)?.[1] ?? 0
}

/** Why a `poison` or `fails_later` fault takes offence at this event, or null. */
export const offence = (faults: ReadonlyArray<Fault>, eventId: string | null, event: JsonObject): string | null => {
  for (const { settings } of faults) {
    const { event_ids, marker, reason } = settings
    const listed = Array.isArray(event_ids) && eventId !== null && event_ids.includes(eventId)
    const marked = typeof marker === "string" && JSON.stringify(event).includes(marker)
    if (listed || marked) return typeof reason === "string" ? reason : "Refused by the sandbox's script"
  }
  return null
}
