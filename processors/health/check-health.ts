/**
 * A connection's health on demand: its state, what waits for it and what was published of its last hour are read at this time,
 * without the health processor. The cost does not depend on how many events there were.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type { ConnectorHealthStatus } from "../../schemas/types.gen.ts"
import { latestValues } from "../../shared/codec/read-values.ts"
import { unreadEvents } from "../../shared/ledger/unread-events.ts"
import { isOutdated } from "../../shared/model/health-age.ts"
import type { Platform } from "../../shared/model/platform.ts"
import { topicNames } from "../../shared/model/topics.ts"
import { assess } from "./assess.ts"
import { measureBacklog } from "./backlog-watch.ts"
import { spanOf } from "./issues.ts"
import { noTotals, type Totals } from "./window.ts"

export interface CheckedConnection {
  readonly id: string
  readonly platform: Platform
  readonly enabled: boolean
  readonly credential: string
  readonly testEventCode: string | null
}

/** Rounds of counting a backlog: a million records of a partition at most. */
const roundsMax = 20

/** The health of connections by their ids, computed now. `prefix` is that of topics and groups. */
export const checkHealth = Effect.fn("health.check")(function* (
  connections: ReadonlyArray<CheckedConnection>,
  prefix: string
) {
  const now = yield* Clock.currentTimeMillis
  const states = yield* latestValues(topicNames.state, "connector-state")
  const published = yield* latestValues(topicNames.health, "connector-health-status")
  const unread = new Map((yield* unreadEvents(connections, prefix)).map((one) => [one.connectionId, one]))
  const backlogs = yield* countAll(
    connections.filter(({ enabled }) => enabled),
    prefix
  )
  return new Map(
    connections.map((connection) => {
      const last = published.get(connection.id)
      const { health } = assess(
        {
          connectionId: connection.id,
          platform: connection.platform,
          credential: connection.credential,
          isTest: connection.testEventCode !== null,
          totals: last === undefined ? noTotals : totalsOf(last),
          lastSuccessAt: last?.last_success_at ?? null,
          lastDeliveryAt: last?.last_success_at ?? null,
          state: states.get(connection.id),
          unread: unread.get(connection.id),
          backlog: backlogs.get(connection.id) ?? null,
          before: last?.cause == null || last.since === null ? null : { cause: last.cause, since: last.since }
        },
        now
      )
      return [connection.id, withAge(health, last, now)] as const
    })
  )
})

const countAll = Effect.fnUntraced(function* (connections: ReadonlyArray<CheckedConnection>, prefix: string) {
  const measure = yield* measureBacklog({ connections, prefix, isHeld: () => true })
  let found = yield* measure
  for (let round = 1; round < roundsMax && [...found.values()].some(({ isMinimum }) => isMinimum); round++)
    found = yield* measure
  return found
})

/** The hour's figures are the health processor's: that they are old, or absent, is an issue too. */
const withAge = (health: ConnectorHealthStatus, last: ConnectorHealthStatus | undefined, now: number) => {
  const age = last === undefined ? null : now - last.last_check
  if (last !== undefined && !isOutdated(last.last_check, now)) return health
  const since =
    age === null
      ? "has published nothing yet"
      : age < 0
        ? `published last at a time that is ${spanOf(-age)} ahead of this clock`
        : `has published nothing for ${spanOf(age)}`
  const issue = `the health processor ${since}, so the figures of the last hour are not known; see that it runs (\`./capi run health\`)`
  const status = health.status === "healthy" ? "degraded" : health.status
  return { ...health, status, issues: [...health.issues, issue] }
}

const totalsOf = ({ outcomes_1h, error_count_1h, avg_latency_ms }: ConnectorHealthStatus): Totals => ({
  succeeded: (outcomes_1h["delivered"] ?? 0) + (outcomes_1h["accepted"] ?? 0),
  failed: error_count_1h,
  latencyMillis: avg_latency_ms,
  timed: avg_latency_ms > 0 ? 1 : 0,
  outcomes: new Map(Object.entries(outcomes_1h)),
  reasons: new Map()
})
