import { type Connector, limits } from "../connector.ts"
import { catalogOf } from "../mapping/catalog.ts"
import catalog from "./catalog.json" with { type: "json" }
import { probe, probeVerdict, request, snapchatClassification, verdict } from "./exchange.ts"
import { formatUserData, mapEvent } from "./mapping.ts"

/** Snap Conversions API v3. */
export const snapchat: Connector = {
  kind: "snapchat",
  platform: "snapchat",
  name: "Snapchat Conversions API",
  catalog: catalogOf(catalog),
  exampleAccount: { pixel_id: "00000000-0000-4000-8000-000000000000", app_id: "00000000-0000-4000-8000-000000000001" },
  clickIds: [{ parameter: "sccid", field: "sc_click_id", form: "token" }],
  deletionRoute: {
    route:
      "No call of the Conversions API that deletes the events of a person is known: ask Snap, naming the pixel or app.",
    isDocumented: false
  },
  personalKeys: ["user_data"],
  restrictedUse: true,
  valueParameter: true,
  ageRule: "Snapchat takes events of the last 37 days.",
  classifications: [snapchatClassification],
  account: { required: [], optional: ["pixel_id", "app_id"], anyOf: ["pixel_id", "app_id"] },
  credential: { required: ["access_token"], optional: [] },
  endpoint: { host: "https://tr.snapchat.com", version: "v3" },
  limits: {
    // No rate is documented.
    documented: limits({ eventsPerRequest: 2000 }),
    specification: limits({ eventsPerRequest: 1000, eventsPerWindow: 500 })
  },
  idempotent: true,
  formatUserData,
  mapEvent,
  request,
  verdict,
  probe,
  probeVerdict
}
