/**
 * The committed offsets of the groups of a shared input's processors. No reading depends on them: they are for lag tools, and for people
 * who set them to replay. They follow the stored positions (`positions.ts`) within seconds, outside of transactions, one request
 * for all partitions of a group. The metadata of an offset says that the program committed it; one that was set by hand has none.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Latch from "effect/Latch"
import * as Metric from "effect/Metric"
import type * as Scope from "effect/Scope"
import * as Semaphore from "effect/Semaphore"
import { KafkaClient, type KafkaError, type TopicPartition } from "../kafka/client.ts"
import { monotonicMillisUnsafe } from "../model/monotonic.ts"

/** The metadata of offsets that the program commits. */
const offsetMetadata = "capi-relay"

/** A group's committed offset. */
export interface CommittedOffset {
  readonly offset: number
  /** Whether the program committed it, not a person or an earlier version. */
  readonly isOurs: boolean
}

/** As the broker gives it; undefined where nothing is committed. */
export const committedOffset = (found: {
  readonly offset: number | null
  readonly metadata: string
}): CommittedOffset | undefined =>
  found.offset === null ? undefined : { offset: found.offset, isOurs: found.metadata === offsetMetadata }

export interface GroupOffsets {
  /**
   * The committed offsets in one partition, by group; none where nothing is committed. A reading that began before the call does not
   * count, since the partition's earlier owner may have committed meanwhile; partitions that are opened together share one.
   */
  readonly load: (topic: string, partition: number) => Effect.Effect<ReadonlyMap<string, CommittedOffset>, KafkaError>
  /** The group's processor has come so far: to be committed soon. `onCommitted` is called after each commit. */
  readonly moved: (groupId: string, at: TopicPartition, next: number, onCommitted?: () => void) => void
  /** Commits at once what is due of the partition, which is given up then. Does not fail: positions are exact without. */
  readonly leave: (at: TopicPartition) => Effect.Effect<void>
  /** The partition failed or was lost: another member commits for it. */
  readonly forget: (at: TopicPartition) => void
}

interface Entry {
  readonly at: TopicPartition
  next: number
  isDue: boolean
  /** In milliseconds since the epoch. */
  committedAt: number
  readonly onCommitted: (() => void) | undefined
}

/** How often, and how many groups at a time: so that hundreds of them never come to the broker at once. */
const commitMillis = 1_000
const groupsAtATime = 20
const requestsAtATime = 8
/** What does not go away by itself at once, else the tenth in a row. */
const isLasting = (error: KafkaError, failures: number): boolean =>
  error.code === "unreachable" || error.code === "timeout" ? failures === failuresMax : failures === 1
const failuresMax = 10
const failedCommits = Metric.counter("capi_group_offset_failures_total", {
  description: "Commits of the offsets of groups without members that failed; they are tried again.",
  incremental: true
})
/** The broker forgets offsets of a group without members after seven days (`offsets.retention.minutes`). */
const repeatMillis = 24 * 3_600_000

/** Of these groups in these topics (the broker's names). Commits in the background until the scope closes. */
export const makeGroupOffsets = (
  groups: ReadonlyArray<string>,
  topics: ReadonlyArray<string>
): Effect.Effect<GroupOffsets, never, KafkaClient | Scope.Scope> =>
  Effect.gen(function* () {
    const client = yield* KafkaClient
    const clock = yield* Clock.Clock
    /** By partition and group. */
    const entries = new Map<string, Map<string, Entry>>()
    /** The longest due first. */
    const due = new Set<string>()
    const changed = Latch.makeUnsafe(false)

    /** By group: how often its commit failed since it last succeeded. */
    const failures = new Map<string, number>()
    /** A broker that restarts fails a few: a warning when it lasts, once until it succeeds again. */
    const warnOnce = (groupId: string, error: KafkaError): Effect.Effect<void> => {
      const count = (failures.get(groupId) ?? 0) + 1
      failures.set(groupId, count)
      const text =
        "The committed offset of a group does not follow its position: lag tools show it behind. Nothing is sent twice for it."
      const log = isLasting(error, count) ? Effect.logWarning(text) : Effect.logDebug(text)
      return Effect.annotateLogs(log, {
        group: groupId,
        failures: count,
        reason: error.message,
        nextStep: error.nextStep
      })
    }

    const commit = (groupId: string): Effect.Effect<void> =>
      Effect.suspend(() => {
        due.delete(groupId)
        const found = [...entries.values()].flatMap((groups) => groups.get(groupId) ?? []).filter(({ isDue }) => isDue)
        if (found.length === 0) return Effect.void
        const offsets = found.map(({ at, next }) => ({ ...at, next }))
        for (const entry of found) entry.isDue = false
        return client.commitOffsets(groupId, offsets, offsetMetadata).pipe(
          Effect.andThen(
            Effect.sync(() => {
              const now = monotonicMillisUnsafe(clock)
              failures.delete(groupId)
              for (const entry of found) {
                entry.committedAt = now
                entry.onCommitted?.()
              }
            })
          ),
          Effect.catch((error) =>
            Effect.suspend(() => {
              for (const entry of found) entry.isDue = true
              due.add(groupId)
              return Effect.andThen(Metric.update(failedCommits, 1), warnOnce(groupId, error))
            })
          )
        )
      })

    const repeatOld = (now: number) => {
      for (const groups of entries.values())
        for (const [groupId, entry] of groups)
          if (now - entry.committedAt > repeatMillis) {
            entry.isDue = true
            due.add(groupId)
          }
    }

    const commitDue = Effect.gen(function* () {
      let repeatedAt = monotonicMillisUnsafe(clock)
      while (true) {
        changed.closeUnsafe()
        if (due.size === 0) yield* Effect.timeoutOption(changed.await, "1 hour")
        const now = monotonicMillisUnsafe(clock)
        if (now - repeatedAt >= 3_600_000) {
          repeatedAt = now
          repeatOld(now)
        }
        yield* Effect.sleep(commitMillis)
        yield* Effect.forEach([...due].slice(0, groupsAtATime), commit, { concurrency: requestsAtATime, discard: true })
      }
    })
    yield* Effect.forkScoped(commitDue)

    return {
      load: loadTogether(client, groups, topics),
      moved: (groupId, at, next, onCommitted) => {
        const name = nameOf(at)
        const groups = entries.get(name) ?? new Map<string, Entry>()
        entries.set(name, groups)
        const known = groups.get(groupId)
        if (known === undefined)
          groups.set(groupId, {
            at,
            next,
            isDue: true,
            committedAt: monotonicMillisUnsafe(clock),
            onCommitted
          })
        else {
          known.next = next
          known.isDue = true
        }
        due.add(groupId)
        changed.openUnsafe()
      },
      leave: (at) =>
        Effect.suspend(() => {
          const groups = entries.get(nameOf(at))
          const affected = [...due].filter((groupId) => groups?.get(groupId)?.isDue === true)
          return Effect.forEach(affected, commit, { concurrency: requestsAtATime * 2, discard: true })
        }).pipe(Effect.timeoutOption("5 seconds"), Effect.andThen(Effect.sync(() => void entries.delete(nameOf(at))))),
      forget: (at) => void entries.delete(nameOf(at))
    }
  })

const nameOf = ({ topic, partition }: TopicPartition) => `${topic}/${partition}`

/** Reads the offsets of all groups in all partitions at once. */
const loadTogether = (
  client: KafkaClient["Service"],
  groups: ReadonlyArray<string>,
  topics: ReadonlyArray<string>
): GroupOffsets["load"] => {
  const oneAtATime = Semaphore.makeUnsafe(1)
  let order = 0
  let known = { order: -1, offsets: new Map<string, Map<string, CommittedOffset>>() }
  const load = Effect.gen(function* () {
    const begun = order++
    const offsets = new Map<string, Map<string, CommittedOffset>>()
    for (const found of yield* client.committedOfGroups(groups, topics)) {
      const ofPartition = offsets.get(nameOf(found)) ?? new Map<string, CommittedOffset>()
      offsets.set(nameOf(found), ofPartition)
      const committed = committedOffset(found)
      if (committed !== undefined) ofPartition.set(found.groupId, committed)
    }
    known = { order: begun, offsets }
  })
  return (topic, partition) =>
    Effect.suspend(() => {
      const asked = order++
      return oneAtATime.withPermit(Effect.suspend(() => (known.order > asked ? Effect.void : load)))
    }).pipe(Effect.map(() => known.offsets.get(nameOf({ topic, partition })) ?? new Map()))
}
