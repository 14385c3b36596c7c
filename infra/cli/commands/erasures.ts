/** `./capi erasures`: the proof of each erasure, without personal data. */
import * as Effect from "effect/Effect"
import type { ErasureLogEntry } from "../../../schemas/types.gen.ts"
import { readValues } from "../../../shared/codec/read-values.ts"
import { topicNames } from "../../../shared/model/topics.ts"
import { Command } from "../cli.ts"
import { type Paint, show, table } from "../output.ts"
import { withKafkaAndCodecs } from "../services.ts"

export const erasures = Command.make("erasures", {}, () =>
  withKafkaAndCodecs(
    Effect.gen(function* () {
      const proofs = yield* readProofs
      yield* show({ erasures: proofs }, (paint) => toText(proofs, paint))
    })
  )
).pipe(
  Command.withDescription(
    "List the erasures: when each was asked for, when its secrets were destroyed, and when all is gone"
  )
)

/** Of each erasure, in the order in which they were asked for. */
export const readProofs = Effect.gen(function* () {
  const proofs = new Map<string, Proof>()
  yield* readValues({
    topic: topicNames.erasureLog,
    schema: "erasure-log-entry",
    from: { _tag: "Beginning" },
    onValue: (entry) => take(proofs, entry)
  })
  return [...proofs.values()]
})

interface Proof {
  readonly erasure: string
  readonly requested_at: number
  readonly identifiers: number
  readonly destroy_at: number | null
  readonly gone_by: number | null
  /** Secrets destroyed so far, and when the last of them was; null before the first. */
  readonly secrets: number
  readonly destroyed_at: number | null
  /** Identifiers for which it was cancelled, and when last; null where it was for none. */
  readonly cancelled: number
  readonly cancelled_at: number | null
}

const take = (proofs: Map<string, Proof>, { erasure, step, timestamp, ...entry }: ErasureLogEntry): void => {
  if (step === "requested")
    proofs.set(erasure, {
      erasure,
      requested_at: timestamp,
      identifiers: entry.identifiers,
      destroy_at: entry.destroy_at,
      gone_by: entry.gone_by,
      secrets: 0,
      destroyed_at: null,
      cancelled: 0,
      cancelled_at: null
    })
  const proof = proofs.get(erasure)
  if (step === "cancelled" && proof !== undefined)
    proofs.set(erasure, {
      ...proof,
      cancelled: proof.cancelled + entry.identifiers,
      cancelled_at: timestamp,
      gone_by: proof.cancelled + entry.identifiers < proof.identifiers ? proof.gone_by : null
    })
  if (step === "keys_destroyed" && proof !== undefined)
    proofs.set(erasure, { ...proof, secrets: proof.secrets + entry.secrets, destroyed_at: timestamp })
}

const toText = (proofs: ReadonlyArray<Proof>, paint: Paint): string =>
  proofs.length === 0
    ? "No erasures."
    : table(
        ["ERASURE", "REQUESTED", "IDENTIFIERS", "CANCELLED", "SECRETS DESTROYED", "AT", "ALL GONE BY"],
        proofs.map((proof) => [
          proof.erasure,
          timeOf(proof.requested_at),
          proof.identifiers,
          proof.cancelled,
          proof.secrets,
          timeOf(proof.destroyed_at),
          timeOf(proof.gone_by)
        ]),
        paint
      )

const timeOf = (millis: number | null): string | null =>
  millis === null ? null : `${new Date(millis).toISOString().slice(0, 19)}Z`
