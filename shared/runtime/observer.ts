/** What the runtime tells about its work, for metrics, health and watchdogs. Topics are logical names (no prefix). */
import * as Context from "effect/Context"

interface AtPartition {
  readonly processor: string
  readonly topic: string
  readonly partition: number
}

export type RuntimeEvent =
  /** A new generation of the group: exactly these partitions are ours. None is a standby's fate, and healthy. */
  | {
      readonly type: "assigned"
      readonly processor: string
      readonly partitions: ReadonlyArray<{ readonly topic: string; readonly partition: number }>
    }
  /** Not a member any more: stopped, or lost and about to join again. */
  | { readonly type: "left"; readonly processor: string; readonly reason: string }
  /** State is restored and records flow from `position`. */
  | (AtPartition & { readonly type: "opened"; readonly position: number; readonly millis: number })
  | (AtPartition & { readonly type: "closed" })
  /** The partition failed and is opened again after the delay. */
  | (AtPartition & {
      readonly type: "reopening"
      readonly reason: string
      readonly failures: number
      readonly delayMillis: number
    })
  /**
   * Records `from` to `to` (exclusive) are not in the log any more and were never processed: retention was too short. Where
   * `to` is less, the log was made anew and is read from there.
   */
  | (AtPartition & { readonly type: "lost"; readonly from: number; readonly to: number })
  | (AtPartition & { readonly type: "batch"; readonly records: number; readonly bytes: number })
  /** A transaction is through. `next` is the offset committed; null if the output had no input (a tick). */
  | (AtPartition & {
      readonly type: "committed"
      readonly next: number | null
      readonly steps: number
      readonly outputs: number
      readonly millis: number
    })
  /** After each fetch and commit. `lag` in records, control records included, behind the end that the broker last told. */
  | (AtPartition & {
      readonly type: "progress"
      readonly lag: number
      readonly bytesInFlight: number
      readonly paused: boolean
    })

/** Called synchronously on the work's own path: it must be quick and must not throw. */
export type Observe = (event: RuntimeEvent) => void

export const RuntimeObserver = Context.Reference<Observe>("shared/runtime/RuntimeObserver", {
  defaultValue: () => () => undefined
})

export const observeAll =
  (...observers: ReadonlyArray<Observe>): Observe =>
  (event) => {
    for (const observe of observers) observe(event)
  }
