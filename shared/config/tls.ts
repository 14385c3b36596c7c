/** Certificates and keys of settings: PEM files, read and checked at the start. */
import { createPrivateKey, X509Certificate } from "node:crypto"
import { readFileSync } from "node:fs"
import * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as SchemaGetter from "effect/SchemaGetter"
import * as SchemaIssue from "effect/SchemaIssue"
import type { TlsOptions } from "../http/http-request.ts"
import { invalid, optional, type SettingsError } from "./setting.ts"

/** The path of a file that can be read; decoded, its text. */
const TextOfFile = Schema.NonEmptyString.pipe(
  Schema.decodeTo(Schema.String, {
    decode: SchemaGetter.transformEffect((file: string) =>
      Effect.try({
        try: () => readFileSync(file, "utf8"),
        catch: () => new SchemaIssue.InvalidValue({ message: "Expected a file that can be read" })
      })
    ),
    encode: SchemaGetter.passthrough()
  })
)

export const pemFile = (name: string) => optional(Config.schema(TextOfFile, name))
export const keyFile = (name: string) =>
  Config.map(pemFile(name), (pem) => (pem === null ? null : Redacted.make(pem, { label: name })))

export interface Pem {
  readonly ca: string | null
  readonly cert: string | null
  readonly key: Redacted.Redacted | null
  readonly passphrase: Redacted.Redacted | null
}

/** TLS options of settings; `names` are the last parts of theirs. */
export const tlsOf = (
  prefix: string,
  { ca, cert, key, passphrase }: Pem,
  names = { ca: "CA", cert: "CERT", key: "KEY" }
): Result.Result<TlsOptions, SettingsError> => {
  if ((cert === null) !== (key === null)) {
    const [given, missing] = cert === null ? [names.key, names.cert] : [names.cert, names.key]
    return Result.fail(
      invalid(
        `${prefix}_${given} is set without ${prefix}_${missing}.`,
        `Set both: the client's certificate and its private key, as PEM files.`
      )
    )
  }
  if (ca !== null && !isCertificate(ca))
    return Result.fail(
      invalid(`${prefix}_${names.ca} holds no certificate in PEM.`, `Give a PEM file in ${prefix}_${names.ca}.`)
    )
  if (cert !== null && key !== null && !isPair(cert, key, passphrase))
    return Result.fail(
      invalid(
        `${prefix}_${names.cert} and ${prefix}_${names.key} are not a certificate in PEM and its private key.`,
        `Give files that belong together, and ${prefix}_${names.key}_PASSWORD where the key is encrypted.`
      )
    )
  return Result.succeed({
    ...(ca === null ? {} : { ca }),
    ...(cert === null ? {} : { cert }),
    ...(key === null ? {} : { key }),
    ...(passphrase === null ? {} : { passphrase })
  })
}

const isCertificate = (pem: string): boolean =>
  Result.isSuccess(Result.try({ try: () => new X509Certificate(pem), catch: () => null }))

const isPair = (cert: string, key: Redacted.Redacted, passphrase: Redacted.Redacted | null): boolean =>
  Result.getOrElse(
    Result.try({
      try: () =>
        new X509Certificate(cert).checkPrivateKey(
          createPrivateKey({
            key: Redacted.value(key),
            ...(passphrase === null ? {} : { passphrase: Redacted.value(passphrase) })
          })
        ),
      catch: () => null
    }),
    () => false
  )
