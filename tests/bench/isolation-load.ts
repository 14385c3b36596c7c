/** The load of the isolation benchmark: half of the events go to the connections in trouble, half to the others. */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import { KafkaClient } from "../../shared/kafka/client.ts"
import type { SandboxControl } from "../harness/sandbox-control.ts"

/** Leads go to these; purchases go to one more account of Meta and to TikTok, which get into trouble. */
export const others = ["meta", "snapchat"] as const

export const troubledDataset = "1110001110"

/** Short times, so that a connection in trouble tries far more often than by default, and recovers between the phases. */
export const connections = `version: 1
defaults:
  limits: { linger: 20 millis }
  resilience:
    circuit_breaker: { recovery: 1 second }
    retry: { delays: [200 millis, 400 millis, 800 millis] }
    delayed_retry: { delays: [1 second] }
    catch_up: { from_percent: 100, over: 1 second }
    rate_limiter: { tokens: 10000, per_second: 10000 }
    pool: { timeout: 2 seconds }
connections:
  - id: meta-troubled
    platform: meta
    account: { dataset_id: ${troubledDataset} }
    credential: env:META_TOKEN
    endpoint: { host: "\${META_HOST}" }
    events: { include: [purchase] }
  - id: tiktok-troubled
    platform: tiktok
    account: { pixel_code: C0PIXELCODE }
    credential: env:TIKTOK_TOKEN
    endpoint: { host: "\${TIKTOK_HOST}" }
    events: { include: [purchase] }
  - id: meta-other
    platform: meta
    account: { dataset_id: 2220002220 }
    credential: env:META_TOKEN
    endpoint: { host: "\${META_HOST}" }
    events: { include: [lead] }
  - id: snapchat-other
    platform: snapchat
    account: { pixel_id: 11111111-2222-3333-4444-555555555555 }
    credential: env:SNAPCHAT_TOKEN
    endpoint: { host: "\${SNAPCHAT_HOST}" }
    events: { include: [lead] }
`

/** Publishes a group twenty times a second, as many to draw a p99 from; an event that goes out late counts from the time when it should have gone. */
export const load = Effect.fnUntraced(function* (topic: string, phase: number, perSecond: number, seconds: number) {
  const kafka = yield* KafkaClient
  const start = yield* Clock.currentTimeMillis
  const count = perSecond * seconds
  const group = Math.max(1, Math.round((perSecond * groupMillis) / 1000))
  const dueAt = (index: number): number => start + Math.floor(index / group) * groupMillis
  for (let next = 0; next < count; ) {
    const now = yield* Clock.currentTimeMillis
    const records: Array<{ readonly topic: string; readonly key: string; readonly value: Buffer }> = []
    for (; next < count && dueAt(next) <= now; next++)
      records.push({ topic, key: `u-${next}`, value: Buffer.from(rawEvent(phase, next, dueAt(next))) })
    if (records.length > 0) yield* kafka.produce(records)
    yield* Effect.sleep(Math.max(1, Math.min(dueAt(next) - (yield* Clock.currentTimeMillis), groupMillis)))
  }
  return count
})

const groupMillis = 50

/** Every second event is for the others; its id holds when it was due. */
const rawEvent = (phase: number, index: number, due: number): string =>
  JSON.stringify({
    event_id: `${index % 2 === 0 ? "o" : "t"}-${phase}-${index}-${due}`,
    event_name: index % 2 === 0 ? "lead" : "purchase",
    event_time: due,
    action_source: "website",
    event_source_url: "https://shop.example/thanks",
    user: {
      email: `customer${index}@shop.example`,
      phone: `+1415555${String(index % 10_000).padStart(4, "0")}`,
      country: "US",
      external_id: `u-${index}`,
      ip: "203.0.113.7",
      user_agent: "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/130.0.0.0 Safari/537.36"
    },
    consent: { ad_user_data: "granted", ad_personalization: "granted" },
    properties: { value: 20, currency: "USD", order_id: `o-${phase}-${index}` }
  })

/** Milliseconds from the due time to the receipt, of each event at each of the others. */
export const latencies = Effect.fnUntraced(function* (control: SandboxControl, phase: number) {
  const found: Array<number> = []
  for (const platform of others) {
    const seen = new Set<string>()
    for (const { event_id: id, received_at: at } of yield* control.receipts(platform)) {
      const [group, ofPhase, index, due] = (id ?? "").split("-")
      if (group !== "o" || Number(ofPhase) !== phase || seen.has(index ?? "")) continue
      seen.add(index ?? "")
      found.push(at - Number(due))
    }
  }
  return found
})

/** Whether every connection has all events of the phase. */
export const isDrained = (control: SandboxControl, published: number): Effect.Effect<boolean> =>
  Effect.map(
    control.counts,
    (counts) =>
      counts["meta"]?.distinct === published &&
      counts["tiktok"]?.distinct === Math.floor(published / 2) &&
      counts["snapchat"]?.distinct === Math.ceil(published / 2)
  )
