/**
 * The whole chain on this machine: broker, registry and sandboxes, every processor as a process, sample events
 * in, outcomes and health on the screen. Everything it started ends with its scope, in order.
 */

import { randomBytes } from "node:crypto"
import path from "node:path"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { registryLayer } from "../../shared/codec/registry.ts"
import { decodeSettings, environment, eventLogSetting } from "../../shared/config/settings.ts"
import { loadConnections } from "../../shared/connectors/load-connections.ts"
import { layerKafka } from "../../shared/kafka/kafkajs/adapter.ts"
import type { Balance } from "../../shared/ledger/balance.ts"
import { readLedger } from "../../shared/ledger/read-ledger.ts"
import { monotonicMillis } from "../../shared/model/monotonic.ts"
import { buildConsolePage, pageFile } from "../build/console-page.ts"
import { publishLocalEnvironment } from "../local/environment.ts"
import { beOnlyOne, demoStarter } from "../local/only-one.ts"
import { freePort, isFree } from "../local/ports.ts"
import { watchPrograms } from "../local/run-programs.ts"
import { startLocal } from "../local/start-local.ts"
import { defaultStateDirectory, inFolder } from "../local/state.ts"
import { publishSamples } from "../samples/publish.ts"
import { startSandbox } from "../sandbox/sandbox.ts"
import { demoEnvironment } from "./environment.ts"
import { startProcessors } from "./processors.ts"
import { sandboxCounts } from "./sandbox-counts.ts"
import { paint, print, printAddresses, showLive, summaryColumns } from "./screen.ts"
import { emptyTally, follow, type Tally } from "./tally.ts"
import { summary } from "./view.ts"

export interface DemoOptions {
  /** End with a summary once every event has its outcome, instead of staying up. */
  readonly once: boolean
}

/** Of the console, where nothing else has it: a bookmark is right at the next start too. */
const usualConsolePort = 8090

/** How long nothing may move, and how long all may take, before a run of `once` gives up. */
const stallMillisMax = 90_000
const runMillisMax = 300_000
const checkEvery = "1 second"

/** True if every event is accounted for. Runs until interrupted unless `once` is set. */
export const demo = Effect.fn("demo")(function* (options: DemoOptions) {
  const setting = yield* prepare
  const services = Layer.merge(
    layerKafka({ brokers: setting.brokers.split(",") }),
    registryLayer({ url: setting.registryUrl, prefix: "" })
  )
  return yield* work(options, setting).pipe(Effect.provide(services))
})

type Setting = Effect.Success<typeof prepare>

/** Broker, registry, topics, sandboxes, and the environment that points the processors at them. */
const prepare = Effect.gen(function* () {
  const begun = yield* Clock.currentTimeMillis
  yield* beOnlyOne
  yield* inFolder(path.dirname(pageFile), () => buildConsolePage())
  const webhookPort = yield* freePort
  const indexerPort = yield* freePort
  const url = `http://127.0.0.1:${webhookPort}/webhooks/whatsapp/whatsapp-orders`
  const sandbox = yield* startSandbox({ whatsapp: { webhook: { url, appSecret: secret() } } })
  // A mistake in the file of connections is reported before anything that takes long.
  const unknown = { brokers: "", registryUrl: "", sandbox, webhookPort, indexerPort }
  yield* readConnections(yield* inFolder(defaultStateDirectory, () => demoEnvironment(unknown)))
  const { broker, registry } = yield* startLocal({ onProgress: print, startedBy: demoStarter })
  const own = demoEnvironment({ brokers: broker.brokers, registryUrl: registry.url, sandbox, webhookPort, indexerPort })
  yield* publishLocalEnvironment(own)
  const enabled = (yield* readConnections(own)).filter((connection) => connection.enabled)
  const consolePort = (yield* isFree(usualConsolePort)) ? usualConsolePort : yield* freePort
  // A port that the caller set is taken.
  const variables = { CAPI_CONSOLE_PORT: String(consolePort), ...environment(), ...own }
  // The processors have the caller's environment.
  const eventLog = yield* decodeSettings(eventLogSetting)
  return { begun, brokers: broker.brokers, registryUrl: registry.url, sandbox, variables, enabled, eventLog }
})

const readConnections = (own: Readonly<Record<string, string>>) =>
  loadConnections(own["CAPI_CONNECTIONS"]!, { ...environment(), ...own }).pipe(
    Effect.map(({ connections }) => connections)
  )

const work = Effect.fnUntraced(function* (options: DemoOptions, setting: Setting) {
  const tally = emptyTally()
  const following = yield* follow(tally, "")
  const running = yield* startProcessors(setting.variables)
  printAddresses({ ...setting, running })
  const life = Effect.gen(function* () {
    const from = yield* Clock.currentTimeMillis
    const published = yield* publishSamples("")
    print(`Published ${published} sample events to raw-events.`)
    const ids = setting.enabled.map((connection) => connection.id)
    const show = showLive(tally, ids, setting.begun)
    return yield* options.once
      ? Effect.raceFirst(untilSettled(tally, setting, from, published), show)
      : Effect.onInterrupt(show, () => endWithSummary(tally, setting, from, published))
  })
  // A processor that ends by itself, or a topic that cannot be followed, ends the run at once.
  return yield* Effect.raceAllFirst([life, watchPrograms(() => running), following]).pipe(
    Effect.ensuring(Effect.sync(() => print("Stopping: what is in flight is finished and committed.")))
  )
})

/** Waits until every event has its outcome, or nothing has moved for too long; then prints the ledger. */
const untilSettled = Effect.fnUntraced(function* (tally: Tally, setting: Setting, from: number, published: number) {
  const begun = yield* monotonicMillis
  let movedAt = begun
  let moved = -1
  for (;;) {
    yield* Effect.sleep(checkEvery)
    const now = yield* monotonicMillis
    if (tally.moved !== moved) {
      moved = tally.moved
      movedAt = now
      if (now - begun < runMillisMax) continue
    }
    // Nothing is written to the topics any more: either all is done or something waits.
    const to = yield* Clock.currentTimeMillis
    const balance = yield* readLedger({ from, to }, setting.enabled, "", setting.eventLog)
    const settled = isSettled(balance, published)
    const givesUp = now - movedAt >= stallMillisMax || now - begun >= runMillisMax
    if (!settled && !givesUp) continue
    const sandboxes = yield* sandboxCounts(setting.sandbox)
    print(["", ...summary({ balance, published, settled, tally }, sandboxes, paint, summaryColumns()), ""].join("\n"))
    return settled && balance.balanced
  }
})

/** What became of the events so far; a broker that does not answer does not keep the run from ending. */
const endWithSummary = (tally: Tally, setting: Setting, from: number, published: number) =>
  Effect.gen(function* () {
    const to = yield* Clock.currentTimeMillis
    const balance = yield* readLedger({ from, to }, setting.enabled, "", setting.eventLog)
    const sandboxes = yield* sandboxCounts(setting.sandbox)
    const settled = isSettled(balance, published)
    print(["", ...summary({ balance, published, settled, tally }, sandboxes, paint, summaryColumns()), ""].join("\n"))
  }).pipe(Effect.timeoutOption(summaryTimeout), Effect.ignore)

const summaryTimeout = "10 seconds"

/** Whether so many records came in and each has its outcome. */
export const isSettled = (balance: Balance, published: number): boolean =>
  balance.raw >= published &&
  balance.inFlightRaw === 0 &&
  balance.connections.every(({ inFlight, outcomes }) => inFlight === 0 && outcomes.accepted === 0)

const secret = (): string => randomBytes(24).toString("hex")
