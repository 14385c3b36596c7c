/**
 * Whether this program can open the recipients that the normalizer seals (WhatsApp). Both derive their key from
 * `CAPI_MASTER_KEY`; the normalizer writes the id of its key to `sealing-keys` when it starts, so that another key is found
 * before the first message comes. An event that was sealed under a key that is not at hand is found when it comes.
 */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import type * as Stream from "effect/Stream"
import * as SubscriptionRef from "effect/SubscriptionRef"
import type { EventVerdict, OpenRecipient } from "../../../shared/connectors/connector.ts"
import { openRecipient, type SealError, type SealerShape } from "../../../shared/credentials/sealer.ts"

export interface RecipientKey {
  readonly open: OpenRecipient
  /** Takes note of the key (its id) that the normalizer seals with. */
  readonly announced: (keyId: string) => Effect.Effect<void>
  /** The keys of this program have changed. */
  readonly reloaded: Effect.Effect<void>
  /** Why recipients can't be opened, as far as is known; the class is `configuration`. */
  readonly problem: () => EventVerdict | null
  /** The problem now, and after each announcement. */
  readonly changes: Stream.Stream<EventVerdict | null>
}

/** @param sealerNow of this program's master keys as they are now; null where it has none that can be used */
export const makeRecipientKey = (sealerNow: () => SealerShape | null): Effect.Effect<RecipientKey> =>
  Effect.gen(function* () {
    let sealedWith: string | null = null
    /** An event came that is sealed under a key that this program does not have. */
    let unopened: EventVerdict | null = null
    const problem = (): EventVerdict | null => {
      const sealer = sealerNow()
      if (sealer === null) return noMasterKey
      if (unopened !== null) return unopened
      return sealedWith === null || sealer.opensKey(sealedWith) ? null : anotherKey(sealedWith, sealer.keyId)
    }
    const observed = yield* SubscriptionRef.make(problem())
    return {
      open: (sealed, eventId) => {
        const sealer = sealerNow()
        if (sealer === null) return Result.fail(noMasterKey)
        const opened = openRecipient(sealer, sealed, eventId)
        if (Result.isSuccess(opened)) return Result.succeed(opened.success)
        const verdict = verdictOf(opened.failure)
        if (verdict.errorClass === "configuration") unopened = verdict
        return Result.fail(verdict)
      },
      announced: (keyId) =>
        Effect.suspend(() => {
          sealedWith = keyId
          return SubscriptionRef.set(observed, problem())
        }),
      reloaded: Effect.suspend(() => {
        unopened = null
        return SubscriptionRef.set(observed, problem())
      }),
      problem,
      changes: SubscriptionRef.changes(observed)
    }
  })

const verdictOf = ({ code, message, nextStep }: SealError): EventVerdict =>
  code === "other_key" || code === "wrong_key_or_tampered"
    ? {
        errorClass: "configuration",
        reasonCode: "master_key_differs",
        message: `The recipient of an event can't be opened. ${message}`,
        nextStep
      }
    : {
        errorClass: "invalid_event",
        reasonCode: "recipient_unreadable",
        message: `The sealed recipient can't be opened. ${message}`,
        nextStep
      }

const noMasterKey: EventVerdict = {
  errorClass: "configuration",
  reasonCode: "no_master_key",
  message: "CAPI_MASTER_KEY is not set or too weak, so the recipients of messages can't be opened.",
  nextStep: "Set CAPI_MASTER_KEY to the normalizer's and start this program again; what waits is sent then."
}

const anotherKey = (theirs: string, ours: string): EventVerdict => ({
  errorClass: "configuration",
  reasonCode: "master_key_differs",
  message: `The normalizer seals recipients under another CAPI_MASTER_KEY (key id ${theirs}) than this program has (key id ${ours}).`,
  nextStep:
    "Give both the same CAPI_MASTER_KEY; after a change of it, the earlier one as CAPI_MASTER_KEY_PREVIOUS. What waits is sent then."
})
