/** The sandbox as anyone can ask it over HTTP: what it received, and its scripted faults. */
import * as Effect from "effect/Effect"

export interface PlatformCounts {
  readonly requests: number
  readonly events: number
  readonly distinct: number
  readonly duplicates: number
  readonly statuses: Readonly<Record<string, number>>
}

export interface ActiveFault {
  readonly id: string
  /** Requests that it was applied to so far. */
  readonly applied: number
}

/** Keys as `infra/sandbox/README.md` lists them. */
export type Fault = { readonly kind: string } & Readonly<Record<string, unknown>>

export interface SandboxControl {
  readonly counts: Effect.Effect<Readonly<Record<string, PlatformCounts>>>
  /** Event ids that a platform took, with how often each came. */
  readonly ids: (platform: string) => Effect.Effect<ReadonlyMap<string, number>>
  /** The newest events that a platform took, oldest first. */
  readonly receipts: (platform: string) => Effect.Effect<ReadonlyArray<Receipt>>
  readonly add: (faults: ReadonlyArray<Fault>) => Effect.Effect<void>
  readonly active: Effect.Effect<ReadonlyArray<ActiveFault>>
  readonly remove: (id: string) => Effect.Effect<void>
  readonly removeAll: Effect.Effect<void>
  /** Forgets everything that was received, and the faults. */
  readonly reset: Effect.Effect<void>
}

export interface Receipt {
  /** The account: dataset, pixel, phone number. */
  readonly asset: string
  readonly event_id: string | null
  /** Milliseconds since the epoch. */
  readonly received_at: number
  /** The event as it stood in the request; null where the sandbox keeps no bodies. */
  readonly body: Readonly<Record<string, unknown>> | null
}

/** `url` is the control interface's. The sandbox runs in this process or beside it: that it does not answer is a bug. */
export const sandboxControl = (url: string): SandboxControl => {
  const ask = <A>(path: string, options: RequestInit = {}): Effect.Effect<A> =>
    Effect.promise(async () => {
      const response = await fetch(`${url}/_sandbox/${path}`, options)
      const body = await response.text()
      if (!response.ok) throw new Error(`The sandbox answers ${response.status}: ${body.slice(0, 500)}`)
      return JSON.parse(body) as A
    })
  return {
    counts: Effect.map(
      ask<{ readonly platforms: Readonly<Record<string, PlatformCounts>> }>("stats"),
      ({ platforms }) => platforms
    ),
    ids: (platform) =>
      Effect.map(
        ask<{ readonly ids: ReadonlyArray<{ readonly event_id: string; readonly count: number }> }>(
          `ids?platform=${platform}&limit=${listMax}`
        ),
        ({ ids }) => new Map(ids.map(({ event_id, count }) => [event_id, count]))
      ),
    receipts: (platform) =>
      Effect.map(
        ask<{ readonly events: ReadonlyArray<Receipt> }>(`events?platform=${platform}&limit=${listMax}`),
        ({ events }) => events
      ),
    add: (faults) => Effect.asVoid(ask("faults", { method: "POST", body: JSON.stringify(faults) })),
    active: Effect.map(ask<{ readonly faults: ReadonlyArray<ActiveFault> }>("faults"), ({ faults }) => faults),
    remove: (id) => Effect.asVoid(ask(`faults?id=${encodeURIComponent(id)}`, { method: "DELETE" })),
    removeAll: Effect.asVoid(ask("faults", { method: "DELETE" })),
    reset: Effect.asVoid(ask("reset", { method: "POST" }))
  }
}

/** How many events a platform took up to now. */
export const eventsTaken = (control: SandboxControl, platform: string): Effect.Effect<number> =>
  Effect.map(control.counts, (counts) => counts[platform]?.events ?? 0)

const listMax = 1_000_000
