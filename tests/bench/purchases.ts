/**
 * Purchases with full identity and three items, as many as are asked for and no two alike. What is a person's own (email,
 * phone, external id, cookies, birthday, order) differs in each; names, places, browsers and products come again as they do
 * in a shop's traffic.
 */
import type { RawEvent } from "../../schemas/types.gen.ts"

/** Bounded lists of the values that repeat, mixed by strides that are prime to their lengths. */
const firstNames = cross(
  ["Jane", "José ", "Chloé", "Mary Ann", "Anna-Maria", "John", "Wei", "Olga", "Søren", "Lucía", "Priya", "Dr. Alex"],
  ["", "", "", " B.", " Lee", " Marie", "-Rose", " J", " Ray", " Lou"]
)
const lastNames = cross(
  ["O'Neil", "García", "Smith", "Müller", "Nguyen", "Kowalski", "Johnson", "de la Cruz", "McDonald", "Ivanova"],
  ["", "", "", "-Doe", " Jr.", "s", "son", " Brown", "-King", "mann", " III", "ez", "ova", "ton", "ley", "er", "ini"]
)
const places = cross(
  [
    ["San Francisco", "California", "941"],
    ["New York", "NY", "100"],
    ["St. Louis", "Missouri", "631"],
    ["Austin", "texas", "787"],
    ["Winston-Salem", "North Carolina", "271"],
    ["Chicago", "IL", "606"],
    ["Los Angeles", "Calif.", "900"],
    ["Boise", "Idaho", "837"]
  ] as const,
  Array.from({ length: 40 }, (_, index) => String(10 + index))
)
const browsers = Array.from(
  { length: 60 },
  (_, index) =>
    `Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_${index % 8}) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/${100 + index}.0.0.0 Safari/537.36`
)
const phoneShapes = [
  (area: number, local: string) => `+1 (${area}) ${local.slice(0, 3)}-${local.slice(3)}`,
  (area: number, local: string) => `(${area}) ${local.slice(0, 3)}-${local.slice(3)}`,
  (area: number, local: string) => `+1${area}${local}`,
  (area: number, local: string) => `${area}-${local.slice(0, 3)}-${local.slice(3)}`
]
const areas = [415, 212, 314, 512, 336, 312, 213, 208]
const mailHosts = ["Example.com", "gmail.com", "mail.example.org", "shop.example", "Outlook.example"]

/** The purchase of a number; the same number gives the same purchase. `now` is in milliseconds since the epoch. */
export const purchase = (index: number, now: number): RawEvent => ({
  event_id: `e-${mixed(index).toString(36)}-${index}`,
  event_name: "purchase",
  event_time: now - (index % 3_600_000),
  action_source: "website",
  event_source_url: `https://shop.example/checkout/thanks?order=o-${index}&utm_source=meta&utm_campaign=c${index % 50}`,
  referrer_url: `https://shop.example/cart?step=${index % 4}`,
  messaging_channel: null,
  page_id: null,
  whatsapp_business_account_id: null,
  ig_account_id: null,
  user: customer(index),
  consent: { ad_user_data: "granted", ad_personalization: "granted", sale_of_data: null },
  properties: {
    value: Math.round((20 + (mixed(index) % 40_000) / 100) * 100) / 100,
    currency: "USD",
    order_id: `o-${index}`,
    items: [item(index), item(index * 3 + 1), item(index * 7 + 2)],
    num_items: 4,
    search_string: null,
    content_type: "product",
    content_name: null,
    content_category: null,
    sign_up_method: null,
    status: null,
    predicted_ltv: null,
    description: null,
    shop_id: null,
    customer_type: null,
    delivery_category: null,
    coupon: null,
    original_conversion_time: null,
    custom: {}
  },
  app: null,
  consent_signals: null
})

/** The same purchase as producers write it in JSON: without the fields that are not there. */
export const purchaseJson = (index: number, now: number): string =>
  JSON.stringify(purchase(index, now), (_, value: unknown) => (value === null ? undefined : value))

const customer = (index: number): NonNullable<RawEvent["user"]> => {
  const random = mixed(index)
  const [city, state, zip, zipEnd] = placeOf(random)
  const first = firstNames[random % firstNames.length]!
  const last = lastNames[random % lastNames.length]!
  const local = `${200 + (random % 799)}${String(index % 10_000).padStart(4, "0")}`
  return {
    email: ` ${first.charAt(0)}.${last.replace(/[^A-Za-z]/g, "")}${index}@${mailHosts[index % mailHosts.length]} `,
    phone: phoneShapes[index % phoneShapes.length]!(areas[random % areas.length]!, local),
    first_name: first,
    last_name: last,
    city,
    state,
    zip: `${zip}${zipEnd}-${String(random % 10_000).padStart(4, "0")}`,
    country: index % 3 === 0 ? "United States" : "US",
    external_id: `u-${index.toString(16)}`,
    anonymous_id: null,
    date_of_birth: `${1940 + (random % 65)}-${twoDigits(1 + (random % 12))}-${twoDigits(1 + (random % 28))}`,
    gender: index % 2 === 0 ? "female" : "M",
    ip: `203.${random % 256}.${index % 256}.${(random >> 8) % 256}`,
    user_agent: browsers[random % browsers.length]!,
    fbp: `fb.1.${1_596_403_881_000 + index}.${1_000_000_000 + (random % 1_000_000_000)}`,
    fbc: `fb.1.${1_596_403_882_000 + index}.IwAR0${random.toString(36)}AbCdEfGhIjKlMnOpQrStUvWxYz${index}`,
    ...noOtherIds,
    gclid: `Cj0KCQiA${random.toString(36)}_${index}`,
    ttclid: `E.C.P.${random.toString(36)}${index}`,
    ttp: `${random.toString(36)}-${index}`,
    sc_click_id: `sc${random.toString(16)}${index}`,
    sc_cookie1: `${random.toString(16).padStart(8, "0")}-aaaa-4bbb-8ccc-${String(index).padStart(12, "0")}`,
    click_ids: null
  }
}

const noOtherIds = {
  fbclid: null,
  fbclid_time: null,
  gbraid: null,
  wbraid: null,
  dclid: null,
  ctwa_clid: null,
  madid: null,
  anon_id: null,
  lead_id: null,
  fb_login_id: null,
  page_scoped_user_id: null,
  ig_sid: null,
  subscription_id: null,
  locale: "en-US",
  whatsapp_user_id: null
}

const item = (seed: number) => ({
  id: `sku-${seed % 5_000}`,
  name: `Product ${seed % 5_000}`,
  category: `Apparel > ${["Socks", "Shoes", "Hats"][seed % 3]}`,
  brand: "Acme",
  quantity: 1 + (seed % 3),
  price: (995 + (seed % 9_000)) / 100,
  delivery_category: null
})

const placeOf = (random: number) => {
  const [[city, state, zip], zipEnd] = places[random % places.length]!
  return [city, state, zip, zipEnd] as const
}

/** A well-mixed number below 2^31 of an index, the same in every run. */
const mixed = (index: number): number => {
  let value = Math.imul(index + 0x9e3779b9, 0x85ebca6b)
  value = Math.imul(value ^ (value >>> 13), 0xc2b2ae35)
  return (value ^ (value >>> 16)) >>> 1
}

const twoDigits = (value: number): string => String(value).padStart(2, "0")

function cross<A, B>(
  left: ReadonlyArray<A>,
  right: ReadonlyArray<B>
): A extends string ? ReadonlyArray<string> : ReadonlyArray<readonly [A, B]> {
  const pairs = left.flatMap((one) =>
    right.map((other) => (typeof one === "string" ? `${one}${other}` : ([one, other] as const)))
  )
  return pairs as never
}
