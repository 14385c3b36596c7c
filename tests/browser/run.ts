/**
 * The whole system with a story to show: every program as a process on a real Kafka, sandboxes as platforms, a stream of sample events, a
 * platform that refuses its token after a while, a replay under way, and then so many dead letters that a redrive of them takes a while.
 */
import path from "node:path"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { Browser } from "playwright-core"
import { buildConsolePage } from "../../infra/build/console-page.ts"
import { freePort } from "../../infra/local/ports.ts"
import { programNames } from "../../infra/local/program-files.ts"
import { repository } from "../../infra/local/state.ts"
import { publishSamples } from "../../infra/samples/publish.ts"
import { startSandbox } from "../../infra/sandbox/sandbox.ts"
import type { Replay, Replays } from "../../processors/console/api.ts"
import { KafkaClient } from "../../shared/kafka/client.ts"
import { topicNames } from "../../shared/model/topics.ts"
import { until } from "../../shared/testing/kafka-probe.ts"
import { type Chain, startChain } from "../harness/chain.ts"
import { publish, readBack } from "../harness/records.ts"
import { startChromium } from "./chromium.ts"
import { loseAndSignIn } from "./connection.ts"
import { usePage } from "./use.ts"
import { replayViews, type Story, walkedViews } from "./views.ts"
import { walkViews } from "./walk.ts"

export interface BrowserRunOptions {
  readonly chromium: string
  /** Takes the screenshots. */
  readonly folder: string
  readonly print: (line: string) => void
}

const connection = "meta-shop"
const paused = "tiktok-shop"
/** So many that a redrive of them takes a while. */
const invalidRecords = Array.from({ length: 20_000 }, (_, index) => ({
  key: `k${index}`,
  value: Buffer.from(`{"broken": ${index}`)
}))
/** All samples, so often, before the page is looked at. */
const samplesBefore = 4
/** Then they go out in so many parts, one a second. */
const partsOfSamples = 24

/** Gives what is wrong: nothing where every view shows what it must and every use of the page works. */
export const browserRun = (options: BrowserRunOptions): Effect.Effect<ReadonlyArray<string>, unknown, Scope.Scope> =>
  Effect.gen(function* () {
    const { print } = options
    yield* Effect.promise(() => buildConsolePage())
    const [port, webhookPort, indexerPort] = [yield* freePort, yield* freePort, yield* freePort]
    const url = `http://127.0.0.1:${webhookPort}/webhooks/whatsapp/whatsapp-orders`
    // The samples have few recipients, whom WhatsApp takes a message every six seconds for.
    const whatsapp = { webhook: { url, appSecret: "the-secret-of-the-run" }, pairWindowMillis: 0 }
    const chain = yield* startChain({
      name: "browser",
      prefix: "",
      sandbox: yield* startSandbox({ whatsapp }),
      connections: { file: path.join(repository, "examples/connections.yaml") },
      environment: {
        CAPI_CONSOLE_PORT: String(port),
        CAPI_WEBHOOK_PORT: String(webhookPort),
        CAPI_INDEXER_PORT: String(indexerPort),
        CAPI_INDEXER_URL: `http://127.0.0.1:${indexerPort}`,
        LOG_LEVEL: "Info"
      },
      programs: programNames,
      onProgress: print
    })
    const consoleUrl = `http://127.0.0.1:${port}`
    const walk = Effect.gen(function* () {
      const story = yield* makeStory(chain, print)
      const browser = yield* startChromium(options.chromium)
      return yield* inBrowser(browser, chain, story, consoleUrl, options)
    })
    return yield* Effect.provide(Effect.raceFirst(walk, publishing(chain.prefix)), chain.services)
  })

/** Events come for as long as the page is used. */
const publishing = Effect.fnUntraced(function* (prefix: string) {
  for (let part = 0; ; part++) {
    yield* publishSamples(prefix, { index: part % partsOfSamples, of: partsOfSamples })
    yield* Effect.sleep("1 second")
  }
})

/** Makes happen what the views show. */
const makeStory = Effect.fnUntraced(function* ({ control, prefix }: Chain, print: (line: string) => void) {
  const delivered = Effect.map(readBack(`${prefix}${topicNames.results}`, "event-delivery-log"), (all) =>
    all.filter(({ outcome }) => outcome === "delivered")
  )
  const countAt = (id: string) =>
    Effect.map(delivered, (all) => all.filter(({ connection_id }) => connection_id === id).length)
  for (let count = 0; count < samplesBefore; count++) yield* publishSamples(prefix)
  yield* until("events are delivered", () => Effect.map(countAt(connection), (count) => count > 100), 120_000, 1_000)
  yield* until("the platform takes events", () => Effect.map(countAt(paused), (count) => count > 50), 60_000, 1_000)
  yield* control.add([{ kind: "expired_token", platform: "tiktok", id: "token" }])
  print("Events are delivered; from here on TikTok refuses its token.")
  // An event that most connections delivered has the most to show.
  const byEvent = Map.groupBy(yield* delivered, ({ event_id }) => event_id)
  const [eventId] = [...byEvent]
    .filter(([, results]) => results.some(({ connection_id }) => connection_id === connection))
    .toSorted(([, left], [, right]) => right.length - left.length)[0]!
  return { eventId, connection, paused } satisfies Story
})

const inBrowser = Effect.fnUntraced(function* (
  browser: Browser,
  chain: Chain,
  story: Story,
  url: string,
  { folder, print }: BrowserRunOptions
) {
  const viewed = yield* Effect.promise(() => walkViews(browser, url, walkedViews(story), folder, print))
  yield* beginReplay(chain, url)
  const replayed = yield* Effect.promise(() => walkViews(browser, url, replayViews, folder, print))
  yield* chain.programs.start(["health"])
  yield* until("the replay ends", () => replaysShow(url, ({ ended_at }) => ended_at !== null), 60_000, 500)
  yield* publish(chain.prefix, invalidRecords)
  const used = yield* Effect.promise(() => usePage(browser, url, story, print))
  const lost = yield* loseAndSignIn(browser, url, chain)
  print("used: a console that goes away and comes back with a token")
  return [...viewed, ...replayed, ...used, ...lost]
})

/** A replay of the health program that has come half the way, and stays there until the program is started. */
const beginReplay = Effect.fnUntraced(function* ({ capi, prefix, programs }: Chain, url: string) {
  const kafka = yield* KafkaClient
  yield* programs.stop(["health"])
  const replay = yield* capi("replay", "--stage", "health", "--from", "beginning", "--yes")
  if (replay.exitCode !== 0) return yield* Effect.die(new Error(`The replay was refused: ${replay.errors}`))
  yield* until("the console sees the replay", () => replaysShow(url, ({ left }) => left > 0), 60_000, 500)
  const topic = `${prefix}${topicNames.results}`
  const half = (yield* kafka.topicOffsets(topic)).map(({ partition, low, high }) => ({
    topic,
    partition,
    next: low + Math.floor((high - low) / 2)
  }))
  yield* kafka.commitOffsets(`${prefix}health`, half)
  yield* until("it goes on", () => replaysShow(url, ({ left, records }) => left > 0 && left < records), 60_000, 500)
})

const replaysShow = (url: string, isSo: (one: Replay) => boolean): Effect.Effect<boolean> =>
  Effect.promise(async () => {
    const { replays } = (await (await fetch(`${url}/api/replays`)).json()) as Replays
    return replays.some((one) => one.stage === "health" && isSo(one))
  })
