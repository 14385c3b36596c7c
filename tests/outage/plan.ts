/** What an outage run is made of: events, which of them are poison, and the connections that get them. Pure. */

export interface OutageOptions {
  readonly events: number
  /** How long the platforms are dead. */
  readonly outageSeconds: number
  /** Chooses the places of the poison. */
  readonly seed: number
}

/** The connections of the run; each gets every event. `reason` is how the platform refuses a poison one: Snap documents no codes. */
export const targets = [
  { connection: "meta-shop", platform: "meta", reason: "invalid_parameter:100" },
  { connection: "google-shop", platform: "google", reason: "INVALID_ARGUMENT/INVALID_EVENT" },
  { connection: "tiktok-shop", platform: "tiktok", reason: "invalid_parameter:40002" },
  { connection: "snapchat-shop", platform: "snapchat", reason: "http_400" }
] as const
export type Target = (typeof targets)[number]

/** Words of the platforms for the poison; every dead letter must hold them. */
export const poisonWords = "Not with this platform"

/** One in so many events is poison. */
const poisonEvery = 200

export const eventId = (index: number): string => `outage-${index}`

/** Indices of the poison events, at random places. */
export const poisonOf = ({ events, seed }: OutageOptions): ReadonlySet<number> => {
  const chosen = new Set<number>()
  const random = mulberry(seed)
  const count = Math.max(1, Math.round(events / poisonEvery))
  while (chosen.size < Math.min(count, events)) chosen.add(Math.floor(random() * events))
  return chosen
}

/** A purchase that every platform takes. Google deduplicates by the order: its id is the event's. */
export const rawEvent = (index: number, now: number): string =>
  JSON.stringify({
    event_id: eventId(index),
    event_name: "purchase",
    event_time: now,
    action_source: "website",
    event_source_url: `https://shop.example/thanks/${index}`,
    user: {
      email: `customer${index}@shop.example`,
      phone: `+1415555${String(index % 10_000).padStart(4, "0")}`,
      first_name: "Jane",
      last_name: "Doe",
      city: "San Francisco",
      state: "CA",
      zip: "94103",
      country: "US",
      external_id: `u-${index}`,
      ip: `203.0.113.${index % 250}`,
      user_agent: "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/130.0.0.0 Safari/537.36",
      gclid: `Cj0KCQiA-${index}`,
      ttclid: `E.C.P.${index}`,
      sc_click_id: `sc-${index}`
    },
    consent: { ad_user_data: "granted", ad_personalization: "granted" },
    properties: {
      value: 20 + (index % 500),
      currency: "USD",
      order_id: eventId(index),
      items: [{ id: `sku-${index % 100}`, quantity: 1, price: 20 + (index % 500) }]
    }
  })

/** A short outage is over before the specification's 60 s of an open circuit: the shorter form waits less everywhere. */
export const isShort = ({ outageSeconds }: OutageOptions): boolean => outageSeconds < 60

const shortResilience = `
  resilience:
    circuit_breaker: { recovery: 2 seconds }
    retry: { delays: [200 millis, 400 millis, 800 millis] }
    delayed_retry: { delays: [2 seconds] }
    pause: { first_probe: 1 second, probe_max: 3 seconds }
    catch_up: { from_percent: 50, over: 2 seconds }
    later: { first_question: 1 second }
    rate_limiter: { tokens: 500, per_second: 200 }`

/** The run's `connections.yaml`; in the full form every figure of resilience is the specification's. */
export const connectionsOf = (options: OutageOptions): string => `version: 1
defaults:
  mapping: { default_country: US }${isShort(options) ? shortResilience : ""}
connections:
  - id: meta-shop
    platform: meta
    account: { dataset_id: 1234567890 }
    credential: env:META_TOKEN
    endpoint: { host: "\${META_HOST}" }
  - id: google-shop
    platform: google
    account: { operating_account_id: 1234567890, conversion_action_id: 987654321, oauth_host: "\${GOOGLE_OAUTH_HOST}" }
    credential: env:GOOGLE_CREDENTIAL
    endpoint: { host: "\${GOOGLE_HOST}" }
  - id: tiktok-shop
    platform: tiktok
    account: { pixel_code: C0PIXELCODE }
    credential: env:TIKTOK_TOKEN
    endpoint: { host: "\${TIKTOK_HOST}" }
  - id: snapchat-shop
    platform: snapchat
    account: { pixel_id: 11111111-2222-3333-4444-555555555555 }
    credential: env:SNAPCHAT_TOKEN
    endpoint: { host: "\${SNAPCHAT_HOST}" }
`

/** A small seeded generator: the same seed gives the same places. */
const mulberry = (seed: number) => {
  let state = seed | 0
  return (): number => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}
