/** One run of the whole chain on the tests' broker and registry: sandboxes here, every processor as its own program. */
import path from "node:path"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import { freePort } from "../../infra/local/ports.ts"
import { programNames } from "../../infra/local/program-files.ts"
import { repository } from "../../infra/local/state.ts"
import { sandboxCredentials, startSandbox } from "../../infra/sandbox/sandbox.ts"
import { Codecs, type Records, type SchemaName } from "../../shared/codec/codecs.ts"
import type { Connection } from "../../shared/connections/connection.ts"
import { loadConnections } from "../../shared/connectors/load-connections.ts"
import type { FetchedRecord } from "../../shared/kafka/client.ts"
import type { Balance } from "../../shared/ledger/balance.ts"
import { readLedger } from "../../shared/ledger/read-ledger.ts"
import { readAll } from "../../shared/testing/kafka-probe.ts"
import { type Chain, startChain } from "../harness/chain.ts"
import { publish, readBack } from "../harness/records.ts"
import type { PlatformCounts, Receipt } from "../harness/sandbox-control.ts"
import { testBrokers, testRegistryUrl, uniquePrefix } from "../harness/test-services.ts"

export const masterKey = "ZW5kLXRvLWVuZC0wMTIzNDU2Nzg5YWJjZGVmZ2hpams="
const appSecret = "app-secret-of-the-end-to-end-test"

/** Whatever must appear in no topic, log or metric. */
export const credentials: ReadonlyArray<string> = [
  masterKey,
  appSecret,
  ...Object.values(sandboxCredentials()).flatMap(({ secret }) =>
    Object.entries(secret).flatMap(([name, value]) => (name === "client_id" ? [] : [value]))
  )
]

export interface EndToEnd extends Chain {
  readonly connections: ReadonlyArray<Connection>
}

/** Starts all of it, with further variables; it ends with the scope. The connections are those of the example that users begin with. */
export const startEndToEnd = Effect.fnUntraced(function* (more: Readonly<Record<string, string>> = {}) {
  const webhookPort = yield* freePort
  const url = `http://127.0.0.1:${webhookPort}/webhooks/whatsapp/whatsapp-orders`
  const sandbox = yield* startSandbox({ whatsapp: { webhook: { url, appSecret } } })
  const file = path.join(repository, "examples/connections.yaml")
  const { connections } = yield* loadConnections(file, sandbox.environment)
  const chain = yield* startChain({
    name: "e2e",
    prefix: uniquePrefix("e2e"),
    sandbox,
    connections: { file },
    environment: { CAPI_MASTER_KEY: masterKey, CAPI_WEBHOOK_PORT: String(webhookPort), ...more },
    programs: programNames,
    bundled: true,
    services: { brokers: testBrokers().join(","), registryUrl: testRegistryUrl() }
  })
  return { ...chain, connections } satisfies EndToEnd as EndToEnd
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
): Promise<ReadonlyArray<Records[S]>> => endToEnd.run(readBack(endToEnd.prefix + topic, schema))

/** What a platform took, oldest first. */
export const received = ({ control }: EndToEnd, platform: string): Promise<ReadonlyArray<Receipt>> =>
  Effect.runPromise(control.receipts(platform))

export const counts = ({ control }: EndToEnd): Promise<Readonly<Record<string, PlatformCounts>>> =>
  Effect.runPromise(control.counts)

export const produce = (
  endToEnd: EndToEnd,
  records: ReadonlyArray<{ readonly key: string; readonly value: Buffer | null }>
): Promise<void> => endToEnd.run(publish(endToEnd.prefix, records))

/** Encodes a raw event with the schema's present id. */
export const encoder = ({ services }: EndToEnd) => {
  const codecs = Effect.runSync(Effect.provide(Effect.service(Codecs), services))
  return (event: unknown): Buffer => codecs.encode("raw-events", "raw-event", event as Records["raw-event"])
}
