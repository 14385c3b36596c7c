/** What no platform requires never stands in the way: whatever it holds, the event goes on, and so do its other fields. */
import { readFileSync } from "node:fs"
import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import { defaultNormalizerOptions, normalize } from "../../../processors/normalizer/normalize/normalize.ts"
import { previewEvent } from "../../../processors/normalizer/preview/preview-event.ts"
import { rawEventFromJson } from "../../../processors/normalizer/read/read-record.ts"
import { connectorKinds } from "../../model/platform.ts"
import { builtinConnection } from "../load-connections.ts"

type Json = Readonly<Record<string, unknown>>

/** A visitor's cart with a value in nearly every field. */
const full = {
  event_id: "e-1",
  event_name: "add_to_cart",
  event_time: 1_795_000_000_000,
  action_source: "website",
  event_source_url: "https://shop.example/cart",
  referrer_url: "https://shop.example/start",
  user: {
    email: "ann.lee@shop.example",
    phone: "+14155552671",
    first_name: "Quixworthy",
    last_name: "Zymurgist",
    city: "San Francisco",
    state: "CA",
    zip: "94103",
    country: "US",
    external_id: "u-77",
    anonymous_id: "anon-8f1c",
    date_of_birth: "1990-04-12",
    gender: "female",
    ip: "8.8.8.8",
    user_agent: "Mozilla/5.0 (iPhone)",
    fbp: "fb.1.1794999990000.1234567890",
    fbc: "fb.1.1794999990000.IwAR0",
    fbclid: "IwAR0",
    fbclid_time: 1_794_999_999_000,
    gclid: "Cj0K",
    gbraid: "0AA",
    wbraid: "Cm8",
    dclid: "CPq",
    ttclid: "E.C.P",
    ttp: "94e2a4j9",
    sc_click_id: "b38d",
    sc_cookie1: "3a5c",
    ctwa_clid: "ARA",
    madid: "6D92078A-8246-4BA4-AE5B-76104861E7DC",
    anon_id: "install-1",
    lead_id: "1234",
    subscription_id: "s-1",
    locale: "en-US"
  },
  consent: { ad_user_data: "granted", ad_personalization: "granted" },
  properties: {
    value: 129.95,
    currency: "USD",
    order_id: "o-42",
    items: [
      {
        id: "s1",
        name: "Socks",
        category: "Apparel",
        brand: "B",
        quantity: 2,
        price: 49.95,
        delivery_category: "curbside"
      },
      { id: "s2", price: 5 }
    ],
    num_items: 3,
    search_string: "warm",
    content_type: "product",
    content_name: "Winter",
    content_category: "Apparel",
    sign_up_method: "form",
    status: "done",
    predicted_ltv: 400,
    description: "a cart",
    shop_id: "shop-1",
    customer_type: "new",
    delivery_category: "in_store",
    coupon: "TEN",
    custom: { plan: "pro" }
  },
  app: { app_id: "1", app_name: "Shop", app_version: "1" }
} as const

interface AvroField {
  readonly name: string
  readonly type: unknown
}

/** The paths of the schema's fields, those of a list by its first element. */
const pathsOf = (
  fields: ReadonlyArray<AvroField>,
  before: ReadonlyArray<string>
): ReadonlyArray<ReadonlyArray<string>> =>
  fields.flatMap(({ name, type }) => {
    const path = [...before, name]
    const [record, inList] = recordIn(type)
    return record === null ? [path] : [path, ...pathsOf(record, inList ? [...path, "0"] : path)]
  })

const recordIn = (type: unknown): readonly [ReadonlyArray<AvroField> | null, boolean] => {
  if (Array.isArray(type)) return type.map(recordIn).find(([record]) => record !== null) ?? [null, false]
  if (typeof type !== "object" || type === null) return [null, false]
  const { fields, items } = type as { readonly fields?: ReadonlyArray<AvroField>; readonly items?: unknown }
  return fields !== undefined ? [fields, false] : items !== undefined ? [recordIn(items)[0], true] : [null, false]
}

const schema = JSON.parse(readFileSync(new URL("../../../schemas/raw-event.avsc", import.meta.url), "utf8")) as {
  readonly fields: ReadonlyArray<AvroField>
}
/** What every event needs, what names the item, and what says whether the event may be sent at all. */
const required = /^(?:event_id|event_name|event_time|consent.*|properties\.items\.0\.id)$/
const optional = pathsOf(schema.fields, []).filter((path) => !required.test(path.join(".")))

const withValue = (from: unknown, [key, ...rest]: ReadonlyArray<string>, value: unknown): unknown => {
  const inner = rest.length === 0 ? value : withValue((from as Json | undefined)?.[key!] ?? {}, rest, value)
  if (Array.isArray(from)) return (from as ReadonlyArray<unknown>).with(Number(key), inner)
  return { ...(from as Json), [key!]: inner }
}

const odd = fc.oneof(
  fc.jsonValue({ maxDepth: 2 }),
  fc.constantFrom("(null)", "null", "-1", -1, 0, 1e300, "1e400", "abc", "$5", true, [], {}, [null], "x".repeat(10_000)),
  fc.string({ unit: "binary" }),
  fc.double({ noNaN: true, noDefaultInfinity: true })
)

const normalized = (event: unknown) => {
  const read = rawEventFromJson(event)
  if (read._tag === "Problem") return assert.fail(`${read.problem.reason}: ${read.problem.message}`)
  const source = { topic: "raw-events", partition: 0, offset: 0, timestamp: 0 }
  const result = normalize(read.raw, source, defaultNormalizerOptions, read.dropped)
  return result._tag === "Problem" ? assert.fail(`${result.problem.reason}: ${result.problem.message}`) : result.event
}

/** What a field decides beside itself: how others are read, and what is the customer's in the shop's words. */
const decides: Readonly<Record<string, RegExp>> = {
  "user.country": /^user\.(?:country|phones|state|zip|date_of_birth)|^consent_country$/,
  "user.phone": /^user\.phones/,
  "user.email": /^user\.email/,
  "user.first_name": /^user\.first_name/,
  "user.last_name": /^user\.last_name/,
  "user.city": /^user\.city/,
  "user.state": /^user\.state/,
  "user.zip": /^user\.zip/,
  event_source_url: /^event_source_url|^user\.(?:fbclid|gclid|gbraid|wbraid|dclid|ttclid|sc_click_id)$/,
  "user.whatsapp_user_id": /^user\.whatsapp/
}

const leavesOf = (value: unknown, path: string, into: Map<string, unknown>): Map<string, unknown> => {
  if (typeof value !== "object" || value === null) return into.set(path, value)
  for (const [key, inner] of Object.entries(value)) leavesOf(inner, path === "" ? key : `${path}.${key}`, into)
  return into
}

describe("an optional field", () => {
  it("of any value never refuses the event in the normalizer, and changes no other field", () => {
    // An event without a customer is for no platform.
    const fields = optional.filter((path) => path.join(".") !== "user")
    const before = leavesOf({ ...normalized(full), dropped_fields: null }, "", new Map())
    fc.assert(
      fc.property(fc.constantFrom(...fields), odd, (path, value) => {
        const event = normalized(withValue(full, path, value))
        const after = leavesOf({ ...event, dropped_fields: null }, "", new Map())
        const field = path.join(".")
        // Consent is derived from all that is said of it together.
        const own = field.startsWith("consent")
          ? /^consent/
          : (decides[field] ?? new RegExp(`^${field.replaceAll(".", "\\.")}(?:\\.|$)`))
        // A customer's or an app's own group, or the list of items as a whole, is all of its fields.
        for (const [leaf, known] of before) {
          if (own.test(leaf) || leaf.startsWith(`${field}.`)) continue
          assert.deepStrictEqual(after.get(leaf), known, `${leaf} by ${field}`)
        }
      }),
      { numRuns: 3_000 }
    )
  })

  it("of any value never refuses the event at a platform that does not require it, and is named where it is left out", () => {
    // A page's URL is required of website events, and the customer of all.
    const free = optional.filter((path) => !["event_source_url", "user", "action_source"].includes(path.join(".")))
    // Of several values some may be left out.
    // A quantity that is not usable is not the one piece that stands for none; a zip may be left out for some platforms only. The
    // amounts are left out with their currency.
    const others =
      /^(?:properties\.items\[0\]\.quantity|properties\.currency|user\.(?:email|phone|external_id|zip)|properties\.(?:items|custom)|app\.extinfo|app|properties)$/
    let left = 0
    fc.assert(
      fc.property(fc.constantFrom(...free), odd, fc.constantFrom(...connectorKinds), (path, value, kind) => {
        const connection = builtinConnection(kind)
        const field = path.join(".").replace(".0.", "[0].")
        const prepared = previewEvent(withValue(full, path, value), connection)
        // A message goes to a number.
        if (kind === "whatsapp" && path[0] === "user") return
        if (prepared.outcome !== "payload") return assert.fail(`${kind} by ${field}: ${prepared.reason}`)
        if (others.test(field) || !prepared.dropped_fields.some((dropped) => dropped.field === field)) return
        left++
        const without = previewEvent(withValue(full, path, undefined), connection)
        assert.deepStrictEqual(
          prepared.payload,
          without.outcome === "payload" ? without.payload : null,
          `${kind} by ${field}`
        )
      }),
      { numRuns: 3_000 }
    )
    assert.isAbove(left, 500)
  })
})
