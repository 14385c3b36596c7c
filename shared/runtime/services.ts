/** The services of every program, from the settings, and the wait at its start until they answer. */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schedule from "effect/Schedule"
import topicTable from "../../schemas/topics.json" with { type: "json" }
import type { Codecs, RegistryError } from "../codec/codecs.ts"
import { registryLayer } from "../codec/registry.ts"
import type { RegistryAddress } from "../codec/registry-client.ts"
import { type Settings, SettingsService } from "../config/settings.ts"
import { Connections } from "../connections/connections.ts"
import { didYouMean } from "../connections/did-you-mean.ts"
import type { ConnectionsError } from "../connections/yaml-tree.ts"
import { connectionsLayer } from "../connectors/load-connections.ts"
import type { CredentialsError } from "../credentials/credential.ts"
import { Credentials } from "../credentials/credentials.ts"
import { KeyRing } from "../credentials/key-ring.ts"
import { KafkaClient, KafkaError } from "../kafka/client.ts"
import { layerKafka } from "../kafka/kafkajs/adapter.ts"
import type { KafkaOptions } from "../kafka/options.ts"
import { noAnswer } from "../kafka/unreachable.ts"
import { monotonicMillis } from "../model/monotonic.ts"
import { isBetweenPrograms, isWrittenByOthers } from "../model/topics.ts"
import { layerRuntimeOptions } from "./contract.ts"
import { Readiness } from "./health.ts"
import { checkTopicRights } from "./topic-rights.ts"

type Services = KafkaClient | Codecs | Credentials | Connections | KeyRing

/** What the work of a program may ask for. */
export type ProgramServices = Services | SettingsService | Readiness

export const kafkaOptionsOf = ({ kafka, topicPrefix }: Pick<Settings, "kafka" | "topicPrefix">): KafkaOptions => ({
  brokers: kafka.brokers,
  clientId: kafka.clientId,
  ssl: kafka.ssl,
  sessionTimeoutMillis: kafka.sessionTimeoutMillis,
  writtenByOthers: (topic) => isWrittenByOthers(topic.slice(topicPrefix.length)),
  compressedTopics: (topic) => kafka.compression === "zstd" && isBetweenPrograms(topic.slice(topicPrefix.length)),
  ...(kafka.sasl === null ? {} : { sasl: kafka.sasl })
})

export const registryAddressOf = ({ url, username, password, tls }: Settings["registry"]): RegistryAddress => ({
  url,
  ...(Object.keys(tls).length === 0 ? {} : { tls }),
  ...(username === null || password === null ? {} : { username, password })
})

/** The Kafka client of the settings; connects at the first use. */
const kafkaLayer: Layer.Layer<KafkaClient, never, SettingsService> = Layer.unwrap(
  Effect.map(SettingsService, (settings) => layerKafka(kafkaOptionsOf(settings)))
)

/** Codecs over the registry of the settings; fails where it does not answer within STARTUP_TIMEOUT. */
const codecsLayer: Layer.Layer<Codecs, RegistryError, SettingsService> = Layer.unwrap(
  Effect.map(SettingsService, ({ registry, topicPrefix, startupTimeout }) =>
    registryLayer({ ...registryAddressOf(registry), prefix: topicPrefix, startupTimeout })
  )
)

const runtimeLayer: Layer.Layer<never, never, SettingsService> = Layer.unwrap(
  Effect.map(SettingsService, ({ topicPrefix }) => layerRuntimeOptions({ prefix: topicPrefix }))
)

/** Everything a processor needs. The file of connections is read first: its errors need no broker. */
export const servicesLayer: Layer.Layer<
  Services,
  ConnectionsError | CredentialsError | RegistryError,
  SettingsService
> = Layer.mergeAll(
  kafkaLayer,
  codecsLayer,
  Credentials.layer.pipe(Layer.provideMerge(KeyRing.layer)),
  runtimeLayer
).pipe(Layer.provideMerge(connectionsLayer))

/**
 * Waits until the broker answers, so that a wrong address ends a program rather than leaving it up without work. Once it
 * has answered, a program outlives its broker's outages.
 */
export const awaitBroker: Effect.Effect<void, KafkaError, KafkaClient | SettingsService> = Effect.gen(function* () {
  const kafka = yield* KafkaClient
  const { startupTimeout, kafka: settings } = yield* SettingsService
  let last: KafkaError | null = null
  yield* kafka.listTopics.pipe(
    Effect.tapError((error) =>
      Effect.sync(() => {
        last = error
      })
    ),
    Effect.retry({ schedule: Schedule.spaced("1 second"), while: ({ code }) => code !== "unauthorized" }),
    Effect.timeoutOrElse({
      duration: startupTimeout,
      orElse: () =>
        Effect.fail(noAnswer(settings.brokers, last, "Start it, or correct KAFKA_BROKERS.", settings.sasl !== null))
    })
  )
})

/**
 * Waits until all topics of the programs exist, since programs and topics are often started together; meanwhile readiness and
 * the log name those that are missing. Fails after STARTUP_TIMEOUT. Without its topics a member would wait without an error.
 */
export const awaitTopics = Effect.fnUntraced(function* (programs: ReadonlyArray<string>) {
  const kafka = yield* KafkaClient
  const readiness = yield* Readiness
  const { enabled } = yield* Connections
  const { topicPrefix, startupTimeout } = yield* SettingsService
  const platforms = enabled.map(({ platform }) => platform)
  const needed = [...new Set(programs.flatMap((program) => topicsOf(program, platforms)))]
  const startedAt = yield* monotonicMillis
  let warnedAt = Number.NEGATIVE_INFINITY
  for (;;) {
    const present = yield* Effect.retry(kafka.listTopics, { times: 5 })
    const missing = missingTopics(needed, present, topicPrefix)
    yield* checkTopicRights(programs, needed)
    if (missing === null) return yield* readiness.remove("topics")
    const now = yield* monotonicMillis
    if (now - startedAt >= Duration.toMillis(startupTimeout)) return yield* missing
    yield* readiness.set("topics", false, `${missing.message} ${missing.nextStep}`)
    if (now - startedAt >= graceMillis && now - warnedAt >= warnEveryMillis) {
      warnedAt = now
      yield* Effect.logWarning(`${missing.message} ${missing.nextStep}`)
    }
    yield* Effect.sleep("1 second")
  }
})

/** No warning before. */
const graceMillis = 2_000
const warnEveryMillis = 20_000

/** The topics (logical names) that a program reads or writes, with connections to these platforms. */
export const topicsOf = (program: string, platforms: ReadonlyArray<string>): ReadonlyArray<string> => {
  const platform = program.startsWith("delivery-") ? program.slice("delivery-".length) : null
  // A delivery without a connection has nothing to do.
  if (platform !== null && !platforms.includes(platform)) return []
  return topicTable.topics
    .filter(({ programs }) => programs.includes(program) || (platform !== null && programs.includes("delivery")))
    .flatMap(({ name }) => {
      if (!name.includes("{platform}")) return [name]
      return (platform === null ? [...new Set(platforms)] : [platform]).map((each) => name.replace("{platform}", each))
    })
}

/** The error that names the topics that are missing; null where all exist. */
export const missingTopics = (
  needed: ReadonlyArray<string>,
  present: ReadonlyArray<string>,
  prefix: string
): KafkaError | null => {
  const existing = new Set(present)
  const missing = needed.map((name) => prefix + name).filter((name) => !existing.has(name))
  if (missing.length === 0) return null
  const named = missing.slice(0, namedMax).join(", ")
  const more = missing.length > namedMax ? ` and ${missing.length - namedMax} more` : ""
  return new KafkaError({
    code: "unknown_topic",
    operation: "look for the topics",
    message: `Topics are missing (CAPI_TOPIC_PREFIX is ${prefix === "" ? "empty" : prefix}): ${named}${more}.`,
    nextStep: missing.length < needed.length ? create : `${create}${otherPrefixes(needed, present, prefix)}`,
    cause: null
  })
}

const namedMax = 5
const create = "Create them by ./capi topics --create, with the same KAFKA_BROKERS and CAPI_TOPIC_PREFIX."

/** Prefixes with which the broker has all of the topics, the one that is most like the given one first. */
const otherPrefixes = (needed: ReadonlyArray<string>, present: ReadonlyArray<string>, prefix: string): string => {
  const [first] = needed
  if (first === undefined) return ""
  const existing = new Set(present)
  const found = present
    .filter((name) => name.endsWith(first))
    .map((name) => name.slice(0, -first.length))
    .filter((other) => other !== prefix && needed.every((name) => existing.has(other + name)))
  const nearest = didYouMean(prefix, found)
  const named = [...new Set(nearest === null ? found : [nearest, ...found])]
    .slice(0, 3)
    .map((other) => (other === "" ? "an empty CAPI_TOPIC_PREFIX" : `CAPI_TOPIC_PREFIX=${other}`))
  return named.length === 0 ? "" : ` The broker has such topics with ${named.join(" or ")}.`
}
