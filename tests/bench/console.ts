/**
 * `make bench-console`: what the console costs at 10,000 results a second with 200 connections: processor time and memory of its process, bytes a second
 * to one live view, and, where a Chromium is found, tasks of its thread over 50 ms. SECONDS (30), RESULTS (10000), CONNECTIONS (200).
 */
import process from "node:process"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import { buildConsolePage } from "../../infra/build/console-page.ts"
import { freePort } from "../../infra/local/ports.ts"
import { startSandbox } from "../../infra/sandbox/sandbox.ts"
import { type LiveTick, liveBytesPerSecondMax } from "../../processors/console/api.ts"
import type { EventDeliveryLog } from "../../schemas/types.gen.ts"
import { Codecs } from "../../shared/codec/codecs.ts"
import { KafkaClient } from "../../shared/kafka/client.ts"
import { deliveryResult } from "../../shared/model/delivery-result.ts"
import { until } from "../../shared/testing/kafka-probe.ts"
import { findChromium } from "../browser/chromium.ts"
import { measurePage } from "../browser/measure.ts"
import { type Chain, startChain } from "../harness/chain.ts"
import { runToExit } from "../harness/run-to-exit.ts"
import { cpuSeconds, residentMebibytes } from "./measured-process.ts"

const print = (line: string): void => void process.stdout.write(`${line}\n`)
const setting = (name: string, usual: number): number => Number(process.env[name] ?? usual)
const seconds = setting("SECONDS", 30)
const perSecond = setting("RESULTS", 10_000)
const ids = Array.from({ length: setting("CONNECTIONS", 200) }, (_, index) => `shop-${String(index).padStart(3, "0")}`)
const warmUpMillis = 5_000
const batchMillis = 100

const connections = [
  "version: 1",
  "connections:",
  ...ids.map((id) => `  - { id: ${id}, platform: meta, account: { dataset_id: "1" }, credential: env:NONE }`)
].join("\n")

const main = Effect.gen(function* () {
  yield* Effect.promise(() => buildConsolePage())
  const port = yield* freePort
  const chain = yield* startChain({
    name: "bench-console",
    prefix: "bench-console.",
    sandbox: yield* startSandbox({}),
    connections: { text: connections },
    environment: { CAPI_CONSOLE_PORT: String(port), LOG_LEVEL: "Info" },
    programs: ["console"],
    bundled: true,
    onProgress: print
  })
  const url = `http://127.0.0.1:${port}`
  return yield* Effect.provide(
    Effect.raceFirst(measure(chain, url), Effect.andThen(produceResults(chain.prefix), Effect.never)),
    chain.services
  )
})

const measure = Effect.fnUntraced(function* (chain: Chain, url: string) {
  const pid = chain.programs.pidOf("console")!
  const live = watchLive(url)
  yield* until("the live view is open", () => live.ticks.length > 0, 30_000)
  yield* Effect.sleep(warmUpMillis)
  const [cpu, bytes, at, ticked] = [cpuSeconds(pid), live.bytes(), yield* Clock.currentTimeMillis, live.ticks.length]
  yield* Effect.sleep(seconds * 1_000)
  const elapsed = ((yield* Clock.currentTimeMillis) - at) / 1_000
  const share = (100 * (cpuSeconds(pid) - cpu)) / elapsed
  const bytesPerSecond = (live.bytes() - bytes) / elapsed
  const ticks = live.ticks.slice(ticked)
  const rate =
    ticks.reduce((sum, tick) => sum + tick.succeeded + tick.failed + tick.skipped + tick.retried, 0) / ticks.length
  live.close()
  print(`${Math.round(rate)} results a second with ${ids.length} connections, over ${Math.round(elapsed)} s`)
  print(`server: ${share.toFixed(0)} % of a processor, ${Math.round(residentMebibytes(pid))} MiB resident`)
  print(`one live view: ${Math.round(bytesPerSecond / 1_024)} KiB a second`)
  const chromium = findChromium()
  if (chromium === null) print("No Chromium was found: what the page costs a browser was not measured.")
  else
    for (const { view, startTasks, longTasks, longestCpu, bytesPerSecond, heapMiB } of yield* measurePage(
      chromium,
      url,
      seconds
    ))
      print(
        `browser, ${view}: longest task ${longest(startTasks)} until it was drawn, ${longest(longTasks)} after; processor time of the longest ${Math.round(longestCpu)} ms; ${Math.round(bytesPerSecond / 1_024)} KiB a second, heap ${Math.round(heapMiB)} MiB`
      )
  // A bound that the server promises; time and processors are the machine's.
  if (bytesPerSecond > liveBytesPerSecondMax)
    print(`The live view got more than its bound of ${liveBytesPerSecondMax} bytes a second.`)
  return bytesPerSecond <= liveBytesPerSecondMax
})

const longest = (tasks: ReadonlyArray<number>): string =>
  tasks.length === 0 ? "under 50 ms" : `${Math.max(...tasks)} ms (${tasks.length} over 50 ms)`

/** Follows the live view as a browser does. */
const watchLive = (url: string) => {
  const ticks: Array<LiveTick> = []
  const closing = new AbortController()
  let bytes = 0
  let text = ""
  const read = async () => {
    const response = await fetch(`${url}/api/live`, { signal: closing.signal })
    for await (const chunk of response.body!) {
      bytes += chunk.length
      text += Buffer.from(chunk).toString("utf8")
      const events = text.split("\n\n")
      text = events.pop()!
      for (const event of events)
        if (event.startsWith("event: tick\n"))
          ticks.push(JSON.parse(event.slice("event: tick\ndata: ".length)) as LiveTick)
    }
  }
  void read().catch(() => undefined)
  return { ticks, bytes: () => bytes, close: () => closing.abort() }
}

/** Writes results for ever, in batches; behind where the machine is too slow, which the figures say. */
const produceResults = Effect.fnUntraced(function* (prefix: string) {
  const codecs = yield* Codecs
  const kafka = yield* KafkaClient
  const begun = yield* Clock.currentTimeMillis
  const size = (perSecond * batchMillis) / 1_000
  for (let batch = 0; ; batch++) {
    const now = yield* Clock.currentTimeMillis
    yield* kafka.produce(
      Array.from({ length: size }, (_, index) => {
        const log = resultOf(batch * size + index, now)
        const value = codecs.encode("delivery-results", "event-delivery-log", log)
        return { topic: `${prefix}delivery-results`, key: log.event_id, value }
      })
    )
    const ahead = begun + (batch + 1) * batchMillis - (yield* Clock.currentTimeMillis)
    if (ahead > 0) yield* Effect.sleep(ahead)
  }
})

/** Nine of ten are delivered; each event goes to every connection. */
const resultOf = (number: number, now: number): EventDeliveryLog => {
  const event = Math.floor(number / ids.length)
  const outcome = number % 10 < 8 ? "delivered" : number % 10 === 8 ? "skipped" : "rejected"
  return deliveryResult({
    event_id: `0b9f2c7e-1d4a-4c8b-9e3f-${String(event).padStart(12, "0")}`,
    event_name: "purchase",
    platform: "meta",
    platform_event: "Purchase",
    connection_id: ids[number % ids.length]!,
    timestamp: now,
    outcome,
    reason_code: outcome === "skipped" ? "consent" : outcome === "rejected" ? "invalid_value:100/2804003" : null,
    error_message: outcome === "rejected" ? "The value is not an amount." : null,
    request_id: outcome === "skipped" ? null : `AbC${number}`,
    attempted_at: outcome === "skipped" ? null : now - 40,
    latency_ms: outcome === "skipped" ? 0 : 20 + (number % 200),
    batch_size: outcome === "skipped" ? 0 : 50,
    mapping_version: "2026-11",
    match_quality: 6.5,
    source: { topic: "raw-events", partition: event % 4, offset: Math.floor(event / 4), timestamp: now - 300 }
  })
}

runToExit("bench-console", main)
