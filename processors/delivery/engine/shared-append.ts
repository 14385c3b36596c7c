/** Transactions that are few because those who wait share one. */
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import * as Semaphore from "effect/Semaphore"
import type { KafkaError } from "../../../shared/kafka/client.ts"
import type { Outbound } from "../../../shared/runtime/contract.ts"

type Append = (records: ReadonlyArray<Outbound>) => Effect.Effect<void, KafkaError>

/** Calls that wait for a running transaction go out together in the next one. */
export const sharedAppend = (append: Append): Append => {
  const turn = Semaphore.makeUnsafe(1)
  let waiting: Array<{ readonly records: ReadonlyArray<Outbound>; exit: Exit.Exit<void, KafkaError> | null }> = []
  return (records) =>
    Effect.suspend(() => {
      const own: (typeof waiting)[number] = { records, exit: null }
      waiting.push(own)
      return turn.withPermits(1)(
        Effect.suspend(() => {
          if (own.exit !== null) return own.exit
          const together = waiting
          waiting = []
          return Effect.onExit(append(together.flatMap((entry) => entry.records)), (exit) =>
            Effect.sync(() => {
              for (const entry of together) entry.exit = exit
            })
          )
        })
      )
    })
}
