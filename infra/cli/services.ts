/** Services of commands that talk to Kafka: the same settings and layers as the programs, with a shorter timeout. */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { Codecs } from "../../shared/codec/codecs.ts"
import { registryLayer } from "../../shared/codec/registry.ts"
import { loadSettings, type Settings, SettingsService } from "../../shared/config/settings.ts"
import { KafkaClient, type KafkaError } from "../../shared/kafka/client.ts"
import { layerKafka } from "../../shared/kafka/kafkajs/adapter.ts"
import { noAnswer } from "../../shared/kafka/unreachable.ts"
import { awaitBroker, kafkaOptionsOf, registryAddressOf } from "../../shared/runtime/services.ts"
import { withProgress } from "./progress.ts"

/** How long a command waits for a broker or a registry before it gives up. */
const timeout = Duration.seconds(8)

/**
 * Runs a command's work with a broker that answers.
 *
 * @param waits for the broker as long as a program does at its start (`STARTUP_TIMEOUT`)
 */
export const withKafka = <A, E, R>(given: Effect.Effect<A, E, R | KafkaClient | SettingsService>, waits = false) =>
  Effect.gen(function* () {
    const settings = yield* loadSettings
    const work = Effect.flatMap(KafkaClient, (client) => withProgress(client, settings.topicPrefix)).pipe(
      Effect.flatMap((client) => Effect.provideService(given, KafkaClient, client)),
      Effect.scoped
    )
    return yield* Effect.andThen(waits ? awaitBroker : reachable(settings), work).pipe(
      Effect.provide(Layer.merge(Layer.succeed(SettingsService, settings), layerKafka(kafkaOptionsOf(settings))))
    )
  })

/** Runs a command's work with a broker and a registry that answer. */
export const withKafkaAndCodecs = <A, E, R>(work: Effect.Effect<A, E, R | KafkaClient | SettingsService | Codecs>) =>
  withKafka(Effect.flatMap(SettingsService, (settings) => Effect.provide(work, registryOf(settings))))

export const registryOf = (settings: Settings) =>
  registryLayer({ ...registryAddressOf(settings.registry), prefix: settings.topicPrefix, startupTimeout: timeout })

const reachable = ({ kafka }: Settings) => {
  const silent = (cause: KafkaError | null) =>
    noAnswer(
      kafka.brokers,
      cause,
      "Check KAFKA_BROKERS, or start a local broker with `./capi up`.",
      kafka.sasl !== null
    )
  return Effect.flatMap(KafkaClient, (client) => client.listTopics).pipe(
    Effect.mapError((error) => (error.code === "unreachable" ? silent(error) : error)),
    Effect.timeoutOrElse({ duration: timeout, orElse: () => Effect.fail(silent(null)) })
  )
}
