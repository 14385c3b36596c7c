/** Turns the text of a credential into its named, redacted fields. */
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import { CredentialsError } from "./credentials-error.ts"

/** A secret, resolved: its fields by name (`access_token`, `refresh_token`, …). */
export type Secret = Readonly<Record<string, Redacted.Redacted>>

/** Fields of a credential: what is required and what is allowed. The first required one takes a bare string. */
export interface CredentialFields {
  readonly required: ReadonlyArray<string>
  readonly optional: ReadonlyArray<string>
}

/** Any fields: for listing and checking without a connector. */
export const anyShape: CredentialFields = { required: [], optional: [] }

/**
 * A JSON object gives its fields; any other text is the first required field (`access_token` where none is required).
 * Fails, without telling any value, where a required field is absent or a field is not text.
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
    return Result.fail(invalid(reference, "begins like JSON, but is not a JSON object of names and texts"))
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
