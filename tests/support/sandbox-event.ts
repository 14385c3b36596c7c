/** A purchase that every platform takes, mapped for a connection. */
import { assert } from "@effect/vitest"
import * as Redacted from "effect/Redacted"
import { defaultNormalizerOptions, normalize } from "../../processors/normalizer/normalize/normalize.ts"
import { rawEventFromJson } from "../../processors/normalizer/read/read-record.ts"
import type { MappedEvent } from "../../schemas/types.gen.ts"
import type { Connection } from "../../shared/connections/connection.ts"
import type { Connector } from "../../shared/connectors/connector.ts"
import { mapForConnection } from "../../shared/connectors/mapping/map.ts"
import { makeSealer } from "../../shared/credentials/sealer.ts"

/** What the recipients of the events are sealed with. */
export const sealer = makeSealer(Redacted.make("0123456789abcdef".repeat(4)))

export const sandboxEvent = (connection: Connection, connector: Connector, index: number): MappedEvent => {
  const now = performance.timeOrigin + performance.now()
  const read = rawEventFromJson({
    event_id: `sandbox-${index}`,
    event_name: "purchase",
    event_time: Math.floor(now) - 60_000,
    action_source: "website",
    event_source_url: "https://shop.example/thanks",
    user: {
      email: `customer-${index}@example.com`,
      phone: `+1415555${String(2671 + index)}`,
      country: "US",
      ip: "8.8.8.8",
      user_agent: "Mozilla/5.0 (X11; Linux x86_64)",
      gclid: `EAIaIQobChMI${index}`,
      external_id: `u-${index}`
    },
    consent: { ad_user_data: "granted", ad_personalization: "granted" },
    properties: {
      value: 129.95,
      currency: "USD",
      order_id: `sandbox-${index}`,
      items: [{ id: "sku-1", quantity: 2, price: 49.95 }]
    }
  })
  if (read._tag === "Problem") return assert.fail(JSON.stringify(read))
  const source = { topic: "raw-events", partition: 0, offset: index, timestamp: 0 }
  const normalized = normalize(read.raw, source, { ...defaultNormalizerOptions, recipients: sealer })
  if (normalized._tag === "Problem") return assert.fail(JSON.stringify(normalized))
  const mapped = mapForConnection(normalized.event, connection, connector, null)
  return mapped._tag === "Mapped" ? mapped.event : assert.fail(JSON.stringify(mapped))
}
