import * as Duration from "effect/Duration"
import { type Connector, limits } from "../connector.ts"
import { catalogOf } from "../mapping/catalog.ts"
import { credentialExpiry } from "../meta/exchange.ts"
import catalog from "./catalog.json" with { type: "json" }
import { probe, probeVerdict, request, unsendable, verdict, whatsappClassification } from "./exchange.ts"
import { formatUserData, mapEvent } from "./mapping.ts"
import { webhook } from "./webhook.ts"

// A message is small; a pool of ten connections is the bound of what is in flight.
const oneMessage = { eventsPerRequest: 1, bytesPerRequest: 64 * 1024, concurrency: 10 }

/** WhatsApp Business Cloud API: template messages, one a request, without an idempotency key. */
export const whatsapp: Connector = {
  kind: "whatsapp",
  platform: "whatsapp",
  name: "WhatsApp Cloud API",
  catalog: catalogOf(catalog),
  exampleAccount: { phone_number_id: "1000000000" },
  clickIds: [],
  // A message is no sale of data.
  deletionRoute: {
    route:
      "Messages that arrived are in the customer's chat and cannot be recalled; no call that deletes WhatsApp's own records of them is known: ask Meta, naming the phone number.",
    isDocumented: false
  },
  personalKeys: ["to"],
  restrictedUse: "not_concerned",
  classifications: [whatsappClassification],
  account: { required: ["phone_number_id"], optional: ["user_id_field"] },
  credential: { required: ["access_token"], optional: ["app_secret", "verify_token"] },
  endpoint: { host: "https://graph.facebook.com", version: "v26.0" },
  limits: {
    // 80 messages a second and number. The specification's batch of 100 can't be: WhatsApp takes one message a request.
    documented: limits({ ...oneMessage, requestsPerWindow: 80, window: Duration.seconds(1) }),
    specification: limits({ ...oneMessage, eventsPerWindow: 80 })
  },
  messageTemplates: true,
  idempotent: false,
  formatUserData,
  mapEvent,
  unsendable,
  request,
  verdict,
  credentialExpiry,
  probe,
  probeVerdict,
  sealedRecipients: true,
  webhook
}
