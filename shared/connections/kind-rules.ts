/** What the file of connections must know of each kind of connector. */
import type { Connector } from "../platforms/connector.ts"
import type { ConnectorKind } from "../platforms/platform.ts"

export type KindRules = Pick<Connector, "account" | "credential" | "endpoint" | "limits">
export type RulesOf = (kind: ConnectorKind) => KindRules
