/** What a local run passes to the tools: addresses and settings that stand behind the environment while it is up. */
import { rmSync, writeFileSync } from "node:fs"
import path from "node:path"
import process from "node:process"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { withoutTrailingSlashes } from "../../shared/config/transport.ts"
import { localAddresses } from "./start-local.ts"
import { defaultStateDirectory, readJson } from "./state.ts"

/** Settings of a local run beside its addresses (sandboxes' hosts, keys of the run), by environment variable. */
const localEnvironmentFile = path.join(defaultStateDirectory, "environment.json")

/**
 * Fills unset variables from the local run that is up. A shell that names another broker or registry gets nothing, so that no
 * command ever works half on one and half on the other; one that names the local run's own gets the rest.
 */
export const applyLocalEnvironment = (): void => {
  const addresses = localAddresses()
  if (addresses === null) return
  if (isOther("KAFKA_BROKERS", addresses.brokers) || isOther("SCHEMA_REGISTRY_URL", addresses.registryUrl)) return
  const more = readJson<Readonly<Record<string, string>>>(localEnvironmentFile, {})
  const defaults = { ...more, KAFKA_BROKERS: addresses.brokers, SCHEMA_REGISTRY_URL: addresses.registryUrl }
  for (const [name, value] of Object.entries(defaults)) if (!isSet(name)) process.env[name] = String(value)
}

/** Passes the settings of a local run to the tools, until its scope closes; readable by its owner alone. */
export const publishLocalEnvironment = (
  variables: Readonly<Record<string, string>>
): Effect.Effect<void, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.sync(() => {
      // The mode counts only for a new file.
      rmSync(localEnvironmentFile, { force: true })
      writeFileSync(localEnvironmentFile, `${JSON.stringify(variables, null, 2)}\n`, { mode: 0o600 })
    }),
    () => Effect.sync(() => rmSync(localEnvironmentFile, { force: true }))
  )

const isOther = (name: string, local: string): boolean =>
  isSet(name) && plainAddress(process.env[name] ?? "") !== plainAddress(local)

/** `localhost` and `127.0.0.1` are one machine; a slash at the end of a URL says nothing. */
const plainAddress = (address: string): string =>
  withoutTrailingSlashes(address.trim()).replaceAll("localhost:", "127.0.0.1:")

const isSet = (name: string): boolean => (process.env[name] ?? "").trim() !== ""
