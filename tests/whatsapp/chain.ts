/** WhatsApp's chain on the tests' broker: programs that the test starts, and a way to the sandbox that it can block. */
import * as Effect from "effect/Effect"
import { type PartialSandboxOptions, startSandbox } from "../../infra/sandbox/sandbox.ts"
import { KafkaClient } from "../../shared/kafka/client.ts"
import { readAll } from "../../shared/testing/kafka-probe.ts"
import { startChain } from "../harness/chain.ts"
import { publish, readBack } from "../harness/records.ts"
import { startTcpProxy } from "../harness/tcp-proxy.ts"
import { testBrokers, testRegistryUrl, uniquePrefix } from "../harness/test-services.ts"

export const masterKey = "dGhpcy1jaGFpbi0wMTIzNDU2Nzg5YWJjZGVmZ2hpams="
export const connectionId = "messages"

export type WhatsAppChain = Effect.Success<ReturnType<typeof startWhatsApp>>

/** Topics, sandbox and no program yet; `resilience` is YAML of the connection. */
export const startWhatsApp = Effect.fnUntraced(function* (
  resilience: string,
  sandboxOptions: PartialSandboxOptions = {}
) {
  const sandbox = yield* startSandbox({ ...sandboxOptions, whatsapp: { pairWindowMillis: 0 } })
  const proxy = yield* startTcpProxy(sandbox.urls.whatsapp.replace("http://", ""))
  const chain = yield* startChain({
    name: "whatsapp",
    prefix: uniquePrefix("whatsapp"),
    sandbox,
    connections: {
      text: `version: 1
connections:
  - id: ${connectionId}
    platform: whatsapp
    account: { phone_number_id: 106540352242922 }
    credential: env:WHATSAPP_TOKEN
    endpoint: { host: "http://${proxy.address}" }
    mapping: { templates: { purchase: { name: order_confirmation, language: en_US } } }
    resilience: ${resilience}
`
    },
    environment: { CAPI_MASTER_KEY: masterKey, WHATSAPP_TOKEN: "sandbox-whatsapp-token" },
    bundled: true,
    services: { brokers: testBrokers().join(","), registryUrl: testRegistryUrl() }
  })
  const { prefix, run } = chain
  return {
    ...chain,
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
    /** Publishes events, each for another person. */
    publish: (ids: ReadonlyArray<string>) =>
      run(
        publish(
          prefix,
          ids.map((id, index) => ({ key: id, value: Buffer.from(JSON.stringify(purchase(id, index))) }))
        )
      ),
    /** The results of each event, in the order of their writing. */
    results: () =>
      run(
        Effect.map(readBack(`${prefix}delivery-results`, "event-delivery-log"), (all) =>
          Map.groupBy(all, ({ event_id }) => event_id)
        )
      ),
    /** The connections' states, in the order of their writing. */
    states: () => run(readBack(`${prefix}connector-state`, "connector-state")),
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

export const idsOf = (prefix: string, count: number): ReadonlyArray<string> =>
  Array.from({ length: count }, (_, index) => `${prefix}-${index}`)
