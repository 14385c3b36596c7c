/** Destroys the secrets of erased persons when their grace window is over, and of days whose records have been kept long enough. */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Metric from "effect/Metric"
import type { Suppression } from "../../../schemas/types.gen.ts"
import { Codecs } from "../../../shared/codec/codecs.ts"
import type { IdentityKey } from "../../../shared/credentials/identity-key.ts"
import { topicNames } from "../../../shared/model/topics.ts"
import type { Outbound, Step } from "../../../shared/runtime/contract.ts"
import { type IdWords, wordsOfBytes, wordsOfText } from "../../../shared/suppression/id-map.ts"
import type { Suppressions } from "../../../shared/suppression/suppressions.ts"
import { expiredDayIds, type PersonSecrets, secretRecord } from "./person-secrets.ts"

/**
 * A step for each check: the tombstones of what is due, and a log entry for each erasure that found a secret. The sealer is the one
 * writer of its partition, so no other instance goes on under a secret that is destroyed here.
 */
export const makeDestroyer = (
  { identity, erasures, suppressions }: DestroyOptions,
  secrets: PersonSecrets,
  partition: number
): Effect.Effect<Step, never, Codecs> => {
  let next = 0
  let waiting: ReadonlyArray<Erasure> = []
  let checkedDay = 0
  return Effect.gen(function* () {
    const codecs = yield* Codecs
    const now = yield* Clock.currentTimeMillis
    const seconds = Math.floor(now / 1_000)
    const due: Array<Erasure> = []
    const later: Array<Erasure> = []
    for (const erasure of [...waiting, ...erasures.all.slice(next)])
      (seconds > secondsOf(erasure) ? due : later).push(erasure)
    next = erasures.all.length
    waiting = later
    const outputs: Array<Outbound> = []
    const destroyed = new Map<string, number>()
    for (const erasure of due) {
      // Cancelled meanwhile, or a secret of a customer who came back later.
      if (erasure.isCancelled || !suppressions.isErased([erasure], 0) || !secrets.isFrom(erasure, secondsOf(erasure)))
        continue
      outputs.push(secretRecord(Buffer.from(erasure.personId, "base64url"), null, partition))
      destroyed.set(erasure.name, (destroyed.get(erasure.name) ?? 0) + 1)
      secrets.delete(erasure)
    }
    const today = Math.floor(now / dayMillis)
    if (today !== checkedDay) {
      for (const id of expiredDayIds(identity, now))
        if (secrets.delete(wordsOfBytes(id, 0))) outputs.push(secretRecord(id, null, partition))
      checkedDay = today
    }
    for (const [erasure, count] of destroyed) {
      const entry = { ...emptyEntry, erasure, timestamp: now, partition, secrets: count }
      const value = codecs.encode(topicNames.erasureLog, "erasure-log-entry", entry)
      outputs.push({ topic: topicNames.erasureLog, key: erasure, value })
      yield* Metric.update(destroyedSecrets, count)
    }
    if (outputs.length > 0) secrets.lastTombstoneAt = now
    if (now - secrets.lastTombstoneAt < rollMillis) outputs.push(rollRecord(now, partition))
    return { outputs }
  })
}

export interface DestroyOptions {
  readonly identity: IdentityKey
  readonly erasures: Erasures
  readonly suppressions: Suppressions
}

const secondsOf = ({ destroyAt }: Erasure): number => Math.floor(destroyAt / 1_000)

const emptyEntry = { step: "keys_destroyed", identifiers: 0, destroy_at: null, gone_by: null }

/**
 * Compaction leaves the open segment alone, and Kafka closes one only when something is written. So for a day after a tombstone there is
 * always something to write.
 */
const rollRecord = (now: number, partition: number): Outbound => ({
  topic: topicNames.personKeys,
  key: "roll",
  value: Buffer.from(String(now)),
  partition
})

const dayMillis = 86_400_000
const rollMillis = dayMillis

const destroyedSecrets = Metric.counter("capi_sealer_secrets_destroyed_total", {
  incremental: true,
  description: "Secrets of erased persons that were destroyed."
})

export interface Erasure extends IdWords {
  /** The id as base64url text. */
  readonly personId: string
  /** Id of the request. */
  readonly name: string
  /** When the secret is to be destroyed, in milliseconds since the epoch. */
  readonly destroyAt: number
  /** A later erasure of the same person has its own window. */
  isCancelled: boolean
}

/**
 * The erasures that were asked for, in the order of their records: each partition's sealer goes through them at its own pace. Appended
 * to while the program runs: `all` never gets shorter.
 */
export class Erasures {
  readonly all: Array<Erasure> = []

  /** Takes a record of the topic `suppressions`. */
  readonly add = (key: string, record: Suppression | null): void => {
    if (!key.startsWith("erased:")) return
    const personId = key.slice("erased:".length)
    if (record === null) for (const one of this.all) if (one.personId === personId) one.isCancelled = true
    if (record === null || record.erasure === null) return
    this.all.push({
      ...wordsOfText(personId, 0),
      personId,
      name: record.erasure,
      destroyAt: record.destroy_at ?? record.at,
      isCancelled: false
    })
  }
}
