/** The id that every node of a Kafka cluster is formatted with. */
import { randomBytes } from "node:crypto"
import path from "node:path"
import { readJson, type State, writeJson } from "./state.ts"

/** The state folder's id, made at the first call and kept: a node that joins after a crash is formatted with it too. */
export const clusterId = (state: State): string => {
  const file = path.join(state.directory, "cluster.json")
  const known = readJson<{ readonly id?: string }>(file, {}).id
  if (known !== undefined) return known
  const id = clusterIdOf(randomBytes(16))
  writeJson(file, { id })
  return id
}

/**
 * 16 bytes as Kafka writes an id (base64url, 22 characters). One that began with `-` would be an option on the command
 * line of Kafka's tools, which then refuse it; `Uuid.randomUuid` of Kafka's clients avoids them too.
 */
export const clusterIdOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString("base64url").replace(/^-/, "A")
