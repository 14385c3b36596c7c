/** A credential's reference, as connections.yaml writes it: `env:NAME` or `store:NAME`. */

export interface CredentialReference {
  readonly source: "env" | "store"
  readonly name: string
}

/** Reads a reference; null where it has another form. */
export const parseReference = (text: string): CredentialReference | null => {
  const match = /^(env|store):(.+)$/.exec(text)
  if (match === null) return null
  const source = match[1] === "env" ? "env" : "store"
  const name = match[2]!
  return (source === "env" ? environmentName : storeName).test(name) ? { source, name } : null
}

/** Whether a text has the form of a reference, for checks that must not fail. */
export const isReference = (text: string): boolean => parseReference(text) !== null

/** What a reference may look like, for messages. */
export const referenceForms = "env:NAME (an environment variable) or store:name (an entry of `./capi credentials`)"

const environmentName = /^[A-Za-z_][A-Za-z0-9_]*$/

/** Names of entries of the store: letters, digits, dot, dash and underscore, at most 100. */
export const storeName = /^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/
