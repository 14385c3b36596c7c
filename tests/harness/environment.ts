/** The variables that connect a program to a broker, a registry and the sandboxes. */
import type { Sandbox } from "../../infra/sandbox/sandbox.ts"

export interface EnvironmentOptions {
  /** `host:port`, several joined by commas. */
  readonly brokers: string
  readonly registryUrl: string
  /** Before every topic and group. */
  readonly prefix: string
  /** Path of `connections.yaml`. */
  readonly connections: string
  readonly sandbox?: Sandbox
}

/** The key of a run that names no other. */
export const defaultMasterKey = "dGVzdC1ydW4tMDEyMzQ1Njc4OWFiY2RlZmdoaWprbG0="

/** Hosts and credentials of the sandbox stand under the names that the example's connections use. */
export const environmentFor = (
  { brokers, registryUrl, prefix, connections, sandbox }: EnvironmentOptions,
  more: Readonly<Record<string, string>> = {}
): Readonly<Record<string, string>> => ({
  KAFKA_BROKERS: brokers,
  SCHEMA_REGISTRY_URL: registryUrl,
  CAPI_TOPIC_PREFIX: prefix,
  CAPI_CONNECTIONS: connections,
  CAPI_MASTER_KEY: defaultMasterKey,
  // SQLite keeps it in memory: nothing is left, and runs at the same time have one each.
  CAPI_INDEXER_FILE: ":memory:",
  ...sandbox?.environment,
  ...more
})
