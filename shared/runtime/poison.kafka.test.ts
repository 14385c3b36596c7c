/** Records that end their process each time, on a real broker: one loops, one throws, one takes all memory. */

import { once } from "node:events"
import process from "node:process"
import { fileURLToPath } from "node:url"
import { assert, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { spawnGuarded } from "../../infra/local/guarded-spawn.mjs"
import { testBrokers, uniquePrefix } from "../../tests/harness/test-services.ts"
import { KafkaClient } from "../kafka/client.ts"
import { layerKafka } from "../kafka/kafkajs/adapter.ts"
import { committedOffsets, readAll } from "../testing/kafka-probe.ts"

const program = fileURLToPath(new URL("../testing/poison-program.ts", import.meta.url))

interface Ended {
  readonly code: number | null
  readonly signal: string | null
  readonly errors: string
}

/** Runs the program, as an orchestrator does, again after each end, until the condition holds or it ended too often. */
const runAgain = Effect.fnUntraced(function* (
  prefix: string,
  endsMax: number,
  done: Effect.Effect<boolean, unknown, KafkaClient>
) {
  const ends: Array<Ended> = []
  const lines: Array<string> = []
  for (;;) {
    let errors = ""
    const child = yield* Effect.acquireRelease(
      Effect.sync(() =>
        spawnGuarded(process.execPath, ["--max-old-space-size=64", program, testBrokers().join(","), prefix, "2000"])
      ),
      (started) => Effect.sync(() => void started.kill("SIGKILL"))
    )
    child.stdout.on("data", (text: Buffer) => lines.push(...text.toString().split("\n").filter(Boolean)))
    child.stderr.on("data", (text: Buffer) => (errors += text.toString()))
    let end: Ended | null = null
    child.once("close", (code: number | null, signal: string | null) => (end = { code, signal, errors }))
    while (end === null) {
      if (yield* Effect.orElseSucceed(done, () => false)) {
        child.kill("SIGTERM")
        if (child.exitCode === null && child.signalCode === null) yield* Effect.promise(() => once(child, "close"))
        return { ends, lines }
      }
      yield* Effect.sleep("200 millis")
    }
    ends.push(end)
    if (ends.length > endsMax)
      return yield* Effect.die(new Error(`It ended ${ends.length} times: ${errors.slice(-500)}`))
  }
})

layer(layerKafka({ brokers: testBrokers() }), { excludeTestServices: true })("a record that ends its process", (it) => {
  it.effect(
    "is taken out once it did so alone as well, and all others are copied once",
    () =>
      Effect.gen(function* () {
        const client = yield* KafkaClient
        const prefix = uniquePrefix("poison")
        yield* client.createTopics(
          ["in", "out"].map((name) => ({ name: prefix + name, partitions: 1, replication: 1, config: {} }))
        )
        const values = Array.from({ length: 60 }, (_, index) => String(index))
        values[10] = "throw"
        values[30] = "loop"
        values[31] = "heap"
        yield* client.produce(values.map((value) => ({ topic: `${prefix}in`, key: null, value: Buffer.from(value) })))
        const done = Effect.gen(function* () {
          const [end] = yield* client.topicOffsets(`${prefix}in`)
          const [committed] = yield* committedOffsets(client, `${prefix}poisonable`, `${prefix}in`)
          return committed?.offset === end?.high
        })
        const { ends, lines } = yield* runAgain(prefix, 16, done)
        const records = yield* readAll(`${prefix}out`)
        assert.deepStrictEqual(
          records.map(({ value }) => String(value)),
          values,
          "each once, in order"
        )
        assert.deepStrictEqual(
          records.filter(({ headers }) => headers["poison"] === "yes").map(({ value }) => String(value)),
          ["throw", "loop", "heap"]
        )
        assert.deepStrictEqual(
          lines.filter((line) => line.startsWith("poison ")),
          ["poison 0 10", "poison 0 30", "poison 0 31"]
        )
        assert.isTrue(
          ends.some(
            ({ errors, signal }) => signal === "SIGKILL" && errors.includes("The event loop was blocked for 2 s")
          )
        )
        assert.isTrue(ends.some(({ errors }) => errors.includes("heap out of memory")))
        // Three ends of a batch and one alone for the first; what is found while records are processed one by one takes one.
        assert.isAtMost(ends.length, 12)
      }).pipe(Effect.scoped),
    180_000
  )
})
