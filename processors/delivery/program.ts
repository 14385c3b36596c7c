/** The delivery program of a platform: one processor for each of its enabled connections, each with separate services. */
import * as Effect from "effect/Effect"
import * as Metric from "effect/Metric"
import * as Schedule from "effect/Schedule"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { Codecs, RegistryError } from "../../shared/codec/codecs.ts"
import { type SettingsError, SettingsService } from "../../shared/config/settings.ts"
import type { Connection } from "../../shared/connections/connection.ts"
import { Connections } from "../../shared/connections/connections.ts"
import { type Connector, opensNothing } from "../../shared/connectors/connector.ts"
import {
  type HttpTransport,
  type HttpTransportOptions,
  httpTransportDefaults,
  sharingTransport
} from "../../shared/connectors/http/http-client.ts"
import { makeSockets, type Sockets } from "../../shared/connectors/http/http-pool.ts"
import { connectorFor } from "../../shared/connectors/registry.ts"
import type { CredentialsError } from "../../shared/credentials/credential.ts"
import { Credentials } from "../../shared/credentials/credentials.ts"
import { KeyRing } from "../../shared/credentials/key-ring.ts"
import { requiredSealer, sealerOfRing } from "../../shared/credentials/sealer.ts"
import { followSealingKey } from "../../shared/credentials/sealing-keys.ts"
import { KafkaClient, type KafkaError } from "../../shared/kafka/client.ts"
import { cachedFor } from "../../shared/model/monotonic.ts"
import type { Platform } from "../../shared/model/platform.ts"
import { headerNames, topicNames } from "../../shared/model/topics.ts"
import { type DependencyState, Readiness } from "../../shared/runtime/health.ts"
import { produced, writeTogether } from "../../shared/runtime/pipeline.ts"
import { type Program, sharedInputProgram } from "../../shared/runtime/program.ts"
import type { SharedInput } from "../../shared/runtime/shared-input.ts"
import { followSuppressions } from "../../shared/suppression/follow-suppressions.ts"
import { noSuppressions } from "../../shared/suppression/suppressions.ts"
import { ComputedGauge, gauge } from "../../shared/telemetry/series.ts"
import { DeliveryServices, type DeliveryServicesShape } from "./engine/delivery-services.ts"
import { type DeliveryError, deliveryProcessor } from "./engine/processor.ts"
import { makeRecipientKey, type RecipientKey } from "./engine/recipient-key.ts"
import { poolOptionsOf, settingsOf } from "./engine/settings.ts"
import { fitHeap } from "./heap-size.ts"
import { serveWebhooks } from "./outcomes/webhook.ts"

/** Delivers to every enabled connection of the platform, and serves its webhook where it has one. */
export const deliveryProgram = (platform: Platform): Program => {
  const deliveries = sharedInputProgram(`delivery-${platform}`, deliveryInput(platform))
  return {
    name: deliveries.name,
    concerns: (connection) => connection.platform === platform,
    work: Effect.gen(function* () {
      const { enabledOf } = yield* Connections
      const webhooks = yield* serveWebhooks(enabledOf(platform))
      yield* Effect.all([deliveries.work, ...webhooks], { concurrency: "unbounded", discard: true })
    })
  }
}

type Services = Codecs | Connections | Credentials | KafkaClient | KeyRing | Readiness | SettingsService | Scope.Scope

/**
 * The enabled connections of the platform as processors that share their input: the header of a record names its connection.
 * Google's have two kinds of connector.
 */
const deliveryInput = (
  platform: Platform
): Effect.Effect<
  SharedInput<DeliveryError, never>,
  KafkaError | CredentialsError | RegistryError | SettingsError,
  Services
> =>
  Effect.gen(function* () {
    const { enabledOf } = yield* Connections
    const { topicPrefix } = yield* SettingsService
    const connections = enabledOf(platform)
    const topics = [topicNames.mapped(platform), topicNames.retry(platform)]
    const isSealed = connections.some(({ kind }) => connectorFor(kind).sealedRecipients === true)
    // Messages wait for a key that is missing; any other delivery does not start without one.
    const sealer = isSealed ? sealerOfRing(yield* KeyRing) : yield* requiredSealer
    const recipientKey = isSealed ? yield* recipientKeyOf : undefined
    const partitionsTotal = connections.length === 0 ? Effect.succeed(0) : yield* partitionCount(topics, topicPrefix)
    yield* fitHeap(connections.length, yield* partitionsTotal)
    const suppressions = connections.length === 0 ? noSuppressions : yield* followSuppressions()
    const kafka = yield* KafkaClient
    // At a start all connections publish their state, and in an outage of the platform.
    const publish = writeTogether((records) => kafka.produce(records.map((record) => produced(topicPrefix, record))))
    const socketsFor = yield* sharedSockets
    const common: CommonServices = { recipientKey, sealer, partitionsTotal, suppressions, publish, socketsFor }
    const processors = yield* Effect.forEach(connections, (connection) =>
      Effect.gen(function* () {
        const connector = connectorFor(connection.kind)
        const services = yield* makeServices(connector, connection, common)
        const processor = deliveryProcessor({ connector, connection, settings: settingsOf(connection) })
        return yield* Effect.provideService(processor, DeliveryServices, services)
      })
    )
    const names = new Map(connections.map(({ id }, index) => [id, processors[index]!.name]))
    const processorOf: SharedInput["processorOf"] = ({ headers }) => names.get(headers[headerNames.connection] ?? "")
    return { name: `delivery-${platform}`, topics, processorOf, processors }
  })

/** What the connections of a program share. */
interface CommonServices
  extends Pick<DeliveryServicesShape, "sealer" | "partitionsTotal" | "suppressions" | "publish"> {
  readonly recipientKey: RecipientKey | undefined
  readonly socketsFor: (options: Partial<HttpTransportOptions>) => Effect.Effect<Sockets>
}

/**
 * Accounts of one platform have the same host, mostly: they share open connections, so that hundreds of accounts that send a request now and then
 * do not open one each. Those with other times have others. They end with the scope.
 */
const sharedSockets = Effect.map(Effect.scope, (scope): CommonServices["socketsFor"] => {
  const known = new Map<string, Sockets>()
  return (options) => {
    const { connectTimeoutMillis, idleMillis, connectionLifeMillis } = { ...httpTransportDefaults, ...options }
    const times = { connectTimeoutMillis, idleMillis, connectionLifeMillis }
    const name = JSON.stringify(times)
    const found = known.get(name)
    if (found !== undefined) return Effect.succeed(found)
    return Effect.tap(Scope.provide(makeSockets(times), scope), (made) => Effect.sync(() => known.set(name, made)))
  }
})

/** The services of one connection: HTTP within its own limits, its credential, writes to Kafka. */
const makeServices = Effect.fnUntraced(function* (
  connector: Connector,
  connection: Connection,
  { recipientKey, sealer, partitionsTotal, suppressions, publish, socketsFor }: CommonServices
) {
  const credentials = yield* Credentials
  const options = poolOptionsOf(connection, connector)
  const transport = sharingTransport(yield* socketsFor(options), options)
  yield* observePool(transport, connection)
  return {
    execute: transport.execute,
    secret: credentials.resolve(connection.credential, connector.credential),
    secretStoredAt: credentials.storedAt(connection.credential),
    open: recipientKey?.open ?? opensNothing,
    ...(recipientKey === undefined ? {} : { recipientKey }),
    sealer,
    publish,
    partitionsTotal,
    suppressions
  } satisfies DeliveryServicesShape
})

/** This program's key for recipients, compared with the normalizer's; /readyz says why it does not open them. */
const recipientKeyOf = Effect.gen(function* () {
  const ring = yield* KeyRing
  let sealer = sealerOfRing(ring)
  const sealerNow = () => {
    sealer ??= sealerOfRing(ring)
    return sealer
  }
  const key = yield* makeRecipientKey(sealerNow)
  // The first of the changes are the keys that it has already.
  yield* Effect.forkScoped(Stream.runForEach(Stream.drop(ring.changes, 1), () => key.reloaded))
  const { addSource } = yield* Readiness
  yield* addSource((): Record<string, DependencyState> => {
    const problem = key.problem()
    return problem === null
      ? {}
      : { "master key": { healthy: false, reason: `${problem.message ?? ""} ${problem.nextStep ?? ""}`.trim() } }
  })
  yield* followSealingKey("normalizer", key.announced)
  return key
})

/** How many partitions the topics have together; the number known before where the broker does not answer. */
const partitionCount = Effect.fnUntraced(function* (topics: ReadonlyArray<string>, prefix: string) {
  const kafka = yield* KafkaClient
  const count = Effect.map(
    Effect.forEach(topics, (topic) => kafka.topicOffsets(prefix + topic)),
    (counts) => counts.reduce((sum, partitions) => sum + partitions.length, 0)
  )
  // Topics may be on their way to be created.
  let known = yield* Effect.retry(count, Schedule.max([Schedule.spaced("1 second"), Schedule.recurs(30)]))
  const counted = Effect.map(count, (total) => {
    known = total
    return total
  })
  // The partitions of an assignment are opened at once, and ask once.
  return yield* cachedFor(
    Effect.catch(counted, () => Effect.sync(() => known)),
    "5 seconds"
  )
})

/** Gauges of the connection's pool, which ask it when they are read. They end with the scope. */
const observePool = (
  { statistics }: HttpTransport["Service"],
  connection: Connection
): Effect.Effect<void, never, Scope.Scope> => {
  const attributes = { connection: connection.id, platform: connection.platform }
  return Effect.flatMap(Metric.MetricRegistry, (registry) => {
    for (const { gauge, of } of poolGauges) gauge.set(registry, attributes, new ComputedGauge(statistics, of))
    return Effect.addFinalizer(() =>
      Effect.sync(() => {
        for (const { gauge } of poolGauges) gauge.remove(registry, attributes)
      })
    )
  })
}

type Statistics = HttpTransport["Service"]["statistics"]

const poolGauges = [
  {
    gauge: gauge("capi_delivery_pool_open_connections", "Connections to the platform that requests are using."),
    of: (pool: Statistics) => Effect.runSync(pool).open
  },
  {
    gauge: gauge("capi_delivery_pool_active_requests", "Requests under way."),
    of: (pool: Statistics) => Effect.runSync(pool).active
  },
  {
    gauge: gauge("capi_delivery_pool_waiting_requests", "Requests that wait for a connection."),
    of: (pool: Statistics) => Effect.runSync(pool).waiting
  }
]
