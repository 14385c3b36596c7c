/** The connections of the run with ACLs, and events that need every right: delivered, refused, delayed, invalid, duplicate. */

export const connectionsText = `version: 1
connections:
  - id: shop
    platform: meta
    account: { dataset_id: "1234567890" }
    credential: env:META_TOKEN
    endpoint: { host: "\${META_HOST}" }
    limits: { linger: 100 millis }
    # The health program raises an alert for it.
    test_event_code: TEST1
  - id: gone
    platform: meta
    enabled: false
    account: { dataset_id: "1234567891" }
    credential: env:META_TOKEN
    endpoint: { host: "\${META_HOST}" }
  - id: gone-ads
    platform: google
    enabled: false
    account: { operating_account_id: "1234567891", conversion_action_id: "987654321", oauth_host: "\${GOOGLE_OAUTH_HOST}" }
    credential: env:GOOGLE_CREDENTIAL
    endpoint: { host: "\${GOOGLE_HOST}" }
  - id: gone-messages
    platform: whatsapp
    enabled: false
    account: { phone_number_id: "106540352242923" }
    credential: env:WHATSAPP_TOKEN
    endpoint: { host: "\${WHATSAPP_HOST}" }
    mapping: { templates: { purchase: { name: order_confirmation, language: en_US } } }
  - id: messages
    platform: whatsapp
    account: { phone_number_id: "106540352242922" }
    credential: env:WHATSAPP_TOKEN
    endpoint: { host: "\${WHATSAPP_HOST}" }
    events: { include: [purchase] }
    mapping: { templates: { purchase: { name: order_confirmation, language: en_US, body: ["{properties.order_id}"] } } }
  - id: ads
    platform: google
    account: { operating_account_id: "1234567890", conversion_action_id: "987654321", oauth_host: "\${GOOGLE_OAUTH_HOST}" }
    credential: env:GOOGLE_CREDENTIAL
    endpoint: { host: "\${GOOGLE_HOST}" }
    events: { include: [purchase] }
    limits: { linger: 100 millis }
`

export const notificationsText = `version: 1
receivers:
  - { id: ops, kind: alertmanager, url: "http://127.0.0.1:9" }
routes:
  - receivers: [ops]
`

const user = (id: string, number: number) => ({
  email: `${id}@shop.example`,
  phone: `+1415555${String(number).padStart(4, "0")}`,
  country: "US",
  ip: "203.0.113.7",
  user_agent: "Mozilla/5.0 (Macintosh)",
  gclid: "Cj0KCQjw-example"
})

const event = (id: string, number: number, more: object = {}) => ({
  event_id: id,
  event_name: "purchase",
  event_time: Date.now(),
  action_source: "website",
  event_source_url: "https://shop.example/thanks",
  user: user(id, number),
  consent: { ad_user_data: "granted", ad_personalization: "granted" },
  properties: { value: 12.5, currency: "USD", order_id: id },
  ...more
})

/** Raw records; the ids begin with `name`. */
export const events = (name: string) => {
  const base = name === "first" ? 0 : 100
  const ids = Array.from({ length: 10 }, (_, index) => `${name}-${index}`)
  const all: ReadonlyArray<object> = [
    ...ids.map((id, index) => event(id, base + index)),
    // A duplicate, one that no platform takes, and one that is not due yet.
    event(ids[0]!, base),
    event(`${name}-refused`, base + 20, { properties: { value: -1, currency: "XXX" } }),
    event(`${name}-future`, base + 21, { event_time: Date.now() + 3_600_000 }),
    // A person in a dead letter of the normalizer, which an erasure reaches.
    event(`${name}-nameless`, base + 22, { event_name: "" })
  ]
  return [
    ...all.map((one, index) => ({ key: `${name}-${index}`, value: Buffer.from(JSON.stringify(one)) })),
    { key: `${name}-broken`, value: Buffer.from("<not an event>") }
  ]
}
