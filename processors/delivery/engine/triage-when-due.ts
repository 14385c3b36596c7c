/** Decodes and sorts the records of a batch; one of delayed retries none of which is due waits first. */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { dueAt, futureToleranceMillis } from "../../../shared/connectors/mapping/start.ts"
import type { Inbound, Outbound } from "../../../shared/runtime/contract.ts"
import type { DeliveryContextShape } from "./delivery-context.ts"
import type { DeliveryEvent } from "./outcome.ts"
import { type Triage, triage } from "./triage.ts"

export interface BatchRecords {
  readonly records: ReadonlyArray<Inbound>
  /** For other partitions. */
  readonly moved: ReadonlyArray<Outbound>
}

export interface Triaged extends Triage {
  readonly moved: ReadonlyArray<Outbound>
}

/** Decodes and sorts the records; delayed retries none of which is due are held first. */
export const triageWhenDue = (delivery: DeliveryContextShape, batch: BatchRecords): Effect.Effect<Triaged> => {
  const sorted = Effect.map(Clock.currentTimeMillis, (now) => triageAt(delivery, batch, now))
  return Effect.flatMap(sorted, (first) =>
    isDue(first) ? Effect.succeed(first) : Effect.andThen(holdUntilDue(delivery, first.early), sorted)
  )
}

/** Decodes and sorts the records, due or not. */
export const triageAt = (delivery: DeliveryContextShape, { records, moved }: BatchRecords, now: number): Triaged => ({
  ...triage(records, { ...delivery, now, bytesPerRequest: delivery.limits.bytesPerRequest }),
  moved
})

/** Whether there is anything in it but delayed retries that are not due. */
export const isDue = ({ ready, early }: Triaged): boolean => ready.length > 0 || early.length === 0

/**
 * A batch of delayed retries none of which is due waits for the first one; not for ever, as later records may be due
 * before, and not at all where so many wait that it took long to come round to these.
 */
const holdUntilDue = (
  { connection, connector, settings }: DeliveryContextShape,
  early: ReadonlyArray<DeliveryEvent>
): Effect.Effect<void> =>
  Effect.flatMap(Clock.currentTimeMillis, (now) => {
    const least = (numberOf: (event: DeliveryEvent) => number) =>
      early.reduce((lowest, event) => Math.min(lowest, numberOf(event)), Number.MAX_SAFE_INTEGER)
    const round = now - least(({ record }) => record.timestamp)
    if (round >= Duration.toMillis(settings.delayedRound)) return Effect.void
    const tolerance = futureToleranceMillis(connection, connector)
    const first = least(({ event }) => dueAt(event, tolerance))
    return Effect.sleep(Duration.min(Duration.millis(Math.max(0, first - now)), settings.delayedHold))
  })
