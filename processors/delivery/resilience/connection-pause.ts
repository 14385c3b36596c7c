/**
 * Pauses a connection whose credential or configuration the platform refuses. Whoever waits for its end probes, one at a
 * time, with growing delays; when the probe succeeds all go on. There is no fiber in the background that could die unseen,
 * and a partition that is revoked while it waits leaves the probing to the next one.
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Semaphore from "effect/Semaphore"
import type { EventVerdict } from "../../../shared/connectors/connector.ts"

export interface ConnectionPause {
  /** Goes on at once if the connection is not paused; else probes until the platform works. */
  readonly await: Effect.Effect<void>
  /** Pauses the connection for the platform's reason. */
  readonly pause: (reason: EventVerdict) => Effect.Effect<void>
  /** A request was not refused: the next pause starts with short delays again. */
  readonly resetDelay: Effect.Effect<void>
  readonly paused: Effect.Effect<EventVerdict | null>
}

export interface ConnectionPauseOptions {
  /** Asks the platform whether host, account and credential work, with the credential read again. */
  readonly probe: Effect.Effect<EventVerdict>
  readonly settings: {
    /** Probes: after this, doubling up to the maximum. */
    readonly recoveryFirst: Duration.Duration
    readonly recoveryMax: Duration.Duration
  }
  /** Whether a first probe may help at once: a token can be exchanged again. */
  readonly refreshable: boolean
  /** Called on each change; null means not paused any more. */
  readonly onChange: (reason: EventVerdict | null) => Effect.Effect<void>
}

export const makeConnectionPause = (options: ConnectionPauseOptions): ConnectionPause => {
  let reason: EventVerdict | null = null
  let probes = 0
  const one = Semaphore.makeUnsafe(1)

  const recover = Effect.gen(function* () {
    while (reason !== null) {
      yield* Effect.sleep(delayBefore(probes, options))
      probes += 1
      const verdict = yield* options.probe
      if (isHealthy(verdict)) {
        reason = null
        yield* options.onChange(null)
      } else if (verdict.errorClass === "auth" || verdict.errorClass === "configuration") reason = verdict
    }
  })

  return {
    await: Effect.suspend(() => (reason === null ? Effect.void : one.withPermits(1)(recover))),
    pause: (verdict) =>
      Effect.suspend(() => {
        if (reason !== null) return Effect.void
        reason = verdict
        return options.onChange(verdict)
      }),
    resetDelay: Effect.sync(() => {
      probes = 0
    }),
    paused: Effect.sync(() => reason)
  }
}

/** Whether a verdict of the probe means that the platform takes the credential. */
export const isHealthy = (verdict: EventVerdict): boolean =>
  verdict.errorClass === "delivered" || verdict.errorClass === "accepted" || verdict.errorClass === "duplicate"

const delayBefore = (probes: number, { settings, refreshable }: ConnectionPauseOptions): Duration.Duration => {
  const doublings = refreshable ? probes - 1 : probes
  if (doublings < 0) return Duration.zero
  return Duration.min(Duration.times(settings.recoveryFirst, 2 ** Math.min(doublings, 20)), settings.recoveryMax)
}
