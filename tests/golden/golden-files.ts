/** The golden files: what a known customer's event becomes, for every kind of connector and canonical event. */
import { type ConnectorKind, connectorKinds } from "../../shared/model/platform.ts"
import { builtinConnection } from "../../shared/connectors/load-connections.ts"
import { canonicalEvents } from "../../shared/connectors/mapping/catalog.ts"
import { previewEvent } from "../../processors/normalizer/preview/preview-event.ts"

/** The folder that the names of the golden files are relative to. */
export const goldenFolder = new URL("../../shared/connectors/mapping/golden/", import.meta.url)

/** Name → content of every golden file, such as `meta/purchase.json`. */
export const goldenFiles = (): ReadonlyMap<string, string> => {
  const files = new Map<string, string>()
  for (const kind of connectorKinds) {
    const connection = builtinConnection(kind)
    for (const event of canonicalEvents) {
      const prepared = previewEvent({ ...goldenEvent, event_name: event, consent: consentFor(kind) }, connection)
      files.set(`${kind}/${event}.json`, JSON.stringify(prepared, null, 2) + "\n")
    }
  }
  return files
}

/** The restricted use of data, where the kind can say it. */
const consentFor = (kind: ConnectorKind) => ({
  ad_user_data: "granted",
  ad_personalization: "granted",
  sale_of_data: kind === "google-ads" ? "granted" : "denied"
})

const goldenEvent = {
  event_id: "golden-1",
  event_time: 1795000000123,
  action_source: "website",
  event_source_url: "https://shop.example/thanks",
  referrer_url: "https://shop.example/cart",
  user: {
    email: ["Jane.Doe+shop@Gmail.com", "jane@example.com"],
    phone: "(415) 555-0132",
    first_name: "Anna-Maria",
    last_name: "O'Neil Jr.",
    city: "San Francisco",
    state: "California",
    zip: "94103-1234",
    country: "US",
    external_id: "u-77",
    date_of_birth: "1990-04-12",
    gender: "female",
    ip: "203.0.113.7",
    user_agent: "Mozilla/5.0 (Macintosh; Intel Mac OS X 14_0)",
    fbp: "fb.1.1794999990000.1234567890",
    fbclid: "IwAR0abcDEF",
    fbclid_time: 1794999999000,
    gclid: "Cj0KCQjw_golden",
    ttclid: "E.C.P.golden",
    ttp: "94e2a4j9-h3ss-k9h2",
    sc_click_id: "b38d4a3e-golden",
    sc_cookie1: "3a5c1f2e-golden",
    locale: "en-US"
  },
  properties: {
    value: 129.954,
    currency: "usd",
    order_id: "o-42",
    items: [
      { id: "sku-1", name: "Socks", category: "Apparel", brand: "Brand", quantity: 2, price: 49.95 },
      { id: "sku-2", name: "Hat", category: "Apparel", price: 30.05, delivery_category: "home_delivery" }
    ],
    search_string: "warm socks",
    content_name: "Winter",
    content_category: "Apparel",
    sign_up_method: "newsletter",
    status: "completed",
    predicted_ltv: 410.5,
    description: "A winter order",
    customer_type: "new",
    custom: { plan: "pro", seats: 3, gift: true }
  }
} as const
