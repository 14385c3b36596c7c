/** `connections.yaml`, read by the rules of the registered connectors. */
import type * as Effect from "effect/Effect"
import type * as Result from "effect/Result"
import { Connections } from "../connections/connections.ts"
import type { ConnectorCatalog } from "../connections/connector-rules.ts"
import { type LoadedConnections, loadConnectionsFile, parseConnections } from "../connections/load.ts"
import type { ConnectionsError } from "../connections/problem.ts"
import { platformOf } from "../model/platform.ts"
import { canonicalEvents, standardEvents, takesCustomEvents } from "./mapping/catalog.ts"
import { canonicalName } from "./mapping/event-name.ts"
import { connectorFor } from "./registry.ts"

/** What the loader of the file asks about connectors. */
export const connectorCatalog: ConnectorCatalog = {
  rulesOf: connectorFor,
  eventNamesOf: (kind) => {
    const platform = platformOf(kind)
    return { standard: standardEvents(platform), custom: takesCustomEvents(platform) }
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
