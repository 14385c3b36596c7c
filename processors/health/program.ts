/** The health processor as a program, and beside it the continuous ledger. */
import * as Effect from "effect/Effect"
import { SettingsError, SettingsService } from "../../shared/config/settings.ts"
import { Connections } from "../../shared/connections/connections.ts"
import { type Observe, observeAll, RuntimeObserver } from "../../shared/runtime/observer.ts"
import { type Program, processorsProgram } from "../../shared/runtime/program.ts"
import { health } from "./health.ts"
import { ledgerEvery, watchLedger } from "./ledger-watch.ts"
import { watchUnread } from "./unread-watch.ts"

export const healthProgram: Program = {
  name: "health",
  work: Effect.gen(function* () {
    const { all, enabled } = yield* Connections
    const { topicPrefix } = yield* SettingsService
    const every = yield* Effect.mapError(
      Effect.suspend(() => ledgerEvery),
      wrongEvery
    )
    let owned = 0
    const countOwned: Observe = (event) => {
      if (event.type === "assigned") owned = event.partitions.length
      if (event.type === "left") owned = 0
    }
    const observe = observeAll(yield* RuntimeObserver, countOwned)
    const isActive = () => owned > 0
    const ledger = watchLedger({ connections: enabled, prefix: topicPrefix, every, isActive })
    const unread = yield* watchUnread({ connections: all, prefix: topicPrefix, isActive })
    const processor = processorsProgram(
      "health",
      Effect.sync(() => [health(unread.found)])
    )
    yield* Effect.all([Effect.provideService(processor.work, RuntimeObserver, observe), ledger, unread.watch], {
      concurrency: "unbounded",
      discard: true
    })
  })
}

const wrongEvery = (cause: Error): SettingsError =>
  new SettingsError({
    code: "invalid",
    message: "The setting LEDGER_EVERY is wrong.",
    nextStep: "Give a duration such as 1 minute; 0 millis switches the continuous ledger off.",
    cause
  })
