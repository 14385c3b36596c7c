import type { Connector } from "../connector.ts"
import { readRefresh, refreshRequest } from "../google/refresh.ts"
import { limits } from "../limits.ts"
import { mapEvent } from "./mapping.ts"
import { probe, request } from "./request.ts"
import { formatUserData } from "./user-data.ts"
import { probeVerdict, verdict } from "./verdict.ts"

/** Google Ads API uploads, for accounts whose developer token may still use them. */
export const googleAds: Connector = {
  kind: "google-ads",
  platform: "google",
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
    required: ["refresh_token", "client_id", "client_secret", "developer_token"],
    optional: ["access_token"]
  },
  endpoint: { host: "https://googleads.googleapis.com", version: "v25" },
  limits: {
    // The daily operations of a developer token are Google's to tell by quotaError.
    documented: limits({ eventsPerRequest: 2000, bytesPerRequest: 8 * 1024 * 1024 }),
    specification: limits({ eventsPerRequest: 2000, bytesPerRequest: 8 * 1024 * 1024, eventsPerWindow: 2000 })
  },
  repeatIsHarmless: true,
  formatUserData,
  mapEvent,
  request,
  verdict,
  probe,
  probeVerdict,
  refresh: { request: refreshRequest, read: readRefresh }
}
