/** `connections.yaml`, read by the rules of the registered connectors. */
import type * as Effect from "effect/Effect"
import type * as Result from "effect/Result"
import {
  Connections,
  type LoadedConnections,
  loadConnectionsFile,
  parseConnections
} from "../connections/connections.ts"
import type { ConnectorCatalog } from "../connections/connector-rules.ts"
import type { ConnectionsError } from "../connections/problem.ts"
import { canonicalName } from "./mapping/canonical-name.ts"
import { canonicalEvents } from "./mapping/catalog.ts"
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
