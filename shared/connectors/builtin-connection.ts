/** Connections that need no configuration: neutral account ids, consent granted, no age limit. */
import * as Duration from "effect/Duration"
import type { Connection } from "../connections/connection.ts"
import type { TemplateMessage } from "../connections/message-template.ts"
import { type ConnectorKind, platformOf } from "../model/platform.ts"
import { canonicalEvents } from "./mapping/catalog.ts"
import { connectorFor } from "./registry.ts"

/** The built-in connection of a kind. Credentials are a reference to nothing: it maps events, it never sends. */
export const builtinConnection = (kind: ConnectorKind): Connection => ({
  id: `builtin-${kind}`,
  kind,
  platform: platformOf(kind),
  enabled: true,
  account: connectorFor(kind).exampleAccount,
  credential: "env:NONE",
  endpoint: { host: "https://platform.invalid", version: "v0" },
  events: { include: [], exclude: [], actionSources: [] },
  mapping: {
    version: "builtin",
    names: "specification",
    defaultCountry: null,
    defaultActionSource: "website",
    maxAgeDays: null,
    events: {},
    parameters: {},
    templates: connectorFor(kind).messageTemplates === true ? templates : {}
  },
  limits: {
    profile: "documented",
    eventsPerRequest: null,
    bytesPerRequest: null,
    requestsPerWindow: null,
    eventsPerWindow: null,
    window: null,
    concurrency: null,
    linger: Duration.zero
  },
  consent: { onUnknown: "send", onSaleDenied: "restrict", assume: "granted" },
  testEventCode: null,
  partnerName: null
})

/** One template for every canonical event, whose only parameter is the event's id. */
const templates: Readonly<Record<string, TemplateMessage>> = Object.fromEntries(
  canonicalEvents.map((event) => [event, { name: event, language: "en_US", body: ["{event_id}"] }])
)
