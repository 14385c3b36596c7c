/**
 * A program for tests: it copies `in` to `out`, and values `loop`, `throw` and `heap` do that to its process. A record that the runtime
 * takes out is copied with the header `poison`. Arguments: brokers, prefix, milliseconds that the event loop may be blocked.
 */
import process from "node:process"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { layerKafka } from "../kafka/kafkajs/adapter.ts"
import type { Inbound, Processor } from "../runtime/contract.ts"
import { layerRuntimeOptions } from "../runtime/contract.ts"
import { watchEventLoop } from "../runtime/event-loop-watch.ts"
import { RuntimeObserver } from "../runtime/metrics.ts"
import { run } from "../runtime/runtime.ts"

const copied = ({ key, value }: Inbound, headers: Readonly<Record<string, string>> = {}) => ({
  topic: "out",
  key: key === null ? null : key.toString(),
  value,
  headers
})

/** What a mistake of ours would do with such a record. */
const failAt = (value: string): void => {
  if (value === "loop") for (;;);
  if (value === "throw") throw new Error("for the test")
  // In large pieces, so that the collector has nothing to try for long.
  const held: Array<ReadonlyArray<number>> = []
  if (value === "heap") for (;;) held.push(new Array<number>(2_000_000).fill(held.length + 0.5))
}

const poisonable: Processor = {
  name: "poisonable",
  topics: ["in"],
  batch: { recordsMax: 20, bytesMax: 500_000, linger: Duration.millis(5) },
  concurrency: 2,
  open: () =>
    Effect.succeed({
      step: ({ records }) =>
        Effect.sync(() => {
          for (const { value } of records) failAt(String(value))
          return { outputs: records.map((record) => copied(record)) }
        }),
      poison: (record) => Effect.succeed({ outputs: [copied(record, { poison: "yes" })] })
    })
}

if (import.meta.main) {
  const [brokers = "", prefix = "", blockedMillis] = process.argv.slice(2)
  watchEventLoop("poisonable", Number(blockedMillis))
  run(poisonable).pipe(
    Effect.provide(
      Layer.mergeAll(
        layerKafka({ brokers: brokers.split(","), sessionTimeoutMillis: 6_000 }),
        layerRuntimeOptions({ prefix, drainTimeout: Duration.seconds(5) }),
        Layer.succeed(RuntimeObserver, (event) => {
          if (event.type === "poison") process.stdout.write(`poison ${event.partition} ${event.offset}\n`)
        })
      )
    ),
    NodeRuntime.runMain
  )
}
