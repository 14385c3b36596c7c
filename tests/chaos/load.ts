/** The events of a run: purchases and page views, some of them published twice, some that are none. */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import { makeRandom } from "../../infra/sandbox/random.ts"
import { KafkaClient } from "../../shared/kafka/client.ts"

export interface Load {
  /** Ids of events that the broker has acknowledged. */
  readonly acknowledged: ReadonlySet<string>
  readonly records: () => number
  /** Publishes until interrupted. A write that fails is repeated, as producers do; so raw-events may hold it twice. */
  readonly publish: Effect.Effect<never, never, KafkaClient>
}

const recordsPerSecondDefault = 160
const pauseMillis = 250
const repeatedPart = 0.03
const brokenPart = 0.01
const messagePart = 0.06

export const makeLoad = (prefix: string, seed: number, recordsPerSecond = recordsPerSecondDefault): Load => {
  const recordsAtOnce = Math.max(1, Math.round((recordsPerSecond * pauseMillis) / 1_000))
  const random = makeRandom(seed + 1)
  const acknowledged = new Set<string>()
  const recent: Array<string> = []
  let made = 0
  let records = 0

  const next = (now: number): { readonly key: string; readonly id: string | null; readonly value: string } => {
    const chance = random.next()
    if (chance < brokenPart) return { key: `broken-${made++}`, id: null, value: "<not an event>" }
    if (chance < brokenPart + repeatedPart && recent.length > 0) {
      const value = recent[Math.floor(random.next() * recent.length)]!
      return { key: `again-${made++}`, id: null, value }
    }
    const id = `s${seed}-${made++}`
    const value = JSON.stringify(eventOf(id, made, random.next() < messagePart, now))
    recent.push(value)
    if (recent.length > 500) recent.shift()
    return { key: id, id, value }
  }

  const publishSome = Effect.gen(function* () {
    const client = yield* KafkaClient
    const now = yield* Clock.currentTimeMillis
    const some = Array.from({ length: recordsAtOnce }, () => next(now))
    const produced = some.map(({ key, value }) => ({ topic: `${prefix}raw-events`, key, value: Buffer.from(value) }))
    yield* client.produce(produced).pipe(
      Effect.tapError(() => Effect.sleep("200 millis")),
      Effect.eventually
    )
    records += some.length
    for (const { id } of some) if (id !== null) acknowledged.add(id)
  })
  const publish = Effect.forever(Effect.andThen(publishSome, Effect.sleep(pauseMillis)))
  return { acknowledged, records: () => records, publish }
}

// Each message has another recipient, since WhatsApp takes only one message to a person in six seconds.
const eventOf = (id: string, number: number, isPurchase: boolean, now: number) => ({
  event_id: id,
  event_name: isPurchase ? "purchase" : "page_view",
  event_time: now,
  action_source: "website",
  event_source_url: "https://shop.example/thanks",
  user: {
    email: `${id}@shop.example`,
    phone: `+1415555${String(number % 10_000).padStart(4, "0")}`,
    country: "US",
    ip: "203.0.113.7",
    user_agent: "Mozilla/5.0 (Macintosh)"
  },
  consent: { ad_user_data: "granted", ad_personalization: "granted" },
  ...(isPurchase ? { properties: { value: 12.5, currency: "USD", order_id: id } } : {})
})
