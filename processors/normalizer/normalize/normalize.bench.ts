/**
 * How many events a second one core reads from JSON, checks, normalizes and hashes: `make bench-normalize`.
 * Counted by processor time, so that a busy machine gives the same.
 */
import process from "node:process"
import { readJson } from "../read/read-record.ts"
import { defaultNormalizerOptions, normalize } from "./normalize.ts"

const now = Date.UTC(2026, 10, 23)
const firstNames = ["Jane", "Jörg", "Mary Ann", "Chloé", "John", "Anna-Maria", "O'Neil", "Li"]
const cities = ["San Francisco", "New York", "Los Angeles", "Austin", "Chicago"]

/** People differ in what is theirs alone (email, phone, id); names, places and browsers come again. */
const records = Array.from({ length: 20_000 }, (_, index) =>
  Buffer.from(
    JSON.stringify({
      event_id: `e-${index}`,
      event_name: "purchase",
      event_time: now - index,
      action_source: "website",
      event_source_url: `https://shop.example/thanks?order=${index}&utm_source=meta`,
      user: {
        email: `Jane.Doe${index}@Example.com`,
        phone: `+1 (415) 555-${String(index % 10_000).padStart(4, "0")}`,
        first_name: firstNames[index % firstNames.length],
        last_name: `Doe${String.fromCharCode(97 + (index % 26))}`,
        city: cities[index % cities.length],
        state: "California",
        zip: "94103-1234",
        country: "US",
        external_id: `u-${index}`,
        date_of_birth: "1990-04-12",
        gender: "female",
        ip: "203.0.113.7",
        user_agent:
          "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0 Safari/537.36",
        fbp: `fb.1.1558571054389.${1_000_000_000 + index}`,
        gclid: `Cj0KCQ${index}`
      },
      consent: { ad_user_data: "granted" },
      properties: {
        value: 129.95,
        currency: "USD",
        order_id: `o-${index}`,
        items: [{ id: "sku-1", name: "Socks", quantity: 2, price: 49.95 }]
      }
    })
  )
)

const once = (): number => {
  const start = process.cpuUsage()
  let normalized = 0
  for (const record of records) {
    const read = readJson(record)
    if (read._tag === "Problem") continue
    const source = { topic: "raw-events", partition: 0, offset: 0, timestamp: now }
    const result = normalize(read.raw, source, { ...defaultNormalizerOptions, now }, read.dropped)
    if (result._tag === "Normalized") normalized++
  }
  const { system, user } = process.cpuUsage(start)
  return normalized / ((user + system) / 1_000_000)
}

for (let round = 0; round < 8; round++) process.stdout.write(`${Math.round(once())} events/s\n`)
