import { type Connector, limits } from "../connector.ts"
import { catalogOf } from "../mapping/catalog.ts"
import catalog from "./catalog.json" with { type: "json" }
import { clickIds, formatUserData } from "./conversion.ts"
import {
  googleClassification,
  probe,
  probeVerdict,
  readRequestStatus,
  request,
  requestStatusRequest,
  verdict
} from "./exchange.ts"
import { unsendableByDataManager } from "./kind-of-event.ts"
import { mapEvent } from "./mapping.ts"
import { oauthClassification, readRefresh, refreshRequest } from "./oauth.ts"

/** Google Data Manager API: the way for new integrations. */
export const google: Connector = {
  kind: "google",
  platform: "google",
  tcfVendor: 755,
  name: "Google Data Manager API",
  catalog: catalogOf(catalog),
  exampleAccount: { operating_account_id: "1000000000", conversion_action_id: "1000000001" },
  clickIds,
  deletionRoute: {
    route:
      "No call of the Data Manager API that deletes the events of a person is known: ask Google. Remove the person from Customer Match lists that you uploaded yourself.",
    isDocumented: false
  },
  personalKeys: ["userData", "userIdentifiers", "adIdentifiers", "eventDeviceInfo"],
  restrictedUse: true,
  classifications: [googleClassification, oauthClassification],
  account: {
    required: ["operating_account_id"],
    optional: [
      "operating_account_type",
      "login_account_id",
      "login_account_type",
      "linked_account_id",
      "linked_account_type",
      "conversion_action_id",
      "merchant_id",
      "merchant_feed_label",
      "merchant_feed_language",
      "oauth_host"
    ]
  },
  credential: { required: ["refresh_token", "client_id", "client_secret"], optional: ["access_token"] },
  endpoint: { host: "https://datamanager.googleapis.com", version: "v1" },
  limits: {
    // 300 requests a minute and Cloud project.
    documented: limits({ eventsPerRequest: 2000, bytesPerRequest: 8 * 1024 * 1024, requestsPerWindow: 300 }),
    specification: limits({ eventsPerRequest: 2000, bytesPerRequest: 8 * 1024 * 1024, eventsPerWindow: 2000 })
  },
  conversionActions: true,
  addressIdentifiers: "always",
  idempotent: true,
  formatUserData,
  mapEvent,
  unsendable: unsendableByDataManager,
  request,
  verdict,
  probe,
  probeVerdict,
  refresh: { request: refreshRequest, read: readRefresh },
  asyncOutcome: { request: requestStatusRequest, read: readRequestStatus }
}
