import { createHash } from "node:crypto"
import { assert, describe, it } from "@effect/vitest"
import { defaultNormalizerOptions, normalize } from "../../../processors/normalizer/normalize/normalize.ts"
import { rawEventFromJson } from "../../../processors/normalizer/read/read-record.ts"
import type { ConnectorKind } from "../../model/platform.ts"
import { builtinConnection } from "../load-connections.ts"
import { connectorFor } from "../registry.ts"
import { mapForConnection } from "./map.ts"

const sha256 = (plain: string) => createHash("sha256").update(plain).digest("hex")

/** The payload and the notes of a lead of this customer, where the connections' default countries are these. */
const run = (
  user: object,
  mapping: object = {},
  defaultCountries: ReadonlyArray<string> = [],
  kind: ConnectorKind = "meta"
) => {
  const raw = {
    event_id: "e",
    event_name: "lead",
    event_time: 1_795_000_000_000,
    event_source_url: "https://shop.example/",
    user: { ip: "8.8.8.8", user_agent: "UA", ...user }
  }
  const read = rawEventFromJson(raw)
  if (read._tag === "Problem") return assert.fail(read.problem.reason)
  const source = { topic: "raw-events", partition: 0, offset: 0, timestamp: 0 }
  const normalized = normalize(read.raw, source, { ...defaultNormalizerOptions, defaultCountries }, read.dropped)
  if (normalized._tag === "Problem") return assert.fail(normalized.problem.reason)
  const builtin = builtinConnection(kind)
  const connection = { ...builtin, mapping: { ...builtin.mapping, ...mapping } }
  const mapped = mapForConnection(normalized.event, connection, connectorFor(kind), null)
  if (mapped._tag !== "Mapped") return assert.fail(mapped.reason)
  const payload = JSON.parse(mapped.event.payload) as Readonly<Record<string, Readonly<Record<string, unknown>>>>
  const notes = mapped.event.dropped_fields.map(({ field, reason }) => `${field} ${reason}`)
  return { user: payload["user_data"] ?? payload["user"] ?? {}, notes, quality: mapped.event.match_quality ?? 0 }
}

describe("a phone number without a country", () => {
  const read = ["user.phone read_as_international"]
  const unknown = ["user.phone phone_country_unknown"]

  it.each([
    ["14155552671", "14155552671"],
    ["1 (415) 555-2671", "14155552671"],
    ["4915112345678", "4915112345678"],
    ["44 7911 123456", "447911123456"],
    ["5215512345678", "525512345678"],
    ["13032345678", "13032345678"]
  ])("%s is international by its digits, and the trace says so", (phone, digits) => {
    const { notes, user } = run({ phone })
    assert.deepStrictEqual([user["ph"], notes], [[sha256(digits)], read])
  })

  it.each(["4155552671", "(415) 555-2671", "(431) 234-5678", "030 1234567", "0171 2345678", "555-2671", "80055512123"])(
    "%s stays out: a national number",
    (phone) => {
      const { notes, user } = run({ phone })
      assert.deepStrictEqual([user["ph"], notes], [undefined, unknown])
    }
  )

  it("is read by the connection's default country where it has one, and by nothing else", () => {
    const phone = "14155552671"
    assert.deepStrictEqual(run({ phone }, { defaultCountry: "US" }, ["US"]).notes, [])
    assert.deepStrictEqual(run({ phone }, { defaultCountry: "US" }, ["US"]).user["ph"], [sha256(phone)])
    // Another connection's country says nothing to this one.
    assert.deepStrictEqual(run({ phone }, {}, ["DE"]).notes, read)
    const german = run({ phone }, { defaultCountry: "DE" }, ["DE"])
    assert.deepStrictEqual([german.user["ph"], german.notes], [undefined, unknown])
  })

  it("is read by the customer's country where that is known, and by nothing else", () => {
    assert.deepStrictEqual(run({ phone: "14155552671", country: "DE" }).notes, ["user.phone invalid_phone"])
    assert.deepStrictEqual(run({ phone: "14155552671", country: "US" }).notes, [])
  })

  it("is no assumption where the same number comes with its plus", () => {
    const { notes, user } = run({ phone: ["14155552671", "+1 415 555 2671"] })
    assert.deepStrictEqual([user["ph"], notes], [[sha256("14155552671")], []])
  })
})

describe("an anonymous id", () => {
  const kinds = ["meta", "tiktok", "snapchat"] as const

  it("stands in for the external id without one", () => {
    for (const kind of kinds) {
      const ids = (user: object) => run(user, {}, [], kind).user["external_id"]
      assert.deepStrictEqual(ids({ anonymous_id: " Anon-8F1C " }), [sha256("anon-8f1c")], kind)
      assert.deepStrictEqual(ids({ anonymous_id: sha256("anon") }), [sha256("anon")], kind)
      assert.deepStrictEqual(ids({ anonymous_id: "anon-8f1c", external_id: "u-1" }), [sha256("u-1")], kind)
      assert.deepStrictEqual(ids({ anonymous_id: "anon-8f1c", external_id: "null" }), [sha256("anon-8f1c")], kind)
      assert.strictEqual(ids({ anonymous_id: "anonymous" }), undefined, kind)
    }
  })

  it("does so nowhere that the connection ignores it", () => {
    for (const kind of kinds) {
      const { quality, user } = run({ anonymous_id: "anon-8f1c" }, { anonymousId: "ignore" }, [], kind)
      assert.strictEqual(user["external_id"], undefined, kind)
      assert.isBelow(quality, run({ anonymous_id: "anon-8f1c" }, {}, [], kind).quality, kind)
    }
  })
})
