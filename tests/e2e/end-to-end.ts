/** One run of the whole chain on the tests' broker and registry: sandboxes here, every processor as its own program. */

import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import path from "node:path"
import * as Clock from "effect/Clock"
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { runCommand } from "../../infra/cli/testing.ts"
import { freePort } from "../../infra/local/ports.ts"
import { programNames } from "../../infra/local/program-files.ts"
import { repository } from "../../infra/local/state.ts"
import { sandboxDefaults, startSandbox } from "../../infra/sandbox/sandbox.ts"
import { createTopics } from "../../infra/topics/create-topics.ts"
import { Codecs, type Records, type SchemaName } from "../../shared/codec/codecs.ts"
import { registryLayer } from "../../shared/codec/registry.ts"
import { loadConnections } from "../../shared/connectors/load-connections.ts"
import { type FetchedRecord, KafkaClient } from "../../shared/kafka/client.ts"
import { layerKafka } from "../../shared/kafka/kafkajs/adapter.ts"
import type { Balance } from "../../shared/ledger/balance.ts"
import { readLedger } from "../../shared/ledger/read-ledger.ts"
import { readAll } from "../../shared/testing/kafka-probe.ts"
import { startablePrograms } from "../harness/programs.ts"
import { testBrokers, testRegistryUrl, uniquePrefix } from "../harness/test-services.ts"

export const masterKey = "a-master-key-for-the-end-to-end-test"
export const appSecret = "app-secret-of-the-end-to-end-test"
export const verifyToken = "verify-token-of-the-end-to-end-test"

/** Whatever must appear in no topic, log or metric. */
export const credentials: ReadonlyArray<string> = [
  masterKey,
  appSecret,
  verifyToken,
  sandboxDefaults.meta.tokens[0]!,
  sandboxDefaults.google.clientSecret,
  Object.keys(sandboxDefaults.google.refreshTokens)[0]!,
  sandboxDefaults.tiktok.tokens[0]!,
  sandboxDefaults.snapchat.tokens[0]!,
  sandboxDefaults.whatsapp.tokens[0]!
]

export type EndToEnd = Effect.Success<typeof startEndToEnd>

/** Starts all of it; it ends with the scope. The connections are those of the example that users begin with. */
export const startEndToEnd = Effect.gen(function* () {
  const prefix = uniquePrefix("e2e")
  const folder = yield* Effect.acquireRelease(
    Effect.sync(() => mkdtempSync(path.join(tmpdir(), "capi-e2e-"))),
    (created) => Effect.sync(() => rmSync(created, { recursive: true, force: true }))
  )
  const webhookPort = yield* freePort
  const url = `http://127.0.0.1:${webhookPort}/webhooks/whatsapp/whatsapp-orders`
  const sandbox = yield* startSandbox({ whatsapp: { webhook: { url, appSecret } } })
  const google = {
    client_id: sandboxDefaults.google.clientId,
    client_secret: sandboxDefaults.google.clientSecret,
    refresh_token: Object.keys(sandboxDefaults.google.refreshTokens)[0]!
  }
  const variables: Readonly<Record<string, string>> = {
    KAFKA_BROKERS: testBrokers().join(","),
    SCHEMA_REGISTRY_URL: testRegistryUrl(),
    CAPI_TOPIC_PREFIX: prefix,
    CAPI_CONNECTIONS: path.join(repository, "examples/connections.yaml"),
    CAPI_MASTER_KEY: masterKey,
    CAPI_WEBHOOK_PORT: String(webhookPort),
    META_HOST: sandbox.urls.meta,
    META_TOKEN: sandboxDefaults.meta.tokens[0]!,
    GOOGLE_HOST: sandbox.urls.google,
    GOOGLE_ADS_HOST: sandbox.urls["google-ads"],
    GOOGLE_OAUTH_HOST: sandbox.urls["google-oauth"],
    GOOGLE_CREDENTIAL: JSON.stringify(google),
    GOOGLE_ADS_CREDENTIAL: JSON.stringify(google),
    TIKTOK_HOST: sandbox.urls.tiktok,
    TIKTOK_TOKEN: sandboxDefaults.tiktok.tokens[0]!,
    SNAPCHAT_HOST: sandbox.urls.snapchat,
    SNAPCHAT_TOKEN: sandboxDefaults.snapchat.tokens[0]!,
    WHATSAPP_HOST: sandbox.urls.whatsapp,
    WHATSAPP_TOKEN: JSON.stringify({
      access_token: sandboxDefaults.whatsapp.tokens[0]!,
      app_secret: appSecret,
      verify_token: verifyToken
    })
  }
  const context = yield* Layer.build(
    Layer.merge(layerKafka({ brokers: testBrokers() }), registryLayer({ url: testRegistryUrl(), prefix }))
  )
  yield* Effect.provide(createTopics(prefix), context)
  const { connections } = yield* loadConnections(variables["CAPI_CONNECTIONS"]!, variables)
  const programs = yield* startablePrograms(folder, variables)
  yield* programs.start(programNames)
  return {
    prefix,
    folder,
    variables,
    sandbox,
    connections,
    programs,
    context,
    run: <A, E>(effect: Effect.Effect<A, E, KafkaClient | Codecs>): Promise<A> =>
      Effect.runPromiseWith(context)(effect),
    capi: (...args: ReadonlyArray<string>) => Effect.runPromise(runCommand(args, variables))
  }
})

/** Waits until the ledger of all that was published since `from` holds at least `published` records and nothing is on its way. */
export const untilSettled = (endToEnd: EndToEnd, from: number, published: number): Promise<Balance> =>
  endToEnd.run(
    Effect.gen(function* () {
      const begun = yield* Clock.currentTimeMillis
      for (;;) {
        const now = yield* Clock.currentTimeMillis
        const balance = yield* readLedger({ from, to: now + 1 }, endToEnd.connections, endToEnd.prefix)
        if (isSettled(balance, published)) return balance
        if (now - begun > settleMillisMax) return yield* Effect.die(`It does not settle: ${JSON.stringify(balance)}`)
        yield* Effect.sleep("1 second")
      }
    })
  )

const settleMillisMax = 240_000

const isSettled = (balance: Balance, published: number): boolean =>
  balance.raw >= published &&
  balance.inFlightRaw === 0 &&
  balance.connections.every(({ inFlight, outcomes }) => inFlight === 0 && outcomes.accepted === 0)

/** Every record of a topic of the run, as bytes. */
export const rawRecords = (endToEnd: EndToEnd, topic: string): Promise<ReadonlyArray<FetchedRecord>> =>
  endToEnd.run(readAll(endToEnd.prefix + topic))

/** Every record of a topic of the run, decoded. */
export const decoded = <S extends SchemaName>(
  endToEnd: EndToEnd,
  topic: string,
  schema: S
): Promise<ReadonlyArray<Records[S]>> =>
  endToEnd.run(
    Effect.gen(function* () {
      const codecs = yield* Codecs
      const records = (yield* readAll(endToEnd.prefix + topic)).filter(({ value }) => value !== null)
      yield* codecs.loadSchemas(records.map(({ value }) => value))
      return records.map(({ value }) => {
        const result = codecs.decode(schema, value)
        if (result._tag !== "Decoded") throw new Error(result.message)
        return result.value
      })
    })
  )

export interface Received {
  readonly asset: string
  readonly event_id: string | null
  readonly body: Readonly<Record<string, unknown>>
}

/** The bodies that a platform took, oldest first. */
export const received = async ({ sandbox }: EndToEnd, platform: string): Promise<ReadonlyArray<Received>> => {
  const answer = await fetch(`${sandbox.controlUrl}/_sandbox/events?platform=${platform}&limit=100000`)
  return ((await answer.json()) as { readonly events: ReadonlyArray<Received> }).events
}

export interface Counts {
  readonly events: number
  readonly distinct: number
  readonly duplicates: number
}

export const counts = async ({ sandbox }: EndToEnd): Promise<Readonly<Record<string, Counts>>> => {
  const answer = await fetch(`${sandbox.controlUrl}/_sandbox/stats`)
  return ((await answer.json()) as { readonly platforms: Readonly<Record<string, Counts>> }).platforms
}

export const produce = (
  endToEnd: EndToEnd,
  records: ReadonlyArray<{ readonly key: string; readonly value: Buffer | null }>
): Promise<void> =>
  endToEnd.run(
    KafkaClient.use((kafka) =>
      kafka.produce(records.map((record) => ({ topic: `${endToEnd.prefix}raw-events`, ...record })))
    )
  )

/** Encodes a raw event with the schema's present id. */
export const encoder = (context: Context.Context<Codecs>) => {
  const codecs = Effect.runSync(Effect.provide(Effect.service(Codecs), context))
  return (event: unknown): Buffer => codecs.encode("raw-events", "raw-event", event as Records["raw-event"])
}
