/** The topic `sealing-keys`: with which master key personal data is sealed, by the id of the key. */

import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import { Codecs, type RegistryError } from "../codec/codecs.ts"
import { SettingsService } from "../config/settings.ts"
import { KafkaClient, type KafkaError } from "../kafka/client.ts"
import { topicNames } from "../model/topics.ts"

const topic = topicNames.sealingKeys

/** Writes the id of the key that a program seals with; tries until it is written, and holds nothing up meanwhile. */
export const announceSealingKey = (
  program: string,
  keyId: string
): Effect.Effect<void, never, Codecs | KafkaClient | SettingsService | Scope.Scope> =>
  Effect.gen(function* () {
    const kafka = yield* KafkaClient
    const codecs = yield* Codecs
    const { topicPrefix } = yield* SettingsService
    const timestamp = yield* Clock.currentTimeMillis
    const value = codecs.encode(topic, "sealing-key", { program, key_id: keyId, timestamp })
    yield* kafka.produce([{ topic: topicPrefix + topic, key: program, value }])
  }).pipe(
    Effect.tapError(retried("The id of the master key could not be written.")),
    Effect.retry(patiently),
    Effect.forkScoped,
    Effect.asVoid
  )

/** Follows what a program seals with, for as long as the scope is open. */
export const followSealingKey = (
  program: string,
  onKey: (keyId: string) => Effect.Effect<void>
): Effect.Effect<void, never, Codecs | KafkaClient | SettingsService | Scope.Scope> =>
  Effect.gen(function* () {
    const kafka = yield* KafkaClient
    const codecs = yield* Codecs
    const { topicPrefix } = yield* SettingsService
    const partitions = yield* kafka.topicOffsets(topicPrefix + topic)
    yield* kafka.read<RegistryError>({
      topic: topicPrefix + topic,
      ranges: partitions.map(({ partition, low }) => ({ partition, from: low, to: null })),
      onRecords: Effect.fnUntraced(function* (records) {
        yield* codecs.loadSchemas(records.map(({ value }) => value))
        const keys = records.flatMap(({ value }) => {
          const decoded = codecs.decode("sealing-key", value)
          return decoded._tag === "Decoded" && decoded.value.program === program ? [decoded.value.key_id] : []
        })
        const newest = keys.at(-1)
        if (newest !== undefined) yield* onKey(newest)
      })
    })
  }).pipe(
    Effect.tapError(retried("The ids of master keys could not be read.")),
    Effect.retry(patiently),
    Effect.forkScoped,
    Effect.asVoid
  )

const patiently = Schedule.min([Schedule.exponential("500 millis"), Schedule.spaced("30 seconds")])

const retried = (what: string) => (error: KafkaError | RegistryError) =>
  Effect.logWarning(`${what} It is tried again.`).pipe(
    Effect.annotateLogs({ reason: error.message, nextStep: error.nextStep })
  )
