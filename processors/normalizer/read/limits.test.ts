import { assert, describe, it } from "@effect/vitest"
import type { RawEvent } from "../../../schemas/types.gen.ts"
import { makeMemoryCodecs } from "../../../shared/testing/memory-codecs.ts"
import { readRecord } from "./read-record.ts"

const codecs = makeMemoryCodecs()
const read = (value: Buffer) => {
  const result = readRecord(value, (bytes) => codecs.decode("raw-event", bytes), 1_048_576)
  return result._tag === "Read" ? result : assert.fail(result.problem.message)
}
const json = (fields: object) =>
  read(Buffer.from(JSON.stringify({ event_id: "e", event_name: "lead", event_time: 1795824000000, ...fields })))
const avro = (raw: RawEvent) => read(codecs.encode("raw-events", "raw-event", raw))

const counts = ({ app, properties, user }: RawEvent) => [
  properties?.items.length,
  Object.keys(properties?.custom ?? {}).length,
  app?.extinfo.length,
  Object.keys(user?.click_ids ?? {}).length
]
const list = <A>(count: number, element: (index: number) => A) =>
  Array.from({ length: count }, (_, index) => element(index))
const map = (count: number) => Object.fromEntries(list(count, (index) => [`k${index}`, "x"]))
const event = (items: number, custom: number, extinfo: number, clickIds: number) => ({
  user: { email: "ann@shop.example", click_ids: map(clickIds) },
  properties: { items: list(items, (index) => ({ id: String(index) })), custom: map(custom) },
  app: { extinfo: list(extinfo, String) }
})

describe("more values than an event may have", () => {
  const atMost = json(event(1000, 200, 64, 64)).raw
  const one = { items: list(1, () => atMost.properties!.items[0]!), custom: { more: 1 } }
  const more: RawEvent = {
    ...atMost,
    user: { ...atMost.user!, click_ids: { ...atMost.user!.click_ids, more: "x" } },
    properties: {
      ...atMost.properties!,
      items: [...atMost.properties!.items, ...one.items],
      custom: { ...atMost.properties!.custom, ...one.custom }
    },
    app: { ...atMost.app!, extinfo: [...atMost.app!.extinfo, "more"] }
  }
  const named = ["app.extinfo", "properties.custom", "properties.items", "user.click_ids"]

  it("are left out and named, by JSON and by Avro", () => {
    for (const { dropped, raw } of [json(event(1001, 201, 65, 65)), avro(more)]) {
      assert.deepStrictEqual(counts(raw), [1000, 200, 64, 64])
      assert.deepStrictEqual(
        dropped.map(({ field, reason }) => `${field} ${reason}`).sort(),
        named.map((field) => `${field} too_many`)
      )
    }
  })

  it("are not those at the limit", () => {
    assert.deepStrictEqual(avro(atMost).dropped, [])
    assert.deepStrictEqual(avro(atMost).raw, atMost)
  })

  it("that are no values make no more notes than that", () => {
    const { dropped } = json({ user: { email: list(50_000, () => ({})) } })
    assert.isAtMost(dropped.length, 65)
    assert.isTrue(dropped.some(({ reason }) => reason === "too_many"))
  })
})
