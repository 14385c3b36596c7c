/**
 * The root key on the topic `identity-keys`, wrapped under the master key. Who finds none makes one. Programs that start together may
 * each make one: the first on the topic's only partition holds, and whoever sees others removes them.
 */
import { randomBytes } from "node:crypto"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import { SettingsService } from "../config/settings.ts"
import { KafkaClient, type KafkaError } from "../kafka/client.ts"
import { topicNames } from "../model/topics.ts"
import { type IdentityKey, makeIdentityKey, rootKeyBytes } from "./identity-key.ts"
import type { SealError, SealerShape } from "./sealer.ts"

/** The identity key of this deployment. Fails where its root key was wrapped under a master key that is not at hand. */
export const loadIdentityKey = (
  sealer: SealerShape
): Effect.Effect<IdentityKey, KafkaError | SealError, KafkaClient | SettingsService> =>
  Effect.gen(function* () {
    const found = yield* readCandidates
    const [first, ...others] = found.length > 0 ? found : yield* offerCandidate(sealer)
    if (first === undefined) return yield* Effect.die("The root key that was just written is not on its topic.")
    const root = yield* Effect.fromResult(sealer.open(first.wrapped, aadOf(first.name)))
    yield* write([
      ...others.map(({ name }) => ({ name, wrapped: null })),
      // Under the present master key, so that an earlier one is not needed any more.
      ...(isWrappedBy(sealer, first) ? [] : [wrap(sealer, first.name, root)])
    ])
    return makeIdentityKey(root)
  })

/** As `loadIdentityKey`, but changes nothing; null where no program has made a root key yet. */
export const readIdentityKey = (
  sealer: SealerShape
): Effect.Effect<IdentityKey | null, KafkaError | SealError, KafkaClient | SettingsService> =>
  Effect.gen(function* () {
    const [first] = yield* readCandidates
    if (first === undefined) return null
    return makeIdentityKey(yield* Effect.fromResult(sealer.open(first.wrapped, aadOf(first.name))))
  })

interface Candidate {
  /** The record's key. */
  readonly name: string
  readonly wrapped: Buffer
}

const topic = topicNames.identityKeys

/** In the order of the log, which all readers see alike. */
const readCandidates = Effect.gen(function* () {
  const kafka = yield* KafkaClient
  const name = (yield* SettingsService).topicPrefix + topic
  const candidates = new Map<string, Buffer>()
  const ranges = (yield* kafka.topicOffsets(name)).map(({ partition, low, high }) => ({
    partition,
    from: low,
    to: high
  }))
  yield* kafka.read({
    topic: name,
    ranges: ranges.filter(({ from, to }) => from < to),
    onRecords: (records) => {
      for (const { key, value } of records) {
        // What is written again stands behind the others from then on.
        candidates.delete(String(key))
        if (value !== null) candidates.set(String(key), Buffer.from(value))
      }
    }
  })
  return [...candidates].map(([name, wrapped]): Candidate => ({ name, wrapped }))
})

const offerCandidate = Effect.fnUntraced(function* (sealer: SealerShape) {
  const name = randomBytes(8).toString("hex")
  yield* write([wrap(sealer, name, randomBytes(rootKeyBytes))])
  return yield* readCandidates
})

const wrap = (sealer: SealerShape, name: string, root: Buffer): Candidate => ({
  name,
  wrapped: sealer.seal(root, aadOf(name))
})

const write = (candidates: ReadonlyArray<{ readonly name: string; readonly wrapped: Buffer | null }>) =>
  Effect.gen(function* () {
    if (candidates.length === 0) return
    const { topicPrefix } = yield* SettingsService
    const records = candidates.map(({ name, wrapped }) => ({ topic: topicPrefix + topic, key: name, value: wrapped }))
    yield* (yield* KafkaClient).produce(records)
  })

/** The same input gives the same bytes, so a key that seals otherwise is another one. */
const isWrappedBy = (sealer: SealerShape, { name, wrapped }: Candidate): boolean => {
  const opened = sealer.open(wrapped, aadOf(name))
  return Result.isSuccess(opened) && sealer.seal(opened.success, aadOf(name)).equals(wrapped)
}

const aadOf = (name: string): string => `identity-key:${name}`
