/** The edge to the process's environment: the only place in `shared` that reads it. */
import { env } from "node:process"
import * as ConfigProvider from "effect/ConfigProvider"

/** Environment variables, an empty one counting as absent, as compose files and shells leave them. */
export const environment = (
  variables: Readonly<Record<string, string | undefined>> = env
): Readonly<Record<string, string>> => {
  const present: Record<string, string> = {}
  for (const [name, value] of Object.entries(variables))
    if (value !== undefined && value.trim() !== "") present[name] = value
  return present
}

/** A provider over the environment. */
export const environmentProvider = (
  variables?: Readonly<Record<string, string | undefined>>
): ConfigProvider.ConfigProvider => ConfigProvider.fromEnvRecord(environment(variables))
