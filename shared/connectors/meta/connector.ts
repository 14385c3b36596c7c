import { type Connector, limits } from "../connector.ts"
import { catalogOf } from "../mapping/catalog.ts"
import catalog from "./catalog.json" with { type: "json" }
import { credentialExpiry, metaClassification, probe, probeVerdict, request, verdict } from "./exchange.ts"
import { formatUserData, mapEvent } from "./mapping.ts"

/** Meta Conversions API, for web, app, store and business messaging events. */
export const meta: Connector = {
  kind: "meta",
  platform: "meta",
  name: "Meta Conversions API",
  catalog: catalogOf(catalog),
  otherEventNames: Object.values(catalog.messaging_events),
  exampleAccount: { dataset_id: "1000000000" },
  clickIds: [{ parameter: "fbclid", field: "fbclid", form: "token" }],
  deletionRoute: {
    route:
      "No call of the Conversions API that deletes the events of a person is known: ask Meta, naming the dataset. Remove the person from Custom Audiences that you uploaded yourself.",
    isDocumented: false
  },
  personalKeys: ["user_data"],
  restrictedUse: true,
  valueParameter: true,
  ageRule: "Meta takes events of the last 7 days, of physical stores 62 (100/2804003).",
  classifications: [metaClassification],
  account: { required: ["dataset_id"], optional: ["page_id", "whatsapp_business_account_id", "ig_account_id"] },
  credential: { required: ["access_token"], optional: ["app_secret"] },
  endpoint: { host: "https://graph.facebook.com", version: "v26.0" },
  limits: {
    // No documented rate: the usage headers say when to slow down.
    documented: limits({ eventsPerRequest: 1000 }),
    specification: limits({ eventsPerRequest: 1000, eventsPerWindow: 1000 })
  },
  // Meta's page on partners: partner_agent has fewer than 23 characters.
  partnerNameCharactersMax: 22,
  idempotent: true,
  formatUserData,
  mapEvent,
  request,
  verdict,
  credentialExpiry,
  probe,
  probeVerdict
}
