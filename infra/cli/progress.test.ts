/** What a command that reads much says meanwhile, by virtual time. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as TestClock from "effect/testing/TestClock"
import { MemoryKafka } from "../../shared/testing/memory-kafka.ts"
import { Json } from "./cli.ts"
import { Output, outputTo } from "./output.ts"
import { withProgress } from "./progress.ts"
import { StatusLine } from "./status-line.ts"

const taken = "\r\u001b[K"

interface Options {
  /** Of the terminal; without them standard error is a file. */
  readonly columns?: number
  readonly json?: boolean
}

/** Two topics with 1,000 records in each of two partitions, whose reader needs 4 seconds for each partition; and what is written. */
const setUp = Effect.fnUntraced(function* ({ columns, json = false }: Options) {
  const kafka = new MemoryKafka()
  for (const topic of ["t.one", "t.two"]) {
    kafka.log.create(topic, 2)
    for (const partition of [0, 1])
      yield* kafka.client.produce(
        Array.from({ length: 1_000 }, () => ({ topic, partition, key: null, value: Buffer.from("x") }))
      )
  }
  const out: Array<string> = []
  const errors: Array<string> = []
  const output = outputTo({
    out: (text) => Effect.sync(() => void out.push(text)),
    error: (text) => Effect.sync(() => void errors.push(text)),
    ...(columns === undefined ? {} : { statusLine: new StatusLine(() => columns) }),
    colours: false,
    interactive: false
  })
  const client = yield* withProgress(kafka.client, "t.").pipe(
    Effect.provideService(Output, output),
    Effect.provideService(Json, json)
  )
  const read = (topic: string, to: number | null = 1_000) =>
    client.read({
      topic,
      ranges: [0, 1].map((partition) => ({ partition, from: 0, to })),
      onRecords: () => Effect.sleep("4 seconds")
    })
  return { read, output, out, errors }
})

describe("on a terminal", () => {
  it.effect("is one line, which changes, and is gone when the reading ends or anything else is written", () =>
    Effect.gen(function* () {
      const { read, output, out, errors } = yield* setUp({ columns: 200 })
      const reading = yield* Effect.forkChild(read("t.one"))
      yield* TestClock.adjust("1900 millis")
      assert.deepStrictEqual(errors, [])
      yield* TestClock.adjust("700 millis")
      const begun = ["2 s", "3 s"].map((age) => `${taken}Reading one: 0 of 2,000 records (0 %) after ${age}.`)
      assert.deepStrictEqual(errors, begun)
      yield* output.write("a result\n")
      yield* output.write("another\n")
      yield* output.note("a note")
      assert.deepStrictEqual(errors.slice(2), [taken, "a note\n"])
      yield* TestClock.adjust("2 seconds")
      assert.strictEqual(errors.at(-1), `${taken}Reading one: 1,000 of 2,000 records (50 %) after 5 s.`)
      yield* TestClock.adjust("4 seconds")
      yield* Fiber.join(reading)
      assert.strictEqual(errors.at(-1), taken)
      const written = errors.length
      yield* TestClock.adjust("1 minute")
      assert.deepStrictEqual([errors.length, out], [written, ["a result\n", "another\n"]])
    })
  )

  it.effect("is as long as a line, and goes when the command is interrupted", () =>
    Effect.gen(function* () {
      const errors = yield* Effect.scoped(
        Effect.gen(function* () {
          const { read, errors } = yield* setUp({ columns: 21, json: true })
          const reading = yield* Effect.forkChild(read("t.one"))
          yield* TestClock.adjust("2 seconds")
          assert.deepStrictEqual(errors, [`${taken}Reading one: 0 of 2,`])
          yield* Fiber.interrupt(reading)
          return errors
        })
      )
      assert.deepStrictEqual(errors.slice(1), [taken])
    })
  )
})

describe("in a log", () => {
  it.effect("is a line every ten seconds, of all that is read at the time", () =>
    Effect.gen(function* () {
      const { read, errors } = yield* setUp({})
      const reading = yield* Effect.forkChild(
        Effect.all([read("t.one"), Effect.andThen(Effect.sleep("5 seconds"), read("t.two"))], { concurrency: 2 })
      )
      yield* TestClock.adjust("7 seconds")
      assert.deepStrictEqual(errors, [])
      yield* TestClock.adjust("20 seconds")
      yield* Fiber.join(reading)
      // `one` has ended by then, and both before another ten seconds are over.
      assert.deepStrictEqual(errors, ["Reading two: 1,000 of 2,000 records (50 %) after 10 s.\n"])
    })
  )

  it.effect("counts what topics have together", () =>
    Effect.gen(function* () {
      const { read, errors } = yield* setUp({})
      const three = ["t.one", "t.two", "t.two"].map((topic) => Effect.all([read(topic), read(topic), read(topic)]))
      const reading = yield* Effect.forkChild(Effect.all(three, { concurrency: 3 }))
      yield* TestClock.adjust("29 seconds")
      yield* Fiber.join(reading)
      assert.deepStrictEqual(errors, [
        "Reading one and 1 other topic: 0 of 6,000 records (0 %) after 10 s.\n",
        "Reading one and 1 other topic: 3,000 of 6,000 records (50 %) after 20 s.\n"
      ])
    })
  )

  it.effect("does not come where a program reads the command's JSON, nor while a topic is followed", () =>
    Effect.gen(function* () {
      const json = yield* setUp({ json: true })
      yield* Effect.forkChild(json.read("t.one"))
      const followed = yield* setUp({})
      yield* Effect.forkChild(followed.read("t.one", null))
      yield* TestClock.adjust("1 minute")
      assert.deepStrictEqual([...json.errors, ...followed.errors], [])
    })
  )

  it.effect("begins again after a pause, such as a question", () =>
    Effect.gen(function* () {
      const { read, errors } = yield* setUp({})
      const reading = yield* Effect.forkChild(
        Effect.all([read("t.one"), Effect.sleep("11 seconds"), read("t.one"), read("t.two")])
      )
      yield* TestClock.adjust("1 minute")
      yield* Fiber.join(reading)
      assert.deepStrictEqual(errors, ["Reading two: 0 of 2,000 records (0 %) after 10 s.\n"])
    })
  )
})
