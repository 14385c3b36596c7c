/** The sandbox seen from outside: its faults, and what it received. */
import * as Effect from "effect/Effect"
import type { Sandbox } from "../../infra/sandbox/sandbox.ts"

export interface Reception {
  readonly eventId: string
  /** Milliseconds since the epoch. */
  readonly receivedAt: number
}

const call = (sandbox: Sandbox, method: string, path: string, body?: unknown): Effect.Effect<Record<string, unknown>> =>
  Effect.promise(async () => {
    const answer = await fetch(`${sandbox.controlUrl}/_sandbox/${path}`, {
      method,
      ...(body === undefined ? {} : { body: JSON.stringify(body) })
    })
    return (await answer.json()) as Record<string, unknown>
  })

export const resetSandbox = (sandbox: Sandbox) => Effect.asVoid(call(sandbox, "POST", "reset"))

export const addFault = (sandbox: Sandbox, fault: Readonly<Record<string, unknown>>) =>
  Effect.asVoid(call(sandbox, "POST", "faults", fault))

export const removeFaults = (sandbox: Sandbox) => Effect.asVoid(call(sandbox, "DELETE", "faults"))

/** Everything that the platform took, in the order of its coming. */
export const receptions = (sandbox: Sandbox, platform: string): Effect.Effect<ReadonlyArray<Reception>> =>
  Effect.map(call(sandbox, "GET", `events?platform=${platform}&limit=1000000`), ({ events }) =>
    (events as ReadonlyArray<Received>).map((one) => ({
      eventId: one.event_id ?? one.body?.template?.components?.[0]?.parameters?.[0]?.text ?? "",
      receivedAt: one.received_at
    }))
  )

/** A message carries no event id; the chaos suite's template has the order id, which is the event's, as its parameter. */
interface Received {
  readonly event_id: string | null
  readonly received_at: number
  readonly body?: {
    readonly template?: {
      readonly components?: ReadonlyArray<{ readonly parameters?: ReadonlyArray<{ readonly text?: string }> }>
    }
  } | null
}

/** How many events the platform took up to now. */
export const taken = (sandbox: Sandbox, platform: string): Effect.Effect<number> =>
  Effect.map(call(sandbox, "GET", "stats"), ({ platforms }) => {
    const all = platforms as Record<string, { readonly events: number }>
    return all[platform]?.events ?? 0
  })
