/** Records and connections for tests: a purchase of a fully known customer, how to vary it, what it is mapped to, and its result. */
import { assert } from "@effect/vitest"
import * as Redacted from "effect/Redacted"
import type {
  App,
  ConnectorHealthStatus,
  ConnectorState,
  Consent,
  EventDeliveryLog,
  Item,
  NormalizedEvent,
  NormalizedUser,
  Properties
} from "../../schemas/types.gen.ts"
import { emptyNormalizedUser } from "../../schemas/values.gen.ts"
import type { Connection, MappingOptions } from "../connections/connection.ts"
import type { JsonObject, MappingContext, MapResult } from "../connectors/connector.ts"
import { builtinConnection } from "../connectors/load-connections.ts"
import { mappingContext } from "../connectors/mapping/compile.ts"
import { makeSealer } from "../credentials/sealer.ts"
import { deliveryResult } from "../model/delivery-result.ts"
import type { ConnectorKind } from "../model/platform.ts"

/** 23 November 2026, 10:00:00.123 UTC. */
export const eventTime = Date.UTC(2026, 10, 23, 10, 0, 0, 123)

/** Seals what the programs of a test seal. */
export const testSealer = makeSealer(Redacted.make("a master key for unit tests alone"))

/** A text that looks like a hash and names its field. */
export const hash = (name: string): string => Buffer.from(name).toString("hex").padEnd(64, "0").slice(0, 64)

export const jane: NormalizedUser = {
  ...emptyNormalizedUser,
  email: [hash("email")],
  email_google: [hash("gmail")],
  phones: [
    {
      default_country: null,
      digits: hash("ph"),
      e164: hash("+ph"),
      tiktok: hash("tt"),
      assumed_international: false,
      sealed: "c2VhbGVk"
    }
  ],
  first_name: hash("fn"),
  first_name_google: hash("fn-google"),
  last_name: hash("ln"),
  last_name_google: hash("ln-google"),
  city: hash("ct"),
  city_snap: hash("ct-snap"),
  city_plain: "sanfrancisco",
  state: hash("st"),
  state_plain: "ca",
  zip: hash("zp"),
  zip_snap: hash("zp-snap"),
  zip_plain: "94103-1234",
  country: hash("us"),
  country_code: "US",
  external_id: [hash("u-77")],
  date_of_birth: hash("db"),
  gender: hash("f"),
  ip: "203.0.113.7",
  user_agent: "Mozilla/5.0 (Macintosh)",
  fbp: "fb.1.1795000000000.42",
  gclid: "GCLID",
  ttclid: "TTCLID",
  ttp: "TTP",
  sc_click_id: "SCCLICK",
  sc_cookie1: "SCCOOKIE",
  locale: "en-US"
}

export const item = (fields: Partial<Item> = {}): Item => ({
  id: "sku-1",
  name: null,
  category: null,
  brand: null,
  quantity: null,
  price: null,
  delivery_category: null,
  ...fields
})

export const properties = (fields: Partial<Properties> = {}): Properties => ({
  value: null,
  currency: null,
  order_id: null,
  items: [],
  num_items: null,
  search_string: null,
  content_type: null,
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
  custom: {},
  ...fields
})

export const socks = properties({
  value: 129.95,
  currency: "USD",
  order_id: "o-42",
  items: [item({ name: "Socks", category: "Apparel", brand: "B", quantity: 2, price: 49.95 })]
})

export const app: App = {
  app_id: "app-1",
  advertiser_tracking_enabled: true,
  application_tracking_enabled: false,
  extinfo: ["i2", ...Array.from({ length: 15 }, (_, index) => String(index))],
  app_name: "Shop",
  app_version: "1.2"
}

export const consent = (fields: Partial<Consent> = {}): Consent => ({
  ad_user_data: null,
  ad_personalization: null,
  sale_of_data: null,
  ...fields
})

/** A purchase on the web by Jane. */
export const purchase = (fields: Partial<NormalizedEvent> = {}): NormalizedEvent => ({
  event_id: "e-1",
  event_name: "purchase",
  event_time: eventTime,
  source: { topic: "raw-events", partition: 0, offset: 1, timestamp: eventTime },
  action_source: "website",
  event_source_url: "https://shop.example/thanks",
  referrer_url: null,
  messaging_channel: null,
  page_id: null,
  whatsapp_business_account_id: null,
  ig_account_id: null,
  user: jane,
  consent: null,
  properties: socks,
  app: null,
  dropped_fields: [],
  person_ids: null,
  ...fields
})

/** The built-in connection of a kind, with the platform's own age limits and no assumed consent. */
export const connectionOf = (
  kind: ConnectorKind,
  mapping: Partial<MappingOptions> = {},
  fields: Partial<Connection> = {}
): Connection => {
  const builtin = builtinConnection(kind)
  const { maxAgeDays: _, ...options } = builtin.mapping
  return {
    ...builtin,
    consent: { onUnknown: "send", onSaleDenied: "restrict" },
    mapping: { ...options, ...mapping },
    ...fields
  }
}

type MapEvent = (event: NormalizedEvent, context: MappingContext) => MapResult
type Payload = Extract<MapResult, { readonly _tag: "Payload" }>

/** Maps an event that must become a payload. */
export const mapped = (mapEvent: MapEvent, event: NormalizedEvent, connection: Connection, now?: number): Payload => {
  const result = mapEvent(event, mappingContext(connection, now ?? null))
  if (result._tag !== "Payload") assert.fail(`${result._tag}: ${result.reason}: ${result.message}`)
  return result
}

export const payloadOf = (mapEvent: MapEvent, event: NormalizedEvent, connection: Connection): JsonObject =>
  mapped(mapEvent, event, connection).payload

/** `skipped:consent`, `rejected:missing_value`, or `payload`. */
export const mappingOutcome = (
  mapEvent: MapEvent,
  event: NormalizedEvent,
  connection: Connection,
  now?: number
): string => {
  const result = mapEvent(event, mappingContext(connection, now ?? null))
  return result._tag === "Payload" ? "payload" : `${result._tag.toLowerCase()}:${result.reason}`
}

/** The time of the records, in milliseconds since the epoch. */
export const recordTime = 1_795_000_000_000

/** A delivered purchase; `success` follows from `outcome` where it is not given. */
export const deliveryLog = (fields: Partial<EventDeliveryLog> = {}): EventDeliveryLog => {
  const given = {
    event_id: "e",
    platform: "meta",
    event_name: "purchase",
    timestamp: recordTime,
    latency_ms: 100,
    connection_id: "meta-main",
    outcome: "delivered",
    batch_size: 1,
    ...fields
  }
  return { ...deliveryResult(given), ...fields }
}

/** A connection that is well. */
export const connectorState = (fields: Partial<ConnectorState> = {}): ConnectorState => ({
  connection_id: "meta-main",
  platform: "meta",
  status: "connected",
  circuit_state: "CLOSED",
  timestamp: recordTime,
  cause: null,
  message: null,
  paused: false,
  credential_expires_at: null,
  credential_stored_at: null,
  ...fields
})

/** The health of a connection that is well, checked at `recordTime`. */
export const healthStatus = (fields: Partial<ConnectorHealthStatus> = {}): ConnectorHealthStatus => ({
  platform: "meta",
  status: "healthy",
  last_check: recordTime,
  success_rate_1h: 100,
  avg_latency_ms: 100,
  circuit_state: "CLOSED",
  error_count_1h: 0,
  events_processed_1h: 10,
  issues: [],
  connection_id: "meta-main",
  outcomes_1h: { delivered: 10 },
  alerted_status: "healthy",
  cause: null,
  since: null,
  last_success_at: recordTime,
  waiting_events: 0,
  waiting_is_minimum: false,
  waiting_since: null,
  oldest_expires_at: null,
  age_percent: null,
  alerted_age_percent: 0,
  ...fields
})
