import { assert, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import type { Kafka } from "kafkajs"
import { resolveKafkaOptions } from "../options.ts"
import { batchSizesOf, openIdempotent } from "./producer.ts"

/** kafkajs's producers, of which the first never gets an answer; each call notes its producer's number. */
const silentAtFirst = () => {
  const calls: Array<string> = []
  let made = 0
  const producer = () => {
    const number = ++made
    const note = async (what: string) => void calls.push(`${what} ${number}`)
    return {
      connect: () => note("connect"),
      disconnect: () => note("disconnect"),
      sendBatch: async () => {
        await note("send")
        if (number === 1) await new Promise(() => undefined)
      }
    }
  }
  return { calls, kafka: { producer } as unknown as Kafka }
}

it.effect("never writes with a producer whose last write was interrupted", () =>
  Effect.gen(function* () {
    const { calls, kafka } = silentAtFirst()
    const options = resolveKafkaOptions({ brokers: [] })
    const produce = yield* openIdempotent(kafka, options, batchSizesOf(options))
    const records = [{ topic: "t", key: null, value: Buffer.from("a") }]
    const first = yield* Effect.forkChild(produce(records))
    yield* Effect.repeat(Effect.yieldNow, { until: () => calls.includes("send 1") })
    yield* Fiber.interrupt(first)
    yield* produce(records)
    assert.deepStrictEqual(calls, ["connect 1", "send 1", "disconnect 1", "connect 2", "send 2"])
  })
)
