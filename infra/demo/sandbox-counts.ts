/** What the platforms' sandboxes say they got, as anyone can ask them over HTTP. */
import * as Effect from "effect/Effect"
import type { Sandbox } from "../sandbox/sandbox.ts"

export interface SandboxCounts {
  readonly platform: string
  readonly requests: number
  /** Events taken, repeats included. */
  readonly received: number
  readonly distinct: number
  /** Events that the platform had already, by its deduplication key. */
  readonly repeats: number
  readonly refused: number
}

interface Stats {
  readonly platforms: Readonly<
    Record<
      string,
      {
        readonly requests: number
        readonly events: number
        readonly distinct: number
        readonly duplicates: number
        readonly rejected: Readonly<Record<string, number>>
      }
    >
  >
}

/** One entry for each platform that was asked anything; none where the sandboxes do not answer. */
export const sandboxCounts = (sandbox: Sandbox): Effect.Effect<ReadonlyArray<SandboxCounts>> =>
  Effect.tryPromise(() =>
    fetch(`${sandbox.controlUrl}/_sandbox/stats`).then((response) => response.json() as Promise<Stats>)
  ).pipe(
    Effect.map(({ platforms }) =>
      Object.entries(platforms).flatMap(([platform, stats]) =>
        stats.requests === 0 ? [] : [{ platform, ...countsOf(stats) }]
      )
    ),
    Effect.orElseSucceed(() => [])
  )

const countsOf = (stats: Stats["platforms"][string]): Omit<SandboxCounts, "platform"> => ({
  requests: stats.requests,
  received: stats.events,
  distinct: stats.distinct,
  repeats: stats.duplicates,
  refused: Object.values(stats.rejected).reduce((sum, count) => sum + count, 0)
})
