/**
 * Events that wait on the topics of deliveries for a connection without a delivery: it was removed from the file, or
 * renamed, or is disabled, or its id is now that of a connection of another platform. Retention would take them in silence.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import topicTable from "../../schemas/topics.json" with { type: "json" }
import { KafkaClient } from "../kafka/client.ts"
import { type Platform, platforms } from "../model/platform.ts"
import { headerNames, topicNames } from "../model/topics.ts"
import { positionsOf, storedPositions } from "../runtime/positions.ts"
import { readDecidedConnections } from "./decided-connections.ts"
import type { LedgerConnection } from "./read-ledger.ts"

export interface UnreadEvents {
  readonly connectionId: string
  readonly platform: Platform
  /** `other_platform`: the connection of this id has another platform now, whose delivery does not read them. */
  readonly state: "disabled" | "removed" | "other_platform"
  readonly events: number
}

interface Candidate {
  readonly id: string
  readonly platform: Platform
  readonly state: UnreadEvents["state"]
  /** When the mapper stopped to decide for it, in milliseconds; infinite where that is not known. */
  readonly end: number
}

/** `connections` are all of the file, `prefix` is that of topics and groups. Reads no more than what may wait. */
export const unreadEvents = Effect.fn("ledger.unreadEvents")(function* (
  connections: ReadonlyArray<LedgerConnection>,
  prefix: string
) {
  const kafka = yield* KafkaClient
  const candidates = yield* candidatesOf(connections, prefix)
  const counts = new Map<Candidate, number>()
  if (candidates.length === 0) return []
  const present = new Set(yield* kafka.listTopics)
  const now = yield* Clock.currentTimeMillis
  for (const platform of platforms) {
    for (const [name, row] of [
      [topicNames.mapped(platform), "mapped-events.{platform}"],
      [topicNames.retry(platform), "delivery-retry.{platform}"]
    ] as const) {
      const retention = topicTable.topics.find((topic) => topic.name === row)?.retention_ms ?? 0
      const waiting = candidates.filter((one) => one.platform === platform && now - one.end < retention)
      if (waiting.length > 0 && present.has(prefix + name)) yield* countWaiting(name, waiting, prefix, counts)
    }
  }
  return candidates.flatMap((one): ReadonlyArray<UnreadEvents> => {
    const { id, platform, state } = one
    const events = counts.get(one) ?? 0
    return events === 0 ? [] : [{ connectionId: id, platform, state, events }]
  })
})

/** What a person reads of it, with what to do. */
export const describeUnread = ({ connectionId, platform, state, events }: UnreadEvents): string => {
  const verb = events === 1 ? "event waits" : "events wait"
  const [why, remedy] = whyUnread[state]
  return `${events} ${verb} for the connection ${connectionId} (${platform}), which ${why}: ${remedy}, or make dead letters of them with ./capi give-up ${connectionId}.`
}

const whyUnread: Readonly<Record<UnreadEvents["state"], readonly [why: string, remedy: string]>> = {
  removed: ["is not in the file of connections", "put it back under this id"],
  disabled: ["is disabled", "enable it"],
  other_platform: [
    "is a connection of another platform now",
    "put the former one back under this id, and the new one under another id"
  ]
}

/** Connections that do not deliver and may have had events: by what the mapper wrote, and by the groups that there are. */
const candidatesOf = Effect.fnUntraced(function* (connections: ReadonlyArray<LedgerConnection>, prefix: string) {
  const kafka = yield* KafkaClient
  const decided = yield* readDecidedConnections(prefix)
  const found = new Map<string, Set<string>>()
  const add = (id: string, platform: string) => found.set(id, (found.get(id) ?? new Set()).add(platform))
  for (const [id, platform] of decided.known)
    for (const one of [platform, ...decided.earlierPlatformsOf(id)]) add(id, one)
  for (const { groupId } of yield* kafka.groups) {
    const platform = platforms.find((name) => groupId.startsWith(`${prefix}delivery-${name}.`))
    if (platform !== undefined) add(groupId.slice(`${prefix}delivery-${platform}.`.length), platform)
  }
  const file = new Map(connections.map((connection) => [connection.id, connection]))
  for (const { id, platform } of connections) add(id, platform)
  return [...found].flatMap(([id, all]) =>
    [...all].flatMap((platform): ReadonlyArray<Candidate> => {
      const state = stateOf(file.get(id), platform)
      if (state === null) return []
      return [{ id, platform: platform as Platform, state, end: decided.endOf(id, platform) }]
    })
  )
})

/** Why what is mapped for the platform is not delivered to the connection of the file; null where it is. */
const stateOf = (known: LedgerConnection | undefined, platform: string): UnreadEvents["state"] | null => {
  if (known === undefined) return "removed"
  if (known.platform !== platform) return "other_platform"
  return known.enabled === false ? "disabled" : null
}

const countWaiting = Effect.fnUntraced(function* (
  name: string,
  candidates: ReadonlyArray<Candidate>,
  prefix: string,
  counts: Map<Candidate, number>
) {
  const kafka = yield* KafkaClient
  const topic = prefix + name
  const committed = new Map<string, ReadonlyMap<number, number>>()
  // Of one platform, so that each id is there once.
  const byId = new Map(candidates.map((one) => [one.id, one]))
  const stored = yield* storedPositions(prefix)
  for (const { id, platform } of candidates) {
    const positions = yield* positionsOf(stored, prefix, `delivery-${platform}.${id}`, name)
    committed.set(id, new Map([...positions].map(([partition, next]) => [partition, next ?? 0])))
  }
  const logs = yield* kafka.topicOffsets(topic)
  const ends = yield* endsOf(topic, Math.max(...candidates.map(({ end }) => end)))
  yield* kafka.read({
    topic,
    ranges: logs.map(({ partition, low, high }) => {
      const first = Math.min(...candidates.map(({ id }) => committed.get(id)?.get(partition) ?? 0))
      return { partition, from: Math.max(low, first), to: ends?.get(partition) ?? high }
    }),
    onRecords: (records) => {
      for (const { partition, offset, headers } of records) {
        const one = byId.get(headers[headerNames.connection] ?? "")
        if (one === undefined || offset < (committed.get(one.id)?.get(partition) ?? 0)) continue
        counts.set(one, (counts.get(one) ?? 0) + 1)
      }
    }
  })
})

/** Nothing is written for a connection when the mapper has stopped to decide for it, but for what is redriven just then. */
const endsOf = Effect.fnUntraced(function* (topic: string, end: number) {
  if (!Number.isFinite(end)) return null
  const found = yield* (yield* KafkaClient).offsetsAt(topic, end + slackMillis)
  return new Map(found.map(({ partition, offset }) => [partition, offset])) as ReadonlyMap<number, number>
})

const slackMillis = 3_600_000
