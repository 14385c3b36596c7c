/** How the normalizer reads `sealed-events`: a record is opened, or its person was erased, or it is a problem. */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import { type IdentityKey, personIdBytes } from "../../../shared/credentials/identity-key.ts"
import { openEvent, sealedIdsOf } from "../../../shared/credentials/sealed-event.ts"
import { KafkaClient, type KafkaError } from "../../../shared/kafka/client.ts"
import { monotonicMillis } from "../../../shared/model/monotonic.ts"
import { topicNames } from "../../../shared/model/topics.ts"
import { type Inbound, type Restore, RuntimeOptions } from "../../../shared/runtime/contract.ts"
import { type IdWords, wordsOfBytes } from "../../../shared/suppression/id-map.ts"
import type { Suppressions } from "../../../shared/suppression/suppressions.ts"
import { type Problem, problem } from "../normalize/problem.ts"
import { isUnattributed, PersonSecrets } from "./person-secrets.ts"

export type Opened =
  | { readonly _tag: "Original"; readonly value: Buffer | null }
  /** Its secret was destroyed, or will be. */
  | { readonly _tag: "Erased" }
  | { readonly _tag: "Problem"; readonly problem: Problem }

export interface SealedReader {
  /** The secrets, before the first batch. */
  readonly restore: Restore<never, never>
  /** Reads what the sealer has written since, where a record needs it or a minute has passed. */
  readonly refresh: (records: ReadonlyArray<Inbound>) => Effect.Effect<void, KafkaError, KafkaClient>
  readonly open: (record: Inbound) => Opened
}

/** Of one partition: of `sealed-events`, whose secrets are in that of `person-keys`. */
export const makeSealedReader = (
  identity: IdentityKey,
  suppressions: Suppressions,
  partition: number
): SealedReader => {
  const secrets = new PersonSecrets()
  let next = 0
  let refreshedAt = Number.NEGATIVE_INFINITY
  const take = (records: ReadonlyArray<Inbound>): void => {
    for (const record of records) {
      secrets.restore(record)
      next = record.offset + 1
    }
  }
  const isMissing = ({ value }: Inbound): boolean => {
    const ids = sealedIdsOf(value)
    return ids !== null && !wordsOf(ids).every((id) => secrets.has(id))
  }
  /** A redrive brings a record with a new time: whether its secret is destroyed by now, the log says. */
  const mayBeDestroyed = ({ value }: Inbound): boolean => {
    const ids = suppressions.size === 0 ? null : sealedIdsOf(value)
    return ids !== null && suppressions.isErased(wordsOf(ids), 0)
  }
  return {
    restore: {
      topic: topicNames.personKeys,
      since: "beginning",
      until: "end",
      apply: (records) => Effect.sync(() => take(records))
    },
    // A sealed record and its secrets are one transaction: who reads the one finds the others in the log.
    refresh: Effect.fnUntraced(function* (records: ReadonlyArray<Inbound>) {
      const now = yield* monotonicMillis
      const age = now - refreshedAt
      const isDue = age >= refreshMillis || (age >= erasedRefreshMillis && records.some(mayBeDestroyed))
      if (!isDue && !records.some(isMissing)) return
      refreshedAt = now
      const kafka = yield* KafkaClient
      const topic = (yield* RuntimeOptions).prefix + topicNames.personKeys
      const end = (yield* kafka.topicOffsets(topic)).find((log) => log.partition === partition)?.high ?? 0
      if (next < end) yield* kafka.read({ topic, ranges: [{ partition, from: next, to: end }], onRecords: take })
      next = Math.max(next, end)
    }),
    open: (record) => {
      const ids = sealedIdsOf(record.value)
      // Another program's record is read as it is.
      if (ids === null || record.value === null) return { _tag: "Original", value: record.value }
      const words = wordsOf(ids)
      if (suppressions.isErased(words, record.timestamp)) return erased
      const found = secrets.secretsOf(ids)
      if (found !== null) {
        const opened = openEvent(identity, record.value, found)
        return Result.isSuccess(opened) ? { _tag: "Original", value: opened.success.value } : unreadable
      }
      // Without a word of an erasure, a secret that is gone is a loss.
      const isGone = suppressions.isErased(words, 0) || isUnattributed(identity, ids, record.timestamp)
      return isGone ? erased : missing
    }
  }
}

const wordsOf = (ids: Buffer): ReadonlyArray<IdWords> => {
  const words: Array<IdWords> = []
  for (let at = 0; at < ids.length; at += personIdBytes) words.push(wordsOfBytes(ids, at))
  return words
}

/** Destroyed secrets leave the memory after so long. */
const refreshMillis = 60_000
/** With records of persons who were erased once. */
const erasedRefreshMillis = 1_000

const erased: Opened = { _tag: "Erased" }
const missing: Opened = {
  _tag: "Problem",
  problem: problem(
    "secret_missing",
    "A secret that the sealed record needs is not on person-keys, and no one was erased."
  )
}
const unreadable: Opened = {
  _tag: "Problem",
  problem: problem("sealed_undecodable", "The sealed record does not open with its secrets and this root key.")
}
