/** What the file of connections must know of each kind of connector: the connector says it itself. */
import type { Connector } from "../platforms/connector.ts"
import type { ConnectorKind } from "../platforms/platform.ts"
import { connectorFor } from "../platforms/registry.ts"

export type KindRules = Pick<Connector, "account" | "credential" | "endpoint" | "limits">
export type RulesOf = (kind: ConnectorKind) => KindRules

export const rulesOf: RulesOf = connectorFor
