/** A person by one identifier, as the command line is given it: every form under which events may know it. Pure. */
import * as Result from "effect/Result"
import { normalizeEmail } from "../../../processors/normalizer/identity/email.ts"
import type { Field } from "../../../processors/normalizer/identity/field.ts"
import { normalizeExternalId } from "../../../processors/normalizer/identity/other-fields.ts"
import { digitsForm, normalizePhone, tiktokForm } from "../../../processors/normalizer/identity/phone.ts"
import { alreadyHashed, sha256 } from "../../../processors/normalizer/identity/text.ts"
import { CommandError } from "../cli.ts"

export const identifierKinds = ["email", "phone", "external-id"] as const
export type IdentifierKind = (typeof identifierKinds)[number]

export interface Identifier {
  readonly kind: IdentifierKind | "hash"
  /** SHA-256 of each form that a producer may have hashed: the platforms' forms differ. */
  readonly hashes: ReadonlyArray<string>
}

/**
 * @param kind null guesses: a hash, an email with its `@`, a phone with its `+`, else an external id
 * @param countries ISO 3166-1 alpha-2 of a national number, tried in order
 */
export const identify = (
  text: string,
  kind: IdentifierKind | null,
  countries: ReadonlyArray<string>
): Result.Result<Identifier, CommandError> => {
  const hash = alreadyHashed(text)
  if (hash !== null) return Result.succeed({ kind: "hash", hashes: [hash] })
  const meant = kind ?? (text.includes("@") ? "email" : text.trim().startsWith("+") ? "phone" : "external-id")
  const found = formsOf(text, meant, countries)
  if ("dropped" in found) return Result.fail(notUsable(meant, found.dropped))
  return Result.succeed({ kind: meant, hashes: [...new Set(found.value)].map(sha256) })
}

const formsOf = (
  text: string,
  kind: IdentifierKind,
  countries: ReadonlyArray<string>
): Field<ReadonlyArray<string>> => {
  if (kind === "email") {
    const email = normalizeEmail(text)
    if ("dropped" in email) return email
    const { plain, google } = email.value
    return { value: google === null ? [plain] : [plain, google] }
  }
  if (kind === "external-id") {
    const id = normalizeExternalId(text)
    return "dropped" in id ? id : { value: [id.value] }
  }
  const phones = normalizePhone(text, null, countries)
  if ("dropped" in phones) return phones
  return { value: phones.value.flatMap(({ e164 }) => [e164, digitsForm(e164), tiktokForm(e164)]) }
}

/** Says nothing of the identifier itself. */
const notUsable = (kind: IdentifierKind, reason: string) =>
  new CommandError({
    code: "invalid_identifier",
    message: `This is not usable as ${kind === "external-id" ? "an external id" : kind === "email" ? "an email" : "a phone number"}: ${reason}.`,
    nextStep:
      "Give it as the producer has it; --kind says what it is, and a phone number begins with + and the country's code.",
    exitCode: 2
  })
