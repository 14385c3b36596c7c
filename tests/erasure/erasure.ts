/**
 * The erasure run: real programs on a real broker whose days are seconds. One person is erased while her events wait in a backlog, a second
 * withdraws consent; everything is replayed and redriven; in the end every byte of broker, programs and state files is searched.
 */
import path from "node:path"
import * as Clock from "effect/Clock"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { freePort } from "../../infra/local/ports.ts"
import { startLocal } from "../../infra/local/start-local.ts"
import { startSandbox } from "../../infra/sandbox/sandbox.ts"
import { rawEventFromJson } from "../../processors/normalizer/read/read-record.ts"
import type { EventDeliveryLog } from "../../schemas/types.gen.ts"
import { Codecs } from "../../shared/codec/codecs.ts"
import { KafkaClient } from "../../shared/kafka/client.ts"
import { layerKafka } from "../../shared/kafka/kafkajs/adapter.ts"
import { until } from "../../shared/testing/kafka-probe.ts"
import { consoleTexts } from "../e2e/console-texts.ts"
import { type Chain, startChain } from "../harness/chain.ts"
import { readBack } from "../harness/records.ts"
import type { CommandResult } from "../harness/run-command.ts"
import { scopedFolder } from "../harness/scoped-folder.ts"
import { bob, jane, joe, people, purchaseOf, type Trace, tracesOf } from "./people.ts"
import { type Sighting, scanFolder, topicsOf } from "./scan.ts"
import { brokerSettings, createShortTopics, deadLettersMillis, prefix } from "./short-topics.ts"

/** What the run found; `findings.ts` judges it. */
export interface Evidence {
  /** Topics that held the person before, and the sightings after. */
  readonly before: ReadonlySet<string>
  readonly after: ReadonlyArray<Sighting>
  /** What the console shows of the person, although the records are there. */
  readonly shown: ReadonlyArray<string>
  /** Records of dead-letters at the end: they are sealed under the master key, so that a scan would not find the person in them. */
  readonly deadLetters: number
  readonly exported: { readonly before: string; readonly after: string; readonly ofJoe: string }
  readonly dryRun: CommandResult
  readonly proofs: ReadonlyArray<{ readonly secrets: number; readonly destroyed_at: number | null }>
  /** The last result of each event at each connection: `outcome:reason`, by `<event id> <connection>`. */
  readonly outcomes: ReadonlyMap<string, string>
  /** Event ids that each platform received. */
  readonly received: Readonly<Record<string, ReadonlySet<string>>>
  /** Exit code of `./capi ledger`, and its JSON. */
  readonly ledger: CommandResult
  readonly redriven: CommandResult
}

const connections = `version: 1
defaults:
  resilience:
    circuit_breaker: { recovery: 2 seconds }
    retry: { delays: [200 millis, 400 millis] }
    delayed_retry: { delays: [2 seconds] }
connections:
  - id: meta-shop
    platform: meta
    account: { dataset_id: 1234567890 }
    credential: env:META_TOKEN
    endpoint: { host: "\${META_HOST}" }
  - id: tiktok-shop
    platform: tiktok
    account: { pixel_code: C0PIXELCODE }
    credential: env:TIKTOK_TOKEN
    endpoint: { host: "\${TIKTOK_HOST}" }
`

/** Those that read suppressions, and those that show events. */
const followers = ["normalizer", "mapper", "delivery-meta", "delivery-tiktok"]
const viewers = ["indexer", "console"]

export const erasureRun = (print: (line: string) => void): Effect.Effect<Evidence, unknown, Scope.Scope> =>
  Effect.gen(function* () {
    const folder = yield* scopedFolder("erasure")
    const state = path.join(folder, "kafka")
    const { broker, registry } = yield* startLocal({
      prefix: "unused.",
      stateDirectory: state,
      ending: "kill",
      fastStart: true,
      brokerSettings,
      onProgress: print
    })
    const indexFolder = yield* scopedFolder("erasure-index")
    const ports = { indexer: String(yield* freePort), console: String(yield* freePort) }
    yield* createShortTopics.pipe(Effect.provide(layerKafka({ brokers: broker.brokers.split(",") })))
    const chain = yield* startChain({
      name: "erasure-programs",
      prefix,
      sandbox: yield* startSandbox({ store: { bodiesMax: 0, idsMax: 1_000 } }),
      connections: { text: connections },
      environment: {
        CAPI_EVENT_LOG: "sealed-events",
        // In compressed records the bytes of a person would not be found.
        KAFKA_COMPRESSION: "none",
        ERASURE_CHECK_EVERY: "1 second",
        CAPI_INDEXER_FILE: path.join(indexFolder, "index.sqlite"),
        CAPI_INDEXER_PORT: ports.indexer,
        CAPI_INDEXER_URL: `http://127.0.0.1:${ports.indexer}`,
        CAPI_CONSOLE_PORT: ports.console
      },
      services: { brokers: broker.brokers, registryUrl: registry.url },
      programs: [...followers, ...viewers],
      onProgress: print
    })
    return yield* Effect.raceFirst(
      Effect.provide(live(chain, [state, chain.folder, indexFolder], print), chain.services),
      chain.programs.watch
    )
    // The run's own broker, whatever the environment names.
  }).pipe(Effect.provide(ConfigProvider.layer(ConfigProvider.fromEnv({ env: {} }))))

const live = Effect.fnUntraced(function* (chain: Chain, folders: ReadonlyArray<string>, print: (line: string) => void) {
  const { capi, control } = chain
  const traces = tracesOf(jane)
  const scan = () => folders.flatMap((folder) => scanFolder(folder, traces))
  // TikTok is away, so that everything for it waits.
  yield* control.add([{ kind: "dead", platform: "tiktok", id: "away" }])
  const published = yield* publish
  print(`Published ${published.ids.length} events.`)
  yield* until(
    "Meta has every good event",
    () => Effect.map(control.ids("meta"), (ids) => published.good.every((id) => ids.has(id))),
    60_000
  )
  const before = topicsOf(scan())
  print(`The person stands in ${[...before].join(", ")}.`)
  const exportedBefore = (yield* capi("subject", "export", jane.phone)).out
  const dryRun = yield* capi("erase", jane.email, "--linked", "--dry-run", "--json")
  yield* expectDone(yield* capi("erase", jane.email, "--linked", "--grace", "2 seconds", "--yes"))
  yield* withdraw(bob.externalId)
  // Three identifiers of the one, one of the other.
  yield* until(
    "every program knows of the erasure and the withdrawal",
    () =>
      Effect.map(
        chain.programs.metrics,
        (text) =>
          [...text.matchAll(/^capi_suppressions_ids[^\n]* (\d+)$/gm)].filter(([, count]) => Number(count) >= 4)
            .length >= followers.length
      ),
    30_000,
    200
  )
  yield* control.removeAll
  print("TikTok is back.")
  yield* untilBalanced(chain, print)
  yield* until(
    "the secrets are destroyed",
    () => Effect.map(proofsOf(chain), (proofs) => proofs.some(({ secrets }) => secrets > 0)),
    30_000,
    500
  )
  print("The secrets are destroyed. Everything is replayed and redriven.")
  const redriven = yield* capi("redrive", "--stage", "normalizer", "--yes", "--json")
  yield* chain.programs.stop(["normalizer"])
  yield* expectDone(yield* capi("replay", "--stage", "normalizer", "--from", "beginning", "--yes"))
  yield* chain.programs.start(["normalizer"])
  yield* untilBalanced(chain, print)
  const exportedAfter = (yield* capi("subject", "export", jane.phone)).out
  // The broker deletes what the command is about to read: then it fails, and is asked again.
  const ledger = yield* Effect.repeat(capi("ledger", "--json"), { until: ({ exitCode }) => exitCode === 0, times: 4 })
  const results = yield* readBack(`${prefix}delivery-results`, "event-delivery-log")
  const received = {
    meta: new Set((yield* control.ids("meta")).keys()),
    tiktok: new Set((yield* control.ids("tiktok")).keys())
  }
  const shown = yield* shownByConsole(chain, published.ids, traces)
  print("Waiting until the broker has deleted and compacted.")
  let after = scan()
  let deadLetters = yield* countDeadLetters
  const end = (yield* Clock.currentTimeMillis) + 2 * deadLettersMillis
  while (after.length + deadLetters > 0 && (yield* Clock.currentTimeMillis) < end) {
    yield* Effect.sleep("1 second")
    after = scan()
    deadLetters = yield* countDeadLetters
  }
  return {
    before,
    after,
    shown,
    deadLetters,
    exported: {
      before: exportedBefore,
      after: exportedAfter,
      ofJoe: (yield* capi("subject", "export", joe.email)).out
    },
    dryRun,
    proofs: yield* proofsOf(chain),
    outcomes: outcomesOf(results),
    received,
    ledger,
    redriven
  } satisfies Evidence
})

const shownByConsole = (chain: Chain, eventIds: ReadonlyArray<string>, traces: ReadonlyArray<Trace>) =>
  Effect.map(
    Effect.promise(() =>
      consoleTexts(`http://127.0.0.1:${chain.environment["CAPI_CONSOLE_PORT"]}`, { eventIds, pasted: [] })
    ),
    (texts) => {
      const bytes = Buffer.from(texts.join("\n"))
      return traces.filter((trace) => bytes.includes(trace.bytes)).map(({ what }) => what)
    }
  )

const countDeadLetters = Effect.flatMap(KafkaClient, (kafka) =>
  Effect.map(kafka.topicOffsets(`${prefix}dead-letters`), (logs) =>
    logs.reduce((sum, { low, high }) => sum + high - low, 0)
  )
)

/** Three events of each person, JSON and Avro; and of the first one a record that cannot be read, one without a time, one without a value. */
const publish = Effect.gen(function* () {
  const kafka = yield* KafkaClient
  const codecs = yield* Codecs
  const now = yield* Clock.currentTimeMillis
  const good: Array<string> = []
  const avro = (event: object): Buffer => {
    const read = rawEventFromJson(event)
    if (read._tag !== "Read") throw new Error("The event of the run cannot be read.")
    return codecs.encode("raw-events", "raw-event", read.raw)
  }
  const records = people.flatMap((person) =>
    [0, 1, 2].map((index) => {
      const id = `event-${people.indexOf(person)}-${index}`
      good.push(id)
      const event = purchaseOf(person, id, now)
      return { key: person.externalId, value: index === 1 ? avro(event) : Buffer.from(JSON.stringify(event)) }
    })
  )
  const broken = purchaseOf(jane, "event-without-value", now)
  const bad = [
    Buffer.from(`${jane.email} is not JSON`),
    Buffer.from(JSON.stringify({ ...purchaseOf(jane, "event-without-time", now), event_time: null })),
    Buffer.from(JSON.stringify({ ...broken, properties: { ...broken.properties, value: "twenty" } }))
  ].map((value) => ({ key: jane.externalId, value }))
  yield* kafka.produce([...records, ...bad].map((record) => ({ topic: `${prefix}raw-events`, ...record })))
  return { good, ids: [...good, "bad-1", "bad-2", "bad-3"] }
})

/** As a producer of any language does: the SHA-256 of the normalized identifier, and JSON. */
const withdraw = (externalId: string) =>
  Effect.gen(function* () {
    const key = tracesOf({ ...bob, externalId }).find(({ what }) => what === "SHA-256 of external_id in hex")!
    const value = Buffer.from(JSON.stringify({ ad_user_data: "denied" }))
    yield* (yield* KafkaClient).produce([{ topic: `${prefix}consent-changes`, key: key.bytes, value }])
  })

const untilBalanced = (chain: Chain, print: (line: string) => void) =>
  Effect.onError(balanced(chain), () => Effect.map(chain.capi("ledger"), ({ out, errors }) => print(out + errors)))

const balanced = (chain: Chain) =>
  until(
    "the ledger balances with nothing in flight",
    () =>
      Effect.map(chain.capi("ledger", "--json"), ({ out }) => {
        const balance = JSON.parse(out) as {
          readonly balanced: boolean
          readonly raw_events: number
          readonly in_flight_raw: number
          readonly connections: ReadonlyArray<{ readonly in_flight: number }>
        }
        const isDone = balance.in_flight_raw === 0 && balance.connections.every(({ in_flight }) => in_flight === 0)
        return balance.balanced && isDone && balance.raw_events >= people.length * 3 + 3
      }),
    90_000,
    1_000
  )

const proofsOf = (chain: Chain) =>
  Effect.map(
    chain.capi("erasures", "--json"),
    ({ out }) => (JSON.parse(out) as { readonly erasures: Evidence["proofs"] }).erasures
  )

const expectDone = ({ exitCode, errors }: CommandResult) =>
  exitCode === 0 ? Effect.void : Effect.die(new Error(`The command ended with ${exitCode}: ${errors}`))

/** The last result that is about an outcome, of each event at each connection. */
const outcomesOf = (results: ReadonlyArray<EventDeliveryLog>): ReadonlyMap<string, string> =>
  new Map(
    results
      .filter(({ outcome }) => outcome !== "retry_scheduled")
      .map(({ event_id, connection_id, outcome, reason_code }) => [
        `${event_id} ${connection_id}`,
        `${outcome}${reason_code === null ? "" : `:${reason_code}`}`
      ])
  )
