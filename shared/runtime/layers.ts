/** The services that every program stands on, built from the settings. */

import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schedule from "effect/Schedule"
import type { Codecs, RegistryError } from "../codec/codecs.ts"
import { registryLayer } from "../codec/registry.ts"
import { type Settings, SettingsService } from "../config/settings.ts"
import type { Connections } from "../connections/connections.ts"
import type { ConnectionsError } from "../connections/problem.ts"
import { connectionsLayer } from "../connectors/load-connections.ts"
import { Credentials } from "../credentials/credentials.ts"
import { KafkaClient, KafkaError } from "../kafka/client.ts"
import { layerKafka } from "../kafka/kafkajs/adapter.ts"
import type { KafkaOptions } from "../kafka/options.ts"
import type { Readiness } from "../telemetry/readiness.ts"
import { layerRuntimeOptions } from "./runtime-options.ts"

type Services = KafkaClient | Codecs | Credentials | Connections

/** What the work of a program may ask for. */
export type ProgramServices = Services | SettingsService | Readiness

export const kafkaOptionsOf = ({ kafka }: Settings): KafkaOptions => ({
  brokers: kafka.brokers,
  clientId: kafka.clientId,
  ssl: kafka.ssl,
  sessionTimeoutMillis: kafka.sessionTimeoutMillis,
  ...(kafka.sasl === null ? {} : { sasl: kafka.sasl })
})

/** The Kafka client of the settings; connects at the first use. */
export const kafkaLayer: Layer.Layer<KafkaClient, never, SettingsService> = Layer.unwrap(
  Effect.map(SettingsService, (settings) => layerKafka(kafkaOptionsOf(settings)))
)

/**
 * Waits until the broker answers, so that a wrong address ends a program rather than leaving it up without work. Once it
 * has answered, a program outlives its broker's outages.
 */
export const brokerAnswers: Effect.Effect<void, KafkaError, KafkaClient | SettingsService> = Effect.gen(function* () {
  const kafka = yield* KafkaClient
  const { startPatience, kafka: settings } = yield* SettingsService
  const unreachable = new KafkaError({
    code: "unreachable",
    operation: "connect",
    message: `Kafka does not answer at ${settings.brokers.join(", ")}.`,
    nextStep: "Start it, or correct KAFKA_BROKERS.",
    cause: null
  })
  yield* kafka.listTopics.pipe(
    Effect.retry({ schedule: Schedule.spaced("1 second"), while: ({ code }) => code !== "unauthorized" }),
    Effect.timeoutOrElse({ duration: startPatience, orElse: () => Effect.fail(unreachable) })
  )
})

/** Codecs over the registry of the settings; fails where it does not answer within its patience. */
export const codecsLayer: Layer.Layer<Codecs, RegistryError, SettingsService> = Layer.unwrap(
  Effect.map(SettingsService, ({ registry, topicPrefix, startPatience }) =>
    registryLayer({
      url: registry.url,
      prefix: topicPrefix,
      startupTimeout: startPatience,
      ...(registry.username === null || registry.password === null
        ? {}
        : { username: registry.username, password: registry.password })
    })
  )
)

const runtimeLayer: Layer.Layer<never, never, SettingsService> = Layer.unwrap(
  Effect.map(SettingsService, ({ topicPrefix }) => layerRuntimeOptions({ prefix: topicPrefix }))
)

/** Everything a processor needs; the file of connections is read first, since its errors are the quickest to tell. */
export const servicesLayer: Layer.Layer<Services, ConnectionsError | RegistryError, SettingsService> = Layer.mergeAll(
  kafkaLayer,
  codecsLayer,
  Credentials.layer,
  runtimeLayer
).pipe(Layer.provideMerge(connectionsLayer))
