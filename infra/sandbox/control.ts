/** The control interface, `/_sandbox/…`, on a port of its own and under every platform's port. */
import { FaultError, type Faults, faultKinds } from "./faults.ts"
import {
  type Answer,
  isObject,
  type JsonObject,
  json,
  type PlatformServer,
  parseJson,
  type SandboxRequest
} from "./platform.ts"
import type { Query, Store } from "./store.ts"
import type { Webhook } from "./whatsapp/webhook.ts"

export const controlPrefix = "/_sandbox/"

export interface ControlOptions {
  readonly store: Store
  readonly faults: Faults
  readonly webhook: Webhook
  readonly servers: ReadonlyArray<PlatformServer>
  readonly clock: { readonly offsetMillis: number; readonly set: (offsetMillis: number) => void }
}

const help: JsonObject = {
  "GET /_sandbox/stats": "Requests, events, distinct ids, duplicates, rejections and bytes of each platform.",
  "GET /_sandbox/events?platform=&asset=&event_id=&limit=": "Events received, newest last, with their bodies.",
  "GET /_sandbox/ids?platform=&asset=&limit=": "Event ids with how often each came.",
  "GET /_sandbox/duplicates?platform=&asset=&limit=": "Event ids that came more than once.",
  "GET|POST|DELETE /_sandbox/faults": "Scripted faults: see the kinds; DELETE takes ?id=.",
  "POST /_sandbox/webhook": "Where WhatsApp's statuses go: {url, app_secret}; {url: null} switches them off.",
  "POST /_sandbox/clock": "Sets the sandbox's clock ahead: {offset_ms}.",
  "POST /_sandbox/reset": "Forgets everything: events, counters, limits, faults.",
  fault_kinds: faultKinds
}

export const control = (request: SandboxRequest, options: ControlOptions): Answer => {
  const { store, faults, webhook } = options
  const route = `${request.method} ${request.path.slice(controlPrefix.length - 1)}`
  switch (route) {
    case "GET /":
      return json(200, help)
    case "GET /stats":
      return json(200, { platforms: asJson(store.stats()), webhook: webhook.stats() })
    case "GET /events":
      return json(200, { events: asJson(store.events(queryOf(request))) })
    case "GET /ids":
      return json(200, asJson(store.ids(queryOf(request))))
    case "GET /duplicates":
      return json(200, asJson(store.duplicates(queryOf(request))))
    case "GET /faults":
      return json(200, { faults: asJson(faults.active(request.now)) })
    case "POST /faults":
      return addFaults(request, faults)
    case "DELETE /faults":
      faults.remove(request.query.get("id"))
      return json(200, { faults: asJson(faults.active(request.now)) })
    case "POST /webhook":
      return setWebhook(request, webhook)
    case "POST /clock": {
      const body = parseJson(request.body)
      options.clock.set(isObject(body) && typeof body.offset_ms === "number" ? body.offset_ms : 0)
      return json(200, { offset_ms: options.clock.offsetMillis })
    }
    case "POST /reset":
      store.reset()
      faults.remove(null)
      for (const server of options.servers) server.reset()
      options.clock.set(0)
      return json(200, { reset: true })
    default:
      return json(404, { error: `No ${route}.`, ...help })
  }
}

const addFaults = (request: SandboxRequest, faults: Faults): Answer => {
  try {
    return json(200, { faults: asJson(faults.add(parseJson(request.body), request.now)) })
  } catch (error) {
    if (error instanceof FaultError) return json(400, { error: error.message, fault_kinds: faultKinds })
    throw error
  }
}

const setWebhook = (request: SandboxRequest, webhook: Webhook): Answer => {
  const body = parseJson(request.body)
  if (!isObject(body)) return json(400, { error: "Send {url, app_secret}." })
  const secret = typeof body.app_secret === "string" ? body.app_secret : "sandbox-app-secret"
  webhook.setTarget(typeof body.url === "string" ? { url: body.url, appSecret: secret } : null)
  return json(200, webhook.stats())
}

const limitDefault = 1000

const queryOf = ({ query }: SandboxRequest): Query => ({
  platform: query.get("platform"),
  asset: query.get("asset"),
  eventId: query.get("event_id"),
  limit: Number(query.get("limit")) || limitDefault
})

/** Plain data all along; interfaces only lack an index signature. */
const asJson = (value: unknown): JsonObject => value as JsonObject
