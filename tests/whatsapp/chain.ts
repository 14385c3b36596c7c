/** WhatsApp's chain on the tests' broker: normalizer, mapper and delivery-whatsapp as programs, the sandbox in this process. */
import { writeFileSync } from "node:fs"
import path from "node:path"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { type PartialSandboxOptions, startSandbox } from "../../infra/sandbox/sandbox.ts"
import { createTopics } from "../../infra/topics/create-topics.ts"
import { Codecs, type Records, type SchemaName } from "../../shared/codec/codecs.ts"
import { registryLayer } from "../../shared/codec/registry.ts"
import { KafkaClient } from "../../shared/kafka/client.ts"
import { layerKafka } from "../../shared/kafka/kafkajs/adapter.ts"
import { readAll } from "../../shared/testing/kafka-probe.ts"
import { startablePrograms } from "../harness/programs.ts"
import { sandboxControl } from "../harness/sandbox-control.ts"
import { startTcpProxy } from "../harness/tcp-proxy.ts"
import { temporaryFolder } from "../harness/temporary-folder.ts"
import { testBrokers, testRegistryUrl, uniquePrefix } from "../harness/test-services.ts"

export const masterKey = "the-master-key-of-this-chain"
export const connectionId = "messages"

export type WhatsAppChain = Effect.Success<ReturnType<typeof startWhatsApp>>

/** Topics, sandbox and programs that are not started yet; `resilience` is YAML of the connection. */
export const startWhatsApp = Effect.fnUntraced(function* (
  resilience: string,
  sandboxOptions: PartialSandboxOptions = {}
) {
  const prefix = uniquePrefix("whatsapp")
  const folder = temporaryFolder()
  const sandbox = yield* startSandbox({ ...sandboxOptions, whatsapp: { pairWindowMillis: 0 } })
  const proxy = yield* startTcpProxy(sandbox.urls.whatsapp.replace("http://", ""))
  const file = path.join(folder, "connections.yaml")
  writeFileSync(
    file,
    `version: 1
connections:
  - id: ${connectionId}
    platform: whatsapp
    account: { phone_number_id: 106540352242922 }
    credential: env:WHATSAPP_TOKEN
    endpoint: { host: "http://${proxy.address}" }
    mapping: { templates: { purchase: { name: order_confirmation, language: en_US } } }
    resilience: ${resilience}
`
  )
  const programs = yield* startablePrograms(folder, {
    KAFKA_BROKERS: testBrokers().join(","),
    SCHEMA_REGISTRY_URL: testRegistryUrl(),
    CAPI_TOPIC_PREFIX: prefix,
    CAPI_CONNECTIONS: file,
    CAPI_MASTER_KEY: masterKey,
    WHATSAPP_TOKEN: "sandbox-whatsapp-token"
  })
  const context = yield* Layer.build(
    Layer.merge(layerKafka({ brokers: testBrokers() }), registryLayer({ url: testRegistryUrl(), prefix }))
  )
  yield* Effect.provide(createTopics(prefix), context)
  const run = <A, E>(effect: Effect.Effect<A, E, KafkaClient | Codecs>): Promise<A> =>
    Effect.runPromiseWith(context)(effect)
  return {
    prefix,
    programs,
    run,
    control: sandboxControl(sandbox.controlUrl),
    /** The way to the sandbox. */
    proxy,
    /** How many members the delivery's group has. */
    members: () =>
      run(
        KafkaClient.use((kafka) =>
          Effect.map(
            kafka.groups,
            (groups) =>
              groups.find(({ groupId }) => groupId === `${prefix}delivery-whatsapp.${connectionId}`)?.members ?? 0
          )
        )
      ),
    /** Publishes events, each for a person of its own. */
    publish: (ids: ReadonlyArray<string>) =>
      run(
        KafkaClient.use((kafka) =>
          kafka.produce(
            ids.map((id, index) => ({
              topic: `${prefix}raw-events`,
              key: id,
              value: Buffer.from(JSON.stringify(purchase(id, index)))
            }))
          )
        )
      ),
    /** The results of each event, in the order of their writing. */
    results: () =>
      run(
        Effect.map(decodedOf(`${prefix}delivery-results`, "event-delivery-log"), (all) =>
          Map.groupBy(all, ({ event_id }) => event_id)
        )
      ),
    /** The connections' states, in the order of their writing. */
    states: () => run(decodedOf(`${prefix}connector-state`, "connector-state")),
    /** How many events wait for, or were given to, the delivery. */
    mapped: () => run(Effect.map(readAll(`${prefix}mapped-events.whatsapp`), (records) => records.length))
  }
})

const purchase = (id: string, index: number) => ({
  event_id: id,
  event_name: "purchase",
  event_time: Date.now(),
  action_source: "website",
  user: { phone: `+1415555${String(1000 + index).padStart(4, "0")}`, country: "US" },
  consent: { ad_user_data: "granted", ad_personalization: "granted" },
  properties: { value: 1, currency: "USD", order_id: id }
})

const decodedOf = <S extends SchemaName>(
  topic: string,
  schema: S
): Effect.Effect<ReadonlyArray<Records[S]>, unknown, KafkaClient | Codecs> =>
  Effect.gen(function* () {
    const codecs = yield* Codecs
    const records = yield* readAll(topic)
    yield* codecs.loadSchemas(records.map(({ value }) => value))
    return records.flatMap(({ value }) => {
      const decoded = codecs.decode(schema, value)
      return decoded._tag === "Decoded" ? [decoded.value as Records[S]] : []
    })
  })

export const idsOf = (prefix: string, count: number): ReadonlyArray<string> =>
  Array.from({ length: count }, (_, index) => `${prefix}-${index}`)
