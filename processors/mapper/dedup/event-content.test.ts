import { assert, it } from "@effect/vitest"
import fc from "fast-check"
import type { NormalizedEvent } from "../../../schemas/types.gen.ts"
import { properties, purchase } from "../../../shared/testing/event-fixture.ts"
import { makeMemoryCodecs } from "../../../shared/testing/memory-codecs.ts"
import { contentOf } from "./duplicate-filter.ts"

const codecs = makeMemoryCodecs()
const content = (event: NormalizedEvent) => contentOf(codecs.encode("normalized-events", "normalized-event", event))

const sources = fc.record({
  topic: fc.string({ maxLength: 200 }),
  partition: fc.nat(),
  offset: fc.maxSafeNat(),
  timestamp: fc.maxSafeNat()
})

it("leaves out the source and nothing else", () => {
  fc.assert(
    fc.property(sources, sources, fc.string(), (source, other, name) => {
      const event = purchase({ event_name: name, source })
      assert.strictEqual(content({ ...event, source: other }), content(event))
    })
  )
  const changes: ReadonlyArray<Partial<NormalizedEvent>> = [
    { event_name: "lead" },
    { event_time: 1 },
    { action_source: null },
    { properties: properties({ value: 1, currency: "USD" }) },
    { dropped_fields: [{ field: "user.phone", reason: "x" }] }
  ]
  for (const change of changes) assert.notStrictEqual(content(purchase(change)), content(purchase()))
})

it("takes any bytes", () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => void contentOf(Buffer.from(bytes))))
})
