/** Appends to a transactional producer: calls that wait for a running transaction go out together in the next one. */
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import * as Semaphore from "effect/Semaphore"
import type { KafkaError } from "../kafka/client.ts"
import type { Outbound } from "./contract.ts"

type Append = (records: ReadonlyArray<Outbound>) => Effect.Effect<void, KafkaError>

export const appendTogether = (append: Append): Append => {
  const oneAtATime = Semaphore.makeUnsafe(1)
  let waiting: Array<{ readonly records: ReadonlyArray<Outbound>; exit: Exit.Exit<void, KafkaError> | null }> = []
  return (records) =>
    Effect.suspend(() => {
      const call: (typeof waiting)[number] = { records, exit: null }
      waiting.push(call)
      return oneAtATime.withPermits(1)(
        Effect.suspend(() => {
          if (call.exit !== null) return call.exit
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
