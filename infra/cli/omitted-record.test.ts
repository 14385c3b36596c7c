/** A record whose value was not kept, since a producer compressed more than is read. */
import { assert, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { memoryCodecs } from "../../shared/testing/memory-codecs.ts"
import { describe } from "./commands/tail.ts"

it.effect("is shown as what it is", () =>
  Effect.gen(function* () {
    const record = { topic: "raw-events", partition: 1, offset: 2, timestamp: 0, headers: {}, value: Buffer.alloc(0) }
    const { value } = yield* describe({ ...record, key: Buffer.from("k"), omittedBytes: 40_000_000 }, "raw-event")
    const { undecodable, message, bytes } = value as Readonly<Record<string, unknown>>
    assert.deepStrictEqual([undecodable, bytes], ["record_too_large", 40_000_000])
    assert.match(String(message), /^Without compression the record has 40000000 bytes/)
  }).pipe(Effect.provide(memoryCodecs))
)
