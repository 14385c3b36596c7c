/** No text of a producer, in any field, takes longer than its length allows. */
import { assert, describe, it } from "@effect/vitest"
import { cpuMillis, growthOf, linearRatioMax } from "../../../shared/testing/growth.ts"
import { makeMemoryCodecs } from "../../../shared/testing/memory-codecs.ts"
import { readRecord } from "../read/read-record.ts"
import { defaultNormalizerOptions, normalize } from "./normalize.ts"

const now = Date.UTC(2026, 10, 23)
const codecs = makeMemoryCodecs()
const recordBytesMax = 16 * 1_048_576

type Json = Readonly<Record<string, unknown>>

/** Shapes of text on which scans have been seen to go back and forth: a start, what is repeated, an end that fits nothing. */
const shapes: ReadonlyArray<readonly [start: string, repeated: string, end: string]> = [
  ["é", " ", "x"],
  ["é", "\u200b", "x"],
  ["a", "\u0315\u0300", ""],
  ["", "%40", ""],
  ["x", "%40", "."],
  ["", "@", ""],
  ["", "a@", ""],
  ["", "a.", "@"],
  ["a@", "a.", ""],
  ["a@", "a-", "!"],
  ["", "-", "."],
  ["", "a", "!"],
  ["", "a ", "!"],
  ["", "jane", "!"],
  ["", "j1", "!"],
  ["", "jr ", "!"],
  ["x", " , ", "!"],
  ["", "mr. ", "!"],
  ["", "0", "x"],
  ["+", "1 ", "x"],
  ["", "1.2.3.4,", ""],
  ["fb.1.1795000000000.", "a", "!"],
  ["https://shop.example/?", "a=1&", ""],
  ["https://shop.example/?q=", "%25", ""],
  ["https://shop.example/", "a%40/", ""],
  ["https://", "a-", ""],
  ["https://", "a:", "@shop.example/"],
  ["", "ΑΣ'", ""],
  ["", "(", ""],
  ["", "\ud800", "x"],
  ["", "\u0000", "é"],
  ["1990", "-", "x"],
  ["", "[", "]"],
  ["", '"', ""]
]

const textOf = ([start, repeated, end]: (typeof shapes)[number], length: number): string =>
  start + repeated.repeat(Math.ceil(length / repeated.length)) + end

const userFields =
  "email phone first_name last_name city state zip country external_id date_of_birth gender ip user_agent fbp fbc fbclid " +
  "fbclid_time gclid gbraid wbraid dclid ttclid ttp sc_click_id sc_cookie1 ctwa_clid madid anon_id lead_id fb_login_id page_scoped_user_id ig_sid " +
  "subscription_id locale"
const propertyFields =
  "value currency order_id num_items search_string content_type content_name content_category sign_up_method status " +
  "predicted_ltv description shop_id customer_type delivery_category coupon free_property"
const topFields =
  "event_id event_name event_time action_source event_source_url referrer_url messaging_channel page_id " +
  "whatsapp_business_account_id ig_account_id unknown_field"

const jane = { email: "jane@shop.example", first_name: "Jane", last_name: "Jannejanne", phone: "+14155550132" }
const event = (fields: Json): Json => ({ event_id: "e-1", event_name: "lead", event_time: now, user: jane, ...fields })
const group = (name: string, fields: string) =>
  fields
    .split(" ")
    .map(
      (field) =>
        [
          `${name}.${field}`,
          (text: string) => event({ [name]: { ...(name === "user" ? jane : {}), [field]: text } })
        ] as const
    )

/** Every place in a raw event where a text may stand. */
const places: ReadonlyArray<readonly [string, (text: string) => Json]> = [
  ...topFields.split(" ").map((field) => [field, (text: string) => event({ [field]: text })] as const),
  ...group("user", userFields),
  ...group("consent", "ad_user_data ad_personalization sale_of_data unknown_field"),
  ...group("properties", propertyFields),
  ...group("app", "app_id app_name app_version extinfo advertiser_tracking_enabled unknown_field"),
  ...["id", "name", "category", "brand", "quantity", "price", "delivery_category", "unknown_field"].map(
    (field) =>
      [`item ${field}`, (text: string) => event({ properties: { items: [{ id: "i", [field]: text }] } })] as const
  ),
  ["custom", (text) => event({ properties: { custom: { free: text } } })],
  ["custom, nested", (text) => event({ properties: { custom: { free: { a: [text] } } } })],
  ["name of a custom property", (text) => event({ properties: { custom: { [text]: "x" } } })],
  ["name of a field", (text) => event({ [text]: "x", user: { ...jane, [text]: "x" }, consent: { [text]: "x" } })],
  ["date_of_birth of a known country", (text) => event({ user: { ...jane, country: "US", date_of_birth: text } })],
  ["phone of a known country", (text) => event({ user: { ...jane, country: "US", phone: text } })],
  [
    "first name beside a text",
    (text) => event({ user: { ...jane, first_name: text }, properties: { search_string: text.slice(0, 8192) } })
  ]
]

const many = (one: unknown, length: number): ReadonlyArray<unknown> =>
  Array.from({ length: Math.ceil(length / 16) }, () => one)

/** Every place where many values may stand; `length` is about that of the values together, in characters. */
const lists: ReadonlyArray<readonly [string, (length: number) => Json]> = [
  [
    "phones beside a text of digits",
    (length) =>
      event({
        user: { ...jane, phone: many(0, length).map((_, index) => `+1415${String(index + 1_000_000)}`) },
        properties: { search_string: "1 ".repeat(4000) }
      })
  ],
  [
    "emails",
    (length) => event({ user: { ...jane, email: many(0, length).map((_, index) => `jane${index}@x.example`) } })
  ],
  ["external ids", (length) => event({ user: { external_id: many(0, length).map((_, index) => `u${index}`) } })],
  [
    "words of a name beside a text",
    (length) =>
      event({
        user: {
          ...jane,
          first_name: many(0, length)
            .map((_, index) => `name${index.toString(36)}x`)
            .join(" ")
        },
        properties: { search_string: "name ".repeat(1600) }
      })
  ],
  ["items", (length) => event({ properties: { items: many({ id: "i", price: 1 }, length) } })],
  [
    "custom properties",
    (length) =>
      event({
        properties: { custom: Object.fromEntries(many(0, length).map((_, index) => [`k${index}`, "v"])) }
      })
  ],
  [
    "unknown fields",
    (length) => event(Object.fromEntries(many(0, length).map((_, index) => [`unknown${index}`, "v"])))
  ],
  [
    "unknown fields of the customer",
    (length) =>
      event({
        user: { ...jane, ...Object.fromEntries(many(0, length).map((_, index) => [`unknown${index}`, "v"])) }
      })
  ],
  ["extinfo", (length) => event({ app: { extinfo: many("a%40b", length) } })],
  ["lists within lists", (length) => event({ properties: { custom: { free: many([[1]], length) } } })]
]

const options = { ...defaultNormalizerOptions, defaultCountries: ["US", "DE"], now }
const source = { topic: "raw-events", partition: 0, offset: 0, timestamp: now }

const normalizeRecord = (value: Buffer): unknown => {
  const read = readRecord(value, (bytes) => codecs.decode("raw-event", bytes), recordBytesMax)
  if (read._tag === "Problem") return read
  const result = normalize(read.raw, source, options, read.dropped)
  return result._tag === "Normalized" ? codecs.encode("normalized-events", "normalized-event", result.event) : result
}

const asJson = (json: Json): Buffer => Buffer.from(JSON.stringify(json))
const asAvro = (json: Json): Buffer => {
  const read = readRecord(asJson(json), (bytes) => codecs.decode("raw-event", bytes), recordBytesMax)
  if (read._tag === "Problem") return Buffer.from([0])
  // An invalid time is not one that Avro can hold.
  const time = Number.isSafeInteger(read.raw.event_time) ? read.raw.event_time : now
  return codecs.encode("raw-events", "raw-event", { ...read.raw, event_time: time })
}

const encodings = [
  ["JSON", asJson],
  ["Avro", asAvro]
] as const

/** The longest record that is accepted by default, in UTF-8. */
const recordCharacters = 300_000

describe.each(encodings)("the time of a raw event in %s", (_, encode) => {
  const characters = 30_000

  it("grows no faster than the length of any text", { timeout: 240_000 }, () => {
    const slow: Array<string> = []
    for (const [place, make] of places) {
      for (const shape of shapes) {
        const prepare = (length: number) => encode(make(textOf(shape, length)))
        const { ratio, millis } = growthOf(characters, prepare, normalizeRecord)
        if (ratio > linearRatioMax) slow.push(`${place}: ${JSON.stringify(shape)}: ${report(ratio, millis)}`)
      }
    }
    assert.deepStrictEqual(slow, [])
  })

  it("grows no faster than the number of values", { timeout: 120_000 }, () => {
    const slow = lists.flatMap(([name, make]) => {
      const { ratio, millis } = growthOf(3 * characters, (length) => encode(make(length)), normalizeRecord)
      return ratio > linearRatioMax ? [`${name}: ${report(ratio, millis)}`] : []
    })
    assert.deepStrictEqual(slow, [])
  })

  it("is short where every field holds such a text, each as long as it may be", { timeout: 120_000 }, () => {
    const slow = shapes.flatMap((shape) => {
      const record = encode(everywhere(shape))
      let millis = Number.POSITIVE_INFINITY
      for (let run = 0; run < 3 && millis > recordMillisMax; run++) {
        millis = Math.min(
          millis,
          cpuMillis(() => normalizeRecord(record))
        )
      }
      return millis > recordMillisMax ? [`${JSON.stringify(shape)}: ${millis.toFixed(0)} ms`] : []
    })
    assert.deepStrictEqual(slow, [])
  })
})

const report = (ratio: number, millis: number): string =>
  `${ratio.toFixed(1)} times for twice the size, ${millis.toFixed(0)} ms`

const recordMillisMax = 150

/** The text in every place of one event that takes texts, as long as a text, an address or a name may be. */
const everywhere = (shape: (typeof shapes)[number]): Json => {
  const [text, address, name] = [textOf(shape, 8000), textOf(shape, 900), textOf(shape, 200)]
  const filled = (fields: string, value: unknown): Json =>
    Object.fromEntries(fields.split(" ").map((field) => [field, value]))
  const texts = propertyFields
    .split(" ")
    .filter((field) => !["value", "num_items", "predicted_ltv", "currency"].includes(field))
  const customs = Math.floor((recordCharacters - 30 * 8000) / 8000)
  return event({
    ...filled("action_source event_source_url referrer_url messaging_channel page_id", text),
    user: {
      ...filled(userFields, address),
      ...filled("first_name last_name city state country", name),
      ...filled("email phone external_id", [address, name, "jane@shop.example"])
    },
    consent: filled("ad_user_data ad_personalization sale_of_data", text),
    properties: {
      ...filled(texts.join(" "), text),
      custom: Object.fromEntries(many(0, 16 * customs).map((_, index) => [`${name.slice(0, 100)}${index}`, text])),
      items: many({ id: name, name: address }, 16 * 20)
    },
    app: { ...filled("app_id app_name app_version", text), extinfo: many(name, 16 * 16) }
  })
}
