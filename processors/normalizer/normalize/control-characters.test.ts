/** Control characters and marks that turn the direction of a text reach no platform, wherever a producer puts them. */
import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import { mapForConnection } from "../../../shared/connectors/mapping/map.ts"
import { connectorFor } from "../../../shared/connectors/registry.ts"
import { connectorKinds } from "../../../shared/model/platform.ts"
import { connectionOf } from "../../../shared/testing/event-fixture.ts"
import { rawEventFromJson } from "../read/read-record.ts"
import { defaultNormalizerOptions, normalize } from "./normalize.ts"

const now = Date.UTC(2026, 10, 23)
const unwanted = /(?![\t\n\r])[\p{Cc}\u202a-\u202e\u2066-\u2069]/u
const source = { topic: "raw-events", partition: 0, offset: 0, timestamp: now }

const normalized = (json: unknown) => {
  const read = rawEventFromJson(json)
  if (read._tag === "Problem") return null
  const result = normalize(read.raw, source, { ...defaultNormalizerOptions, now }, read.dropped)
  return result._tag === "Normalized" ? result.event : null
}

const event = (custom: Readonly<Record<string, unknown>>) => ({
  event_id: "e-1",
  event_name: "lead",
  event_time: now,
  user: { external_id: "u-1" },
  properties: { custom }
})
const customOf = (custom: Readonly<Record<string, unknown>>) => {
  const { dropped_fields, properties } = normalized(event(custom))!
  return [properties!.custom, dropped_fields.map(({ field, reason }) => `${field} ${reason}`)] as const
}

/** Every text of a value, the names of its properties too. */
const textsIn = (value: unknown): ReadonlyArray<string> => {
  if (typeof value === "string") return [value]
  if (value === null || typeof value !== "object") return []
  return Object.entries(value).flatMap(([key, item]) => [key, ...textsIn(item)])
}

describe("custom properties", () => {
  it("lose control characters, and keep lines, tabs and the marks that belong to a script", () => {
    assert.deepStrictEqual(customOf({ note: "a\u001b[2J\u0000b\u009bc\u007f\u202ed\u2066\u2069" })[0], {
      note: "a[2Jbcd"
    })
    assert.deepStrictEqual(customOf({ note: "one\ntwo\tthree \u200fשלום\u200f می‌خواهم " })[0], {
      note: "one\ntwo\tthree \u200fשלום\u200f می‌خواهم "
    })
  })

  it("lose them in their names, but do not take the place of another", () => {
    assert.deepStrictEqual(customOf({ "pl\u0000an\u202e": "pro" }), [{ plan: "pro" }, []])
    assert.deepStrictEqual(customOf({ "pl\u0000an": "hidden", plan: "pro" }), [
      { plan: "pro" },
      ["properties.custom invalid_type"]
    ])
    assert.deepStrictEqual(customOf({ "__\u0000proto__": "x" }), [{}, ["properties.custom invalid_type"]])
  })

  it("are looked at for personal data after that", () => {
    assert.deepStrictEqual(customOf({ note: "jane\u0000@shop\u202e.example" })[0], {})
  })
})

describe("an event with such characters in every text", () => {
  const dirty = fc.string({
    unit: fc.constantFrom("a", "1", " ", "\u001b[2J", "\u0000", "\u009b", "\u202e", "\u2069", "\u007f", "é")
  })
  const texts = (...keys: ReadonlyArray<string>) => fc.record(Object.fromEntries(keys.map((key) => [key, dirty])))
  const anyEvent = fc.record({
    event_id: fc.oneof(fc.constant("e-1"), dirty),
    event_name: fc.oneof(fc.constant("purchase"), dirty),
    event_time: fc.constant(now),
    event_source_url: dirty.map((text) => `https://shop.example/${text}?a=${text}#${text}`),
    user: texts("user_agent", "city", "zip", "anon_id", "locale").map((user) => ({ ...user, external_id: "u-1" })),
    properties: fc
      .tuple(
        texts(
          "content_name",
          "content_type",
          "search_string",
          "order_id",
          "description",
          "coupon",
          "status",
          "shop_id"
        ),
        texts("id", "name", "category", "brand"),
        fc.dictionary(dirty, dirty)
      )
      .map(([fields, item, custom]) => ({ ...fields, value: 1, currency: "EUR", items: [item], custom })),
    app: fc.tuple(texts("app_name", "app_version"), fc.array(dirty)).map(([app, extinfo]) => ({ ...app, extinfo }))
  })

  it("gives a platform none of them", () => {
    let payloads = 0
    fc.assert(
      fc.property(anyEvent, (json) => {
        const clean = normalized(json)
        if (clean === null) return
        assert.deepStrictEqual(
          textsIn({ ...clean, dropped_fields: [] }).filter((text) => unwanted.test(text)),
          []
        )
        for (const kind of connectorKinds) {
          const mapped = mapForConnection(clean, connectionOf(kind), connectorFor(kind), now)
          if (mapped._tag !== "Mapped") continue
          payloads++
          assert.deepStrictEqual(
            textsIn(JSON.parse(mapped.event.payload)).filter((text) => unwanted.test(text)),
            []
          )
        }
      }),
      { numRuns: 500 }
    )
    assert.isAbove(payloads, 300)
  })
})
