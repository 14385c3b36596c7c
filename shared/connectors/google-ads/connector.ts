import { type Connector, limits } from "../connector.ts"
import googleCatalog from "../google/catalog.json" with { type: "json" }
import { clickIds } from "../google/conversion.ts"
import { unsendableByGoogleAds } from "../google/kind-of-event.ts"
import { oauthClassification, readRefresh, refreshRequest } from "../google/oauth.ts"
import { catalogOf } from "../mapping/catalog.ts"
import catalog from "./catalog.json" with { type: "json" }
import { googleAdsClassification, probe, probeVerdict, request, verdict } from "./exchange.ts"
import { formatUserData, mapEvent } from "./mapping.ts"

/**
 * Google Ads API uploads, for accounts that may still use them. Developer tokens ended in September 2026: access is the
 * Google Cloud project's, and the header goes only where the credential still holds one. (API policy: developer token.)
 */
export const googleAds: Connector = {
  kind: "google-ads",
  platform: "google",
  tcfVendor: 755,
  name: "Google Ads API",
  // The Google Ads API takes back a refunded conversion by an adjustment; the other names are the Data Manager API's.
  catalog: catalogOf({ ...googleCatalog, ...catalog, events: { ...catalog.events, ...googleCatalog.events } }),
  exampleAccount: { customer_id: "1000000000", conversion_action_id: "1000000001" },
  clickIds,
  deletionRoute: {
    route:
      "A conversion can be retracted by its order id (conversion adjustment RETRACTION of the Google Ads API), which sets its count and value to zero; that user data is deleted with it is not documented: ask Google.",
    isDocumented: true
  },
  personalKeys: ["userIdentifiers", "gclid", "gbraid", "wbraid"],
  restrictedUse: false,
  eventsWithoutValue: new Set(["RETRACTION", "ENHANCEMENT"]),
  classifications: [googleAdsClassification, oauthClassification],
  account: {
    required: ["customer_id"],
    optional: [
      "login_customer_id",
      "conversion_action_id",
      "merchant_id",
      "merchant_feed_label",
      "merchant_feed_language",
      "oauth_host"
    ]
  },
  credential: {
    required: ["refresh_token", "client_id", "client_secret"],
    optional: ["developer_token", "access_token"]
  },
  endpoint: { host: "https://googleads.googleapis.com", version: "v26" },
  limits: {
    // The daily operations of a project are reported by Google's quotaError.
    documented: limits({ eventsPerRequest: 2000, bytesPerRequest: 8 * 1024 * 1024 }),
    specification: limits({ eventsPerRequest: 2000, bytesPerRequest: 8 * 1024 * 1024, eventsPerWindow: 2000 })
  },
  conversionActions: true,
  addressIdentifiers: "optional",
  idempotent: true,
  formatUserData,
  mapEvent,
  unsendable: unsendableByGoogleAds,
  request,
  verdict,
  probe,
  probeVerdict,
  refresh: { request: refreshRequest, read: readRefresh }
}
