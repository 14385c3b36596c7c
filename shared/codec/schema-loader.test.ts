import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as TestClock from "effect/testing/TestClock"
import { WriterSchemas } from "./avro-codec.ts"
import { RegistryError } from "./codecs.ts"
import { schemaLoader } from "./registry.ts"
import { recordTypes } from "./schemas.ts"

const framed = (id: number): Buffer => {
  const value = Buffer.alloc(6)
  value.writeUInt32BE(id, 1)
  return value
}
const batch = (from: number, count: number): ReadonlyArray<Buffer> =>
  Array.from({ length: count }, (_, index) => framed(from + index))

/** A registry that knows these ids, and what it was asked. */
const loaderOver = (known: { readonly has: (id: number) => boolean }, schemasMax?: number) => {
  const asked: Array<number> = []
  const writers = new WriterSchemas(schemasMax)
  const writerSchema = (id: number) =>
    Effect.sync(() => {
      asked.push(id)
      return known.has(id) ? recordTypes["raw-event"] : null
    })
  return { asked, load: schemaLoader({ writerSchema }, writers, null), writers }
}

describe("schema ids that the registry does not know", () => {
  it.effect("cost a bounded number of requests a batch and a minute, whatever their number", () =>
    Effect.gen(function* () {
      const { asked, load } = loaderOver(new Set())
      yield* load(batch(1, 10_000))
      assert.strictEqual(asked.length, 16)
      for (let index = 1; index < 40; index++) yield* load(batch(index * 10_000, 10_000))
      assert.isAtMost(asked.length, 160)
      const before = asked.length
      yield* TestClock.adjust("1 minute")
      yield* load(batch(900_000, 10_000))
      assert.strictEqual(asked.length - before, 16)
    })
  )

  it.effect("are asked for again after a while that grows, since they may be registered later", () =>
    Effect.gen(function* () {
      const known = new Set<number>()
      const { asked, load, writers } = loaderOver(known)
      for (let second = 0; second < 3_600; second += 10) {
        yield* load([framed(7)])
        yield* TestClock.adjust("10 seconds")
      }
      // After 0.5, 1, 2, 4, 8, 16 and 32 minutes.
      assert.isAtMost(asked.length, 7)
      known.add(7)
      yield* TestClock.adjust("1 hour")
      yield* load([framed(7)])
      assert.isTrue(writers.use(7))
    })
  )

  it.effect("stay known although very many others come after them", () =>
    Effect.gen(function* () {
      const { asked, load } = loaderOver(new Set())
      yield* load([framed(1)])
      for (let index = 0; index < 20; index++) yield* load(batch(1_000 + 100 * index, 100))
      const before = asked.length
      yield* load([framed(1)])
      assert.strictEqual(asked.length, before)
    })
  )

  it.effect(
    "do not hold up those that it knows: they cost nothing, and the id of most records is asked for first",
    () =>
      Effect.gen(function* () {
        const ours = new Set([77, ...Array.from({ length: 100 }, (_, index) => 500 + index)])
        const { asked, load, writers } = loaderOver(ours)
        yield* load([...batch(1_000, 400), framed(77), framed(77)])
        assert.strictEqual(asked[0], 77)
        assert.isTrue(writers.use(77))
        yield* load(batch(500, 100))
        assert.strictEqual(writers.size, 101)
      })
  )
})

describe("a registry that does not give a schema that the program registered itself", () => {
  it.effect("says nothing of another: its records wait until the user has its rights again", () =>
    Effect.gen(function* () {
      const known = new Set([1, 2, 7])
      let refuses = true
      const writers = new WriterSchemas()
      const writerSchema = (id: number) =>
        Effect.sync(() => (!refuses && known.has(id) ? recordTypes["raw-event"] : null))
      const ours = { has: (id: number) => id === 1 || id === 2, sample: 1 }
      const load = schemaLoader({ writerSchema }, writers, ours)
      for (let attempt = 0; attempt < 3; attempt++)
        assert.strictEqual((yield* Effect.flip(load([framed(7)]))).code, "other")
      refuses = false
      // At once, though it was asked for in vain; and one that is not there holds up none.
      yield* load([framed(7), framed(8)])
      assert.isTrue(writers.use(7))
      // A schema that it registered is there, whatever the registry says.
      known.delete(2)
      assert.strictEqual((yield* Effect.flip(load([framed(2)]))).code, "other")
    })
  )
})

describe("writers' schemas", () => {
  const all = { has: () => true }

  it.effect("are bounded in number, whatever is registered, and the ones in use are not forgotten", () =>
    Effect.gen(function* () {
      const { asked, load, writers } = loaderOver(all, 100)
      for (let round = 0; round < 500; round++) {
        yield* load([framed(7), ...batch(1_000 + round * 10, 10)])
        assert.isAtMost(writers.size, 100)
        assert.isTrue(writers.use(7))
      }
      assert.lengthOf(
        asked.filter((id) => id === 7),
        1
      )
    })
  )

  it.effect("that were forgotten are fetched again", () =>
    Effect.gen(function* () {
      const { asked, load, writers } = loaderOver(all, 100)
      yield* load([framed(7)])
      for (let round = 0; round < 200; round++) yield* load(batch(1_000 + round, 1))
      assert.isUndefined(writers.get(7))
      yield* load([framed(7)])
      assert.isDefined(writers.get(7))
      assert.lengthOf(
        asked.filter((id) => id === 7),
        2
      )
    })
  )

  it.effect("of batches that are not decoded yet stay, and one more than there is room for is not taken", () =>
    Effect.gen(function* () {
      const { load, writers } = loaderOver(all, 100)
      yield* load(batch(1, 100))
      yield* load(batch(500, 50))
      for (let id = 1; id <= 100; id++) assert.isDefined(writers.get(id))
      assert.isUndefined(writers.get(500))
    })
  )
})

describe("a schema that many batches wait for together", () => {
  /** A registry whose answers the test gives. */
  const slowly = () => {
    const asked: Array<Deferred.Deferred<void, RegistryError>> = []
    const writers = new WriterSchemas()
    const writerSchema = () =>
      Effect.suspend(() => {
        const answer = Deferred.makeUnsafe<void, RegistryError>()
        asked.push(answer)
        return Effect.as(Deferred.await(answer), recordTypes["raw-event"])
      })
    return { asked, load: schemaLoader({ writerSchema }, writers, null), writers }
  }
  const three = (load: ReturnType<typeof slowly>["load"]) =>
    Effect.forEach([1, 2, 3], () => Effect.forkChild(load([framed(7)]), { startImmediately: true }))

  it.effect("is fetched once", () =>
    Effect.gen(function* () {
      const { asked, load, writers } = slowly()
      const fibers = yield* three(load)
      assert.strictEqual(asked.length, 1)
      Deferred.doneUnsafe(asked[0]!, Exit.void)
      yield* Fiber.joinAll(fibers)
      assert.isTrue(writers.use(7))
    })
  )

  it.effect("fails for all of them where the registry does, and is asked for again", () =>
    Effect.gen(function* () {
      const { asked, load } = slowly()
      const fibers = yield* three(load)
      const error = new RegistryError({ code: "unreachable", message: "", nextStep: "", cause: null })
      Deferred.doneUnsafe(asked[0]!, Exit.fail(error))
      for (const fiber of fibers) assert.isTrue(Exit.isFailure(yield* Fiber.await(fiber)))
      yield* Effect.forkChild(load([framed(7)]), { startImmediately: true })
      assert.strictEqual(asked.length, 2)
    })
  )

  it.effect("is fetched by another where the one that fetched it was interrupted", () =>
    Effect.gen(function* () {
      const { asked, load, writers } = slowly()
      const [first, ...others] = yield* three(load)
      yield* Fiber.interrupt(first!)
      yield* Effect.repeat(Effect.yieldNow, { times: 10 })
      assert.strictEqual(asked.length, 2)
      Deferred.doneUnsafe(asked[1]!, Exit.void)
      yield* Fiber.joinAll(others)
      assert.isTrue(writers.use(7))
    })
  )
})
