/** What the platforms received: counters and fingerprints for all of it, ids and full bodies up to a bound. */
import { makeFingerprints } from "./fingerprints.ts"
import type { JsonObject } from "./platform.ts"

/** Seconds for which the platforms remember an event id: 48 hours. */
const windowSeconds = 48 * 3600

export interface StoreOptions {
  /** Newest events kept with their body. */
  readonly bodiesMax: number
  /** Distinct (platform, asset, event id) kept by name, for lists. Beyond it events are still counted. */
  readonly idsMax: number
}

export interface Received {
  readonly platform: string
  /** The account: dataset, pixel, operating account, phone number. */
  readonly asset: string
  readonly event_name: string
  readonly event_id: string | null
  /** When it was received, in milliseconds since the epoch. */
  readonly received_at: number
  readonly duplicate: boolean
  /** The event as it stood in the request; null where bodies are not kept. */
  readonly body: JsonObject | null
}

export interface PlatformStats {
  readonly requests: number
  readonly bytes: number
  /** Events that the platform took, repeats included. */
  readonly events: number
  readonly distinct: number
  readonly duplicates: number
  readonly rejected: Readonly<Record<string, number>>
  readonly warnings: Readonly<Record<string, number>>
  readonly statuses: Readonly<Record<string, number>>
}

export interface Query {
  readonly platform: string | null
  readonly asset: string | null
  readonly eventId: string | null
  readonly limit: number
}

export type Store = ReturnType<typeof makeStore>

/** Counts for each of the servers that `platforms` names. */
export const makeStore = (options: StoreOptions, platforms: ReadonlyArray<string>) => {
  const fingerprints = makeFingerprints()
  const counters = new Map(platforms.map((platform) => [platform, emptyCounters()]))
  const ids = new Map<string, number>()
  let bodies: Array<Received> = []
  let oldest = 0
  let idsLost = 0

  const keep = (received: Received) => {
    if (options.bodiesMax === 0) return
    if (bodies.length < options.bodiesMax) bodies.push(received)
    else bodies[oldest++ % options.bodiesMax] = received
  }

  const chronological = () => {
    const start = bodies.length < options.bodiesMax ? 0 : oldest % options.bodiesMax
    return start === 0 ? bodies : [...bodies.slice(start), ...bodies.slice(0, start)]
  }

  const countId = (platform: string, asset: string, eventId: string) => {
    const key = `${platform}\t${asset}\t${eventId}`
    const before = ids.get(key)
    if (before !== undefined || ids.size < options.idsMax) ids.set(key, (before ?? 0) + 1)
    else idsLost++
  }

  /** Takes one event; `key` is what the platform deduplicates by, null where it does not. True for a repeat. */
  const receive = (
    platform: string,
    event: Omit<Received, "platform" | "duplicate"> & { readonly key: string | null }
  ): boolean => {
    const count = counters.get(platform)!
    const second = Math.floor(event.received_at / 1000)
    const duplicate = event.key !== null && fingerprints.add(`${platform}\t${event.key}`, second, windowSeconds) > 0
    count.events++
    if (duplicate) count.duplicates++
    else count.distinct++
    if (event.event_id !== null) countId(platform, event.asset, event.event_id)
    const { key: _, ...kept } = event
    keep({ platform, ...kept, duplicate })
    return duplicate
  }

  const list = (query: Query, atLeast: number) => {
    const found: Array<{ platform: string; asset: string; event_id: string; count: number }> = []
    for (const [key, count] of ids) {
      if (found.length >= query.limit) break
      const [platform, asset, eventId] = key.split("\t") as [string, string, string]
      if (count >= atLeast && matches(query, { platform, asset, event_id: eventId }))
        found.push({ platform, asset, event_id: eventId, count })
    }
    return found
  }

  return {
    receive,
    request: (platform: string, bytes: number) => {
      const count = counters.get(platform)!
      count.requests++
      count.bytes += bytes
    },
    answered: (platform: string, status: number) => increment(counters.get(platform)!.statuses, String(status), 1),
    reject: (platform: string, reason: string, events: number) =>
      increment(counters.get(platform)!.rejected, reason, events),
    warn: (platform: string, message: string) => increment(counters.get(platform)!.warnings, message, 1),
    events: (query: Query): ReadonlyArray<Received> =>
      chronological()
        .filter((received) => matches(query, received))
        .slice(-query.limit),
    ids: (query: Query) => ({ ids: list(query, 1), not_listed: idsLost }),
    duplicates: (query: Query) => ({ duplicates: list(query, 2), not_listed: idsLost }),
    stats: (): Readonly<Record<string, PlatformStats>> =>
      Object.fromEntries(
        [...counters].map(([platform, count]) => [
          platform,
          {
            ...count,
            rejected: Object.fromEntries(count.rejected),
            warnings: Object.fromEntries(count.warnings),
            statuses: Object.fromEntries(count.statuses)
          }
        ])
      ),
    reset: () => {
      fingerprints.clear()
      ids.clear()
      bodies = []
      oldest = 0
      idsLost = 0
      for (const platform of platforms) counters.set(platform, emptyCounters())
    }
  }
}

const emptyCounters = () => ({
  requests: 0,
  bytes: 0,
  events: 0,
  distinct: 0,
  duplicates: 0,
  rejected: new Map<string, number>(),
  warnings: new Map<string, number>(),
  statuses: new Map<string, number>()
})

/** Reasons are a bounded set in practice; the bound keeps a hostile client from growing the map for ever. */
const reasonsMax = 1000

const increment = (map: Map<string, number>, key: string, amount: number) => {
  const known = map.has(key) || map.size < reasonsMax ? key : "other"
  map.set(known, (map.get(known) ?? 0) + amount)
}

const matches = (
  query: Query,
  event: { readonly platform: string; readonly asset: string; readonly event_id: string | null }
): boolean =>
  (query.platform === null || query.platform === event.platform) &&
  (query.asset === null || query.asset === event.asset) &&
  (query.eventId === null || query.eventId === event.event_id)
