/** A credential: its reference, its named and redacted fields, and why it could not be read. */

import * as Data from "effect/Data"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"

/** As connections.yaml writes it: `env:NAME`, `store:NAME`, `file:path`, `vault:mount/path`, `aws:name`. */
export interface CredentialReference {
  readonly source: Source
  readonly name: string
  /** Of a JSON object in a file or a secret store (`…#field`): only this one is meant; null for the whole. */
  readonly field: string | null
}

/** Reads a reference; null where it has another form. */
export const parseReference = (text: string): CredentialReference | null => {
  const at = text.indexOf(":")
  const source = text.slice(0, Math.max(0, at))
  if (!isSource(source)) return null
  const rest = text.slice(at + 1)
  const hash = source === "env" || source === "store" ? -1 : rest.lastIndexOf("#")
  const [name, field] = hash < 0 ? [rest, null] : [rest.slice(0, hash), rest.slice(hash + 1)]
  if (!names[source].test(name) || (field !== null && !fieldName.test(field))) return null
  return { source, name, field }
}

/** Whether a text has the form of a reference, for checks that must not fail. */
export const isReference = (text: string): boolean => parseReference(text) !== null

/** What a reference may look like, for messages. */
export const referenceForms =
  "env:NAME (an environment variable), store:name (an entry of `./capi credentials`), file:path, vault:mount/path or aws:name (AWS Secrets Manager)"

/** Names of entries of the store: A-Z, a-z, 0-9, dot, dash and underscore, at most 100. */
export const storeName = /^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/

/** The forms of each source's names: no control characters, nothing that leaves the address of a secret store. */
const names = {
  env: /^[A-Za-z_][A-Za-z0-9_]*$/,
  store: storeName,
  file: /^[^\p{Cc}#]{1,500}$/u,
  vault: /^[A-Za-z0-9_-]{1,100}\/[A-Za-z0-9][A-Za-z0-9 ._/-]{0,299}$/,
  aws: /^[A-Za-z0-9/_+=.@:-]{1,512}$/
} as const
const fieldName = /^[A-Za-z0-9_.-]{1,100}$/

type Source = keyof typeof names
const isSource = (text: string): text is Source => Object.hasOwn(names, text)

/** A secret, resolved: its fields by name (`access_token`, `refresh_token`, …). */
export type Secret = Readonly<Record<string, Redacted.Redacted>>

/** Fields of a credential: what is required and what is allowed. The first required one takes a bare string. */
export interface CredentialFields {
  readonly required: ReadonlyArray<string>
  readonly optional: ReadonlyArray<string>
}

/** Any fields: for listing and checking without a connector. */
export const anyFields: CredentialFields = { required: [], optional: [] }

/**
 * A JSON object gives its fields; any other text is the first required field (`access_token` where none is required).
 * Fails, without naming any value, where a required field is absent or a field is not a string.
 */
export const readSecret = (
  reference: string,
  text: Redacted.Redacted,
  shape: CredentialFields
): Result.Result<Secret, CredentialsError> => {
  const plain = Redacted.value(text).trim()
  if (plain === "") return Result.fail(invalid(reference, "is empty"))
  const fields = plain.startsWith("{") ? fieldsOfJson(plain) : { [shape.required[0] ?? "access_token"]: plain }
  if (fields === null)
    return Result.fail(invalid(reference, "begins like JSON, but is not a JSON object of names and strings"))
  const missing = shape.required.filter((name) => fields[name] === undefined)
  if (missing.length > 0)
    return Result.fail(
      new CredentialsError({
        code: "missing_fields",
        message: `The credential ${reference} lacks ${missing.join(" and ")}; it has ${Object.keys(fields).sort().join(", ") || "nothing"}.`,
        nextStep: `Give it as a JSON object with ${[...shape.required, ...shape.optional.map((name) => `${name} (optional)`)].join(", ")}.`,
        cause: null
      })
    )
  return Result.succeed(
    Object.fromEntries(Object.entries(fields).map(([name, value]) => [name, Redacted.make(value, { label: name })]))
  )
}

const fieldsOfJson = (text: string): Record<string, string> | null => {
  const parsed = Result.getOrNull(Result.try((): unknown => JSON.parse(text)))
  if (parsed === null || typeof parsed !== "object" || Array.isArray(parsed)) return null
  const fields: Record<string, string> = {}
  for (const [name, value] of Object.entries(parsed)) {
    if (typeof value === "number" && Number.isSafeInteger(value)) fields[name] = String(value)
    else if (typeof value === "string" && value.trim() !== "") fields[name] = value.trim()
    else return null
  }
  return fields
}

const invalid = (reference: string, what: string) =>
  new CredentialsError({
    code: "value_invalid",
    message: `The credential ${reference} ${what}.`,
    nextStep: 'Give the bare token, or a JSON object such as {"access_token":"…"}.',
    cause: null
  })

/** A credential could not be read. Neither text ever holds any part of a secret. */
export class CredentialsError extends Data.TaggedError("CredentialsError")<{
  readonly code:
    | "reference_invalid"
    | "not_found"
    | "missing_fields"
    | "no_master_key"
    | "weak_master_key"
    | "previous_key"
    /** A source outside of this program is away; what it held before may still be right. */
    | "source_unreachable"
    | "source_refused"
    | "wrong_key"
    | "store_corrupt"
    | "store_unreadable"
    | "store_locked"
    | "value_invalid"
  readonly message: string
  readonly nextStep: string
  readonly cause: unknown
}> {}
