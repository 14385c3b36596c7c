/** The master keys of a running program. Where a setting is a reference, a changed key is taken without a restart. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Schedule from "effect/Schedule"
import type * as Stream from "effect/Stream"
import * as SubscriptionRef from "effect/SubscriptionRef"
import { SettingsService } from "../config/settings.ts"
import { CurrentKnownSecrets } from "../telemetry/redaction.ts"
import type { CredentialsError } from "./credential.ts"
import { areReferences, type MasterKeys, readMasterKeys } from "./master-key.ts"

export class KeyRing extends Context.Service<
  KeyRing,
  {
    readonly now: () => MasterKeys
    /** The keys now, and after each change. */
    readonly changes: Stream.Stream<MasterKeys>
  }
>()("shared/credentials/KeyRing") {
  /** The keys of the settings; fails where a source of them cannot be read at the start. */
  static readonly layer: Layer.Layer<KeyRing, CredentialsError, SettingsService> = Layer.effect(
    KeyRing,
    Effect.gen(function* () {
      const settings = yield* SettingsService
      const known = yield* CurrentKnownSecrets
      const read = Effect.tap(readMasterKeys(settings), ({ current, previous }) =>
        Effect.sync(() => {
          for (const key of [current, ...previous]) if (key !== null) known.add(key)
        })
      )
      const ref = yield* SubscriptionRef.make(yield* read)
      if (areReferences(settings)) yield* Effect.forkScoped(follow(ref, read, settings.secretsEvery))
      return { now: () => SubscriptionRef.getUnsafe(ref), changes: SubscriptionRef.changes(ref) }
    })
  )
}

// A source that is away leaves the keys that are known: what they sealed must be opened meanwhile.
const follow = (
  ref: SubscriptionRef.SubscriptionRef<MasterKeys>,
  read: Effect.Effect<MasterKeys, CredentialsError>,
  every: Parameters<typeof Schedule.spaced>[0]
) =>
  Effect.gen(function* () {
    const found = yield* read
    const before = SubscriptionRef.getUnsafe(ref)
    if (nameOf(found) === nameOf(before)) return
    if (found.current === null && before.current !== null)
      return yield* Effect.logWarning(
        "The master key was changed to one that is not usable; the one before stays in use."
      ).pipe(Effect.annotateLogs({ reason: found.problem?.message ?? "", nextStep: found.problem?.nextStep ?? "" }))
    yield* SubscriptionRef.set(ref, found)
    yield* Effect.log("The master key was changed; it is in use from now on.")
  }).pipe(
    Effect.catch((error) =>
      Effect.logWarning("The master key could not be read again; the one before stays in use.").pipe(
        Effect.annotateLogs({ reason: error.message, nextStep: error.nextStep })
      )
    ),
    Effect.repeat(Schedule.spaced(every)),
    Effect.delay(every)
  )

const nameOf = ({ current, previous }: MasterKeys): string =>
  JSON.stringify([current, ...previous].map((key) => (key === null ? null : Redacted.value(key))))
