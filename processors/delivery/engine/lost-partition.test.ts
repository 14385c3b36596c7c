import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"
import { assert, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { Codecs } from "../../../shared/codec/codecs.ts"
import { deliveryDefaults } from "./settings.ts"
import { connection, connectorWith, fakePlatform, ok, processorOver, respond, strictCodecs } from "./testing.ts"

it.effect("what was sent from a partition is not kept once the partition is lost", () =>
  Effect.gen(function* () {
    setFlagsFromString("--expose-gc")
    const collect = runInNewContext("gc") as () => void
    const processor = yield* processorOver({
      connector: connectorWith({ idempotent: false }),
      connection,
      settings: deliveryDefaults,
      services: fakePlatform(() => Effect.succeed(respond(ok)))
    }).pipe(Effect.provide(Layer.sync(Codecs, strictCodecs)))
    const opening = processor.open({ topic: "mapped-events.meta", partition: 0 })
    const task = yield* Effect.scoped(Effect.map(opening, (opened) => new WeakRef(opened)))
    // What was looked at in a turn of the event loop is kept until its end.
    yield* Effect.promise(() => new Promise((resume) => setImmediate(resume)))
    collect()
    assert.isUndefined(task.deref())
    // The processor is kept, and may be given the partition again.
    assert.strictEqual(processor.concurrency, 1)
  })
)
