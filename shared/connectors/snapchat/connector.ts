import { type Connector, limits } from "../connector.ts"
import { formatUserData, mapEvent } from "./mapping.ts"
import { probe, request } from "./request.ts"
import { probeVerdict, verdict } from "./verdict.ts"

/** Snap Conversions API v3. */
export const snapchat: Connector = {
  kind: "snapchat",
  platform: "snapchat",
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
