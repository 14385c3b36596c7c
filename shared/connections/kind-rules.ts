/** What the file of connections must know of each kind of connector: the connector says it itself. */
import type { Connector } from "../connectors/connector.ts"
import { connectorFor } from "../connectors/registry.ts"
import type { ConnectorKind } from "../model/platform.ts"

export type KindRules = Pick<Connector, "account" | "credential" | "endpoint" | "limits">
export type RulesOf = (kind: ConnectorKind) => KindRules

export const rulesOf: RulesOf = connectorFor
