/**
 * A program for tests that stop, freeze and kill a real process: it copies `in` to `out` exactly once until it is stopped.
 * Arguments: brokers, prefix, session timeout and duration of a step in milliseconds. It prints a line for each partition that it opens.
 * With `dies` behind them it takes its records for a backlog, and kills itself while a transaction is open.
 */
import { writeSync } from "node:fs"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { layerKafka } from "../kafka/kafkajs/adapter.ts"
import type { Batch, Processor } from "../runtime/contract.ts"
import { layerRuntimeOptions } from "../runtime/contract.ts"
import { RuntimeObserver } from "../runtime/metrics.ts"
import { run } from "../runtime/runtime.ts"
import { copyingBacklog } from "./backlog-copies.ts"

export const copyProcessor: Processor = {
  name: "copy",
  topics: ["in"],
  batch: { recordsMax: 200, bytesMax: 500_000, linger: Duration.millis(5) },
  concurrency: 2,
  open: () =>
    Effect.succeed({
      step: ({ records }) =>
        Effect.succeed({
          outputs: records.map(({ key, value, partition }) => ({
            topic: "out",
            key: key === null ? null : key.toString(),
            value,
            headers: { from: String(partition) }
          }))
        })
    })
}

/** Each step takes so long; so there is always one in flight when the process is hit. */
export const slowedDown = (millis: number): Processor => ({
  ...copyProcessor,
  open: (assigned) =>
    Effect.map(copyProcessor.open(assigned), (task) => ({
      step: (batch: Batch) => Effect.delay(task.step(batch), Duration.millis(millis))
    }))
})

const die = Effect.sync(() => {
  writeSync(1, "dies\n")
  process.kill(process.pid, "SIGKILL")
})

const main = (brokers: string, prefix: string, sessionTimeoutMillis: number, stepMillis: number, dies: boolean) =>
  (dies ? copyingBacklog(copyProcessor, die, run) : run(slowedDown(stepMillis))).pipe(
    Effect.provide(
      Layer.mergeAll(
        layerKafka({ brokers: brokers.split(","), sessionTimeoutMillis }),
        layerRuntimeOptions({ prefix, drainTimeout: Duration.seconds(5), commitSoonBytes: 0 }),
        Layer.succeed(RuntimeObserver, (event) => {
          if (event.type === "opened" || event.type === "reopening") {
            process.stdout.write(`${event.type} ${event.partition}\n`)
          }
        })
      )
    )
  )

if (import.meta.main) {
  const [brokers, prefix, sessionTimeoutMillis, stepMillis, dies] = process.argv.slice(2)
  main(brokers!, prefix!, Number(sessionTimeoutMillis), Number(stepMillis), dies === "dies").pipe(NodeRuntime.runMain)
}
