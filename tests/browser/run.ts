/**
 * The whole system with a story to show: every program as a process on a real Kafka, sandboxes as platforms, sample events, a platform
 * that refuses its token, a replay, and enough dead letters that a redrive of them takes a while.
 */
import path from "node:path"
import process from "node:process"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { Browser } from "playwright-core"
import { buildConsolePage } from "../../infra/build/console-page.ts"
import { freePort } from "../../infra/local/ports.ts"
import { programNames } from "../../infra/local/program-files.ts"
import { repository } from "../../infra/local/state.ts"
import { publishSamples } from "../../infra/samples/publish.ts"
import { startSandbox } from "../../infra/sandbox/sandbox.ts"
import { until } from "../../shared/testing/kafka-probe.ts"
import { type Chain, startChain } from "../harness/chain.ts"
import { publish, readBack } from "../harness/records.ts"
import { startChromium } from "./chromium.ts"
import { loseAndSignIn } from "./connection.ts"
import { usePage } from "./use.ts"
import { type Story, walkedViews } from "./views.ts"
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

/** Gives what is wrong: nothing where every view shows what it must and every use of the page works. */
export const browserRun = (options: BrowserRunOptions): Effect.Effect<ReadonlyArray<string>, unknown, Scope.Scope> =>
  Effect.gen(function* () {
    const { print } = options
    yield* Effect.promise(() => buildConsolePage())
    const port = yield* freePort
    const webhookPort = yield* freePort
    const url = `http://127.0.0.1:${webhookPort}/webhooks/whatsapp/whatsapp-orders`
    const sandbox = yield* startSandbox({ whatsapp: { webhook: { url, appSecret: "the-secret-of-the-run" } } })
    const chain = yield* startChain({
      name: "browser",
      prefix: `browser-${process.pid}.`,
      sandbox,
      connections: { file: path.join(repository, "examples/connections.yaml") },
      environment: { CAPI_CONSOLE_PORT: String(port), CAPI_WEBHOOK_PORT: String(webhookPort), LOG_LEVEL: "Info" },
      programs: programNames,
      onProgress: print
    })
    const consoleUrl = `http://127.0.0.1:${port}`
    const walk = Effect.gen(function* () {
      const story = yield* makeStory(chain, consoleUrl, print)
      const browser = yield* startChromium(options.chromium)
      return yield* inBrowser(browser, chain, story, consoleUrl, options)
    })
    return yield* Effect.provide(walk, chain.services)
  })

/** Makes happen what the views show. */
const makeStory = Effect.fnUntraced(function* (chain: Chain, url: string, print: (line: string) => void) {
  const { control, prefix } = chain
  yield* control.add([{ kind: "expired_token", platform: "tiktok", id: "token" }])
  yield* publishSamples(prefix)
  yield* publishSamples(prefix)
  const results = Effect.map(readBack(`${prefix}delivery-results`, "event-delivery-log"), (all) =>
    all.filter(({ connection_id, outcome }) => connection_id === connection && outcome === "delivered")
  )
  yield* until("events are delivered", () => Effect.map(results, (all) => all.length > 20), 120_000, 1_000)
  const [delivered] = yield* results
  print("Events are delivered; the health program reads its input again.")
  yield* chain.programs.stop(["health"])
  const replay = yield* chain.capi("replay", "--stage", "health", "--from", "beginning", "--yes")
  if (replay.exitCode !== 0) return yield* Effect.die(new Error(`The replay was refused: ${replay.errors}`))
  const seen = Effect.promise(async () => (await (await fetch(`${url}/api/replays`)).text()).includes("health"))
  yield* until("the console sees the replay", () => seen, 60_000, 500)
  yield* chain.programs.start(["health"])
  yield* publishSamples(prefix)
  return { eventId: delivered!.event_id, connection, paused } satisfies Story
})

const inBrowser = Effect.fnUntraced(function* (
  browser: Browser,
  chain: Chain,
  story: Story,
  url: string,
  { folder, print }: BrowserRunOptions
) {
  // Results have to come while the live view is seen and used.
  const publishing = Effect.forever(Effect.andThen(publishSamples(chain.prefix), Effect.sleep("5 seconds")))
  const whilePublishing = <A>(use: () => Promise<A>) => Effect.raceFirst(Effect.promise(use), publishing)
  const viewed = yield* whilePublishing(() => walkViews(browser, url, walkedViews(story), folder, print))
  yield* publish(chain.prefix, invalidRecords)
  const used = yield* whilePublishing(() => usePage(browser, url, story, print))
  const lost = yield* loseAndSignIn(browser, url, chain)
  print("used: a console that goes away and comes back with a token")
  return [...viewed, ...used, ...lost]
})
