/** The connections of this deployment, read once at the start. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { environment } from "../config/environment.ts"
import { SettingsService } from "../config/settings.ts"
import type { Platform } from "../model/platform.ts"
import type { Connection } from "./connection.ts"
import type { ConnectorCatalog } from "./connector-rules.ts"
import { loadConnectionsFile } from "./load.ts"
import { type ConnectionsError, formatProblem } from "./problem.ts"

export class Connections extends Context.Service<
  Connections,
  {
    /** All, disabled ones too, in the file's order. */
    readonly all: ReadonlyArray<Connection>
    readonly enabled: ReadonlyArray<Connection>
    readonly enabledOf: (platform: Platform) => ReadonlyArray<Connection>
    /** Null where there is none of that id. */
    readonly get: (id: string) => Connection | null
  }
>()("shared/connections/Connections") {
  /** Reads the file that the settings name, and logs its warnings. */
  static readonly layer = (catalog: ConnectorCatalog): Layer.Layer<Connections, ConnectionsError, SettingsService> =>
    Layer.effect(
      Connections,
      Effect.gen(function* () {
        const file = (yield* SettingsService).connectionsFile
        const loaded = yield* loadConnectionsFile(file, { catalog, variables: environment() })
        for (const warning of loaded.warnings) yield* Effect.logWarning(formatProblem(file, warning))
        return connectionsOf(loaded.connections)
      })
    )
}

/** The service over connections that are known already, as tests have them. */
export const connectionsOf = (all: ReadonlyArray<Connection>): Connections["Service"] => {
  const enabled = all.filter((connection) => connection.enabled)
  return {
    all,
    enabled,
    enabledOf: (platform) => enabled.filter((connection) => connection.platform === platform),
    get: (id) => all.find((connection) => connection.id === id) ?? null
  }
}
