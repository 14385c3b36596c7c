import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import { makeMemoryCodecs } from "../../../shared/testing/memory-codecs.ts"
import { PersonalData } from "../pii/personal-data.ts"
import { rawEventFromJson, readJson } from "../read/read-record.ts"
import { defaultNormalizerOptions, normalize } from "./normalize.ts"
import { problemReasons } from "./problem.ts"
import { cleanUrl } from "./url.ts"

const now = Date.UTC(2026, 10, 23)
const codecs = makeMemoryCodecs()

/** A value where the schema wants another as often as the right one. */
const odd = fc.oneof(
  fc.jsonValue({ maxDepth: 3 }),
  fc.string({ unit: "binary" }),
  fc.double(),
  fc.constantFrom("1.5", "", "null")
)
const objectOf = (...keys: ReadonlyArray<string>) =>
  fc.oneof(
    odd,
    fc.dictionary(fc.constantFrom(...keys), odd),
    fc.dictionary(fc.oneof(fc.constantFrom(...keys), fc.string()), odd)
  )

const anyEvent = fc.record({
  event_id: fc.oneof({ weight: 9, arbitrary: fc.constant("e-1") }, { weight: 1, arbitrary: odd }),
  event_name: fc.oneof({ weight: 9, arbitrary: fc.constant("lead") }, { weight: 1, arbitrary: odd }),
  event_time: fc.oneof({ weight: 9, arbitrary: fc.constant(now) }, { weight: 1, arbitrary: odd }),
  event_source_url: odd,
  action_source: odd,
  page_id: odd,
  user: fc.oneof(
    fc.constant({ email: "jane@shop.example", first_name: "Jane" }),
    objectOf("email", "phone", "first_name", "city", "zip", "country", "ip", "fbp", "fbclid_time", "date_of_birth")
  ),
  consent: objectOf("ad_user_data", "ad_personalization", "sale_of_data"),
  properties: objectOf("value", "currency", "items", "num_items", "custom", "search_string", "order_id", "__proto__"),
  app: objectOf("app_id", "advertiser_tracking_enabled", "extinfo")
})

describe("any input", () => {
  it("becomes an event that Avro can hold, or a problem with a reason", () => {
    let events = 0
    fc.assert(
      fc.property(anyEvent, (json) => {
        const read = readJson(Buffer.from(JSON.stringify(json)))
        const source = { topic: "raw-events", partition: 0, offset: 0, timestamp: now }
        const result =
          read._tag === "Read" ? normalize(read.raw, source, { ...defaultNormalizerOptions, now }, read.dropped) : read
        if (result._tag === "Problem") return assert.include(problemReasons, result.problem.reason)
        events++
        const bytes = codecs.encode("normalized-events", "normalized-event", result.event)
        assert.strictEqual(codecs.decode("normalized-event", bytes)._tag, "Decoded")
      }),
      { numRuns: 2_000 }
    )
    assert.isAbove(events, 100)
  })

  it("that is no event at all is refused", () => {
    fc.assert(
      fc.property(fc.anything(), (json) => {
        assert.include(["Read", "Problem"], rawEventFromJson(json)._tag)
      })
    )
    fc.assert(
      fc.property(fc.uint8Array(), (bytes) => {
        assert.include(["Read", "Problem"], readJson(Buffer.from(bytes))._tag)
      })
    )
  })
})

describe("any URL", () => {
  const personal = new PersonalData(null)
  const anyUrl = fc.oneof(fc.webUrl({ withQueryParameters: true, withFragments: true }), fc.string({ unit: "binary" }))
  it("keeps its bytes or loses what is personal, and then nothing more", () => {
    fc.assert(
      fc.property(anyUrl, (raw) => {
        const { removed, url } = cleanUrl(raw, personal)
        if (url === null) return
        assert.deepStrictEqual(cleanUrl(url, personal), { url, removed: false })
        if (!removed) assert.strictEqual(url, raw.trim())
      }),
      { numRuns: 2_000 }
    )
  })

  it.each([
    ["https://shop.example/?email=jane%40shop.example&a=1", "https://shop.example/?a=1"],
    ["https://shop.example/?a=1&q=jane%2540shop.example#x", "https://shop.example/?a=1#x"],
    ["https://shop.example/?phone=123&tel=1", "https://shop.example/"],
    ["https://shop.example/?t=%2B4917123456789", "https://shop.example/"],
    ["https://shop.example/u/jane@shop.example/orders", "https://shop.example/u/removed/orders"],
    ["https://jane:secret@shop.example/", "https://shop.example/"],
    ["https://shop.example/#email=jane@shop.example", "https://shop.example/"],
    [`https://shop.example/?em=${"a".repeat(64)}`, `https://shop.example/?em=${"a".repeat(64)}`],
    ["https://shop.example/a?b=c+d&&e#", "https://shop.example/a?b=c+d&&e#"]
  ])("%s → %s", (raw, expected) => {
    assert.strictEqual(cleanUrl(raw, personal).url, expected)
  })

  it("that is not a URL is left out", () => {
    for (const raw of ["", "shop", "//shop.example", "/thanks", `https://shop.example/${"a".repeat(9_000)}`]) {
      assert.isNull(cleanUrl(raw, personal).url)
    }
  })
})
