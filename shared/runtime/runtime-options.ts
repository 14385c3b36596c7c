/** Settings of the runtime that are the same for every processor of a program. */
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Layer from "effect/Layer"

export interface RuntimeOptionsShape {
  /** Put before every topic's, group's and transaction's name. */
  readonly prefix: string
  /** Where a group begins that has committed nothing yet. */
  readonly startAt: "earliest" | "latest"
  /** Bytes of one partition that are fetched and not yet committed; fetching pauses above. */
  readonly bytesInFlightMax: number
  /** Complete steps are committed together up to so many bytes of outputs. */
  readonly commitBytesMax: number
  /** How long a stop waits for the steps in flight. */
  readonly drainTimeout: Duration.Duration
  /** How long the first join may take before `run` fails; null tries for ever. Later losses are always retried. */
  readonly joinDeadline: Duration.Duration | null
  readonly reopenDelayMin: Duration.Duration
  readonly reopenDelayMax: Duration.Duration
  /** Offsets of records that were only passed over are committed this often. */
  readonly idleCommitEvery: Duration.Duration
  /** A partition whose records stay away for twice this long, though the broker has some, makes the member join anew. */
  readonly stallCheckEvery: Duration.Duration
}

export const defaultRuntimeOptions: RuntimeOptionsShape = {
  prefix: "",
  startAt: "earliest",
  bytesInFlightMax: 4 * 1_048_576,
  commitBytesMax: 4 * 1_048_576,
  drainTimeout: Duration.seconds(20),
  joinDeadline: Duration.seconds(60),
  reopenDelayMin: Duration.millis(250),
  reopenDelayMax: Duration.seconds(30),
  idleCommitEvery: Duration.seconds(1),
  stallCheckEvery: Duration.seconds(45)
}

export const RuntimeOptions = Context.Reference<RuntimeOptionsShape>("shared/runtime/RuntimeOptions", {
  defaultValue: () => defaultRuntimeOptions
})

export const layerRuntimeOptions = (options: Partial<RuntimeOptionsShape>): Layer.Layer<never> =>
  Layer.succeed(RuntimeOptions, { ...defaultRuntimeOptions, ...options })
