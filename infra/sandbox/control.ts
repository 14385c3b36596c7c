/** The control interface, `/_sandbox/…`, on a separate port and under every platform's port. */
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

export const controlPrefix = "/_sandbox/"

export interface ControlOptions {
  readonly store: Store
  readonly faults: Faults
  readonly servers: ReadonlyArray<PlatformServer>
  readonly clock: { readonly offsetMillis: number; readonly set: (offsetMillis: number) => void }
}

const commonHelp: JsonObject = {
  "GET /_sandbox/stats": "Requests, events, distinct ids, duplicates, rejections and bytes of each platform.",
  "GET /_sandbox/events?platform=&asset=&event_id=&limit=": "Events received, newest last, with their bodies.",
  "GET /_sandbox/ids?platform=&asset=&limit=": "Event ids with how often each came.",
  "GET /_sandbox/duplicates?platform=&asset=&limit=": "Event ids that came more than once.",
  "GET|POST|DELETE /_sandbox/faults": "Scripted faults: see the kinds; DELETE takes ?id=.",
  "POST /_sandbox/clock": "Sets the sandbox's clock ahead: {offset_ms}.",
  "POST /_sandbox/reset": "Forgets everything: events, counters, limits, faults."
}

const helpOf = (servers: ReadonlyArray<PlatformServer>): JsonObject => ({
  ...commonHelp,
  ...Object.fromEntries(
    servers.flatMap(({ control: more }) =>
      Object.entries(more?.routes ?? {}).map(([route, { help }]) => [route.replace(" /", ` ${controlPrefix}`), help])
    )
  ),
  fault_kinds: faultKinds
})

export const control = (request: SandboxRequest, options: ControlOptions): Answer => {
  const { store, faults, servers } = options
  const route = `${request.method} ${request.path.slice(controlPrefix.length - 1)}`
  switch (route) {
    case "GET /":
      return json(200, helpOf(servers))
    case "GET /stats":
      return json(
        200,
        Object.assign({ platforms: asJson(store.stats()) }, ...servers.map((one) => one.control?.stats()))
      )
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
    case "POST /clock": {
      const body = parseJson(request.body)
      options.clock.set(isObject(body) && typeof body.offset_ms === "number" ? body.offset_ms : 0)
      return json(200, { offset_ms: options.clock.offsetMillis })
    }
    case "POST /reset":
      store.reset()
      faults.remove(null)
      for (const server of servers) server.reset()
      options.clock.set(0)
      return json(200, { reset: true })
    default: {
      const added = servers.map((one) => one.control?.routes[route]).find((one) => one !== undefined)
      return added === undefined ? json(404, { error: `No ${route}.`, ...helpOf(servers) }) : added.handle(request)
    }
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

const limitDefault = 1000

const queryOf = ({ query }: SandboxRequest): Query => ({
  platform: query.get("platform"),
  asset: query.get("asset"),
  eventId: query.get("event_id"),
  limit: Number(query.get("limit")) || limitDefault
})

/** Plain data all along; interfaces only lack an index signature. */
const asJson = (value: unknown): JsonObject => value as JsonObject
