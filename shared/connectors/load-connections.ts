/** Connections of the registered connectors: those of `connections.yaml`, read by the connectors' rules, and built-in ones. */

import * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import type * as Result from "effect/Result"
import type { Connection } from "../connections/connection.ts"
import {
  Connections,
  type LoadedConnections,
  loadConnectionsFile,
  parseConnections
} from "../connections/connections.ts"
import type { ConnectorCatalog } from "../connections/connector-rules.ts"
import type { TemplateMessage } from "../connections/message-template.ts"
import type { ConnectionsError } from "../connections/yaml-tree.ts"
import { type ConnectorKind, platformOf } from "../model/platform.ts"
import { canonicalEvents } from "./mapping/catalog.ts"
import { canonicalName } from "./mapping/compile.ts"
import { connectorFor } from "./registry.ts"

/** What the loader of the file asks about connectors. */
export const connectorCatalog: ConnectorCatalog = {
  rulesOf: connectorFor,
  eventNamesOf: (kind) => {
    const { standardEvents, takesCustomEvents } = connectorFor(kind).catalog
    return { standard: standardEvents, custom: takesCustomEvents }
  },
  canonicalEvents,
  canonicalName
}

/** The connections of the file that the settings name. */
export const connectionsLayer = Connections.layer(connectorCatalog)

/** Reads and checks a file. `variables` are what `${NAME}` stands for in it. */
export const loadConnections = (
  file: string,
  variables: Readonly<Record<string, string>>
): Effect.Effect<LoadedConnections, ConnectionsError> =>
  loadConnectionsFile(file, { catalog: connectorCatalog, variables })

/** Checks the text of a file; `file` is its name in messages. */
export const checkConnections = (
  file: string,
  text: string,
  variables: Readonly<Record<string, string>>
): Result.Result<LoadedConnections, ConnectionsError> =>
  parseConnections(file, text, { catalog: connectorCatalog, variables })

/**
 * The built-in connection of a kind, which needs no configuration: neutral account ids, consent granted, no age limit. Its
 * credential is a reference to nothing: it maps events, it never sends.
 */
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
