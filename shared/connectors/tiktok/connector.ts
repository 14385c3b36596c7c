import * as Duration from "effect/Duration"
import { type Connector, limits } from "../connector.ts"
import { catalogOf } from "../mapping/catalog.ts"
import catalog from "./catalog.json" with { type: "json" }
import { probe, probeVerdict, request, tiktokClassification, verdict } from "./exchange.ts"
import { accountKeys, formatUserData, mapEvent } from "./mapping.ts"

/** TikTok Events API 2.0, for web, app, offline and CRM events. */
export const tiktok: Connector = {
  kind: "tiktok",
  platform: "tiktok",
  name: "TikTok Events API",
  catalog: catalogOf(catalog),
  exampleAccount: {
    pixel_code: "BUILTIN",
    app_id: "1000000000",
    offline_event_set_id: "1000000000",
    crm_event_set_id: "1000000000"
  },
  clickIds: [{ parameter: "ttclid", field: "ttclid", form: "token" }],
  deletionRoute: {
    route:
      "No call of the Events API that deletes the events of a person is known: ask TikTok, naming the pixel, app or event set.",
    isDocumented: false
  },
  personalKeys: ["user", "lead"],
  restrictedUse: true,
  valueParameter: true,
  ageRule: "TikTok takes web events of the last 7 days, offline events of the last 28.",
  classifications: [tiktokClassification],
  account: { required: [], optional: Object.values(accountKeys), anyOf: Object.values(accountKeys) },
  credential: { required: ["access_token"], optional: [] },
  endpoint: { host: "https://business-api.tiktok.com", version: "v1.3" },
  limits: {
    // 1,000 requests a second.
    documented: limits({ eventsPerRequest: 1000, requestsPerWindow: 1000, window: Duration.seconds(1) }),
    specification: limits({ eventsPerRequest: 500, eventsPerWindow: 600 })
  },
  idempotent: true,
  formatUserData,
  mapEvent,
  request,
  verdict,
  probe,
  probeVerdict
}
