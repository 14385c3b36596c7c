import { type Connector, limits } from "../connector.ts"
import { catalogOf } from "../mapping/catalog.ts"
import catalog from "./catalog.json" with { type: "json" }
import { pinterestClassification, probe, probeVerdict, request, verdict } from "./exchange.ts"
import { formatUserData, mapEvent } from "./mapping.ts"

// 5,000 calls a minute for each ad account.
const documented = limits({ eventsPerRequest: 1000, requestsPerWindow: 5000 })

/** Pinterest Conversions API v5, for web, app and offline events. */
export const pinterest: Connector = {
  kind: "pinterest",
  platform: "pinterest",
  name: "Pinterest Conversions API",
  account: { required: ["ad_account_id"], optional: [] },
  exampleAccount: { ad_account_id: "549755885175" },
  credential: { required: ["access_token"], optional: [] },
  endpoint: { host: "https://api.pinterest.com", version: "v5" },
  limits: { documented, specification: documented },
  catalog: catalogOf(catalog),
  clickIds: [{ parameter: "epik", field: null, form: "token" }],
  deletionRoute: {
    route:
      "POST /v5/ad_accounts/<ad account>/conversion_deletion_requests with the plain email (closed beta): can be cancelled for 72 hours, then takes up to 30 days.",
    isDocumented: true
  },
  personalKeys: ["user_data"],
  // opt_out_type: LDP.
  restrictedUse: true,
  valueParameter: true,
  ageRule: "Pinterest documents no age limit; events of the last 7 days are sent (mapping.max_age_days changes it).",
  classifications: [pinterestClassification],
  // Web and app events are deduplicated by event_id; offline events are not.
  idempotent: true,
  formatUserData,
  mapEvent,
  request,
  verdict,
  probe,
  probeVerdict
}
