/** Pieces that the requests of several platforms share. */
import { createHmac } from "node:crypto"
import * as Redacted from "effect/Redacted"
import { withoutTrailingSlashes } from "../../config/trailing-slashes.ts"
import type { Connection } from "../../connections/connection.ts"
import type { HttpRequestSpec, RequestContext, Secret } from "../connector.ts"
import type { JsonBody } from "./json-body.ts"

/** Scheme and host, without a trailing slash; a host without a scheme is https. */
export const originOf = (connection: Connection): string => withScheme(connection.endpoint.host)

export const withScheme = (host: string): string => {
  const bare = withoutTrailingSlashes(host)
  return /^https?:\/\//.test(bare) ? bare : `https://${bare}`
}

/** An account id as a part of a path; empty where the connection has none (lint says so before). */
export const accountPart = (connection: Connection, key: string): string =>
  encodeURIComponent(connection.account[key] ?? "")

/** Digits only: Google shows customer ids as 123-456-7890 and takes 1234567890. */
export const digitsOf = (text: string): string => text.replace(/\D/g, "")

/** A field of the secret; an absent one is empty, which the platform answers with its own error of authentication. */
export const secretField = (secret: Secret, field: string): Redacted.Redacted => secret[field] ?? Redacted.make("")

/** `Bearer <token>` as a secret. */
export const bearer = (secret: Secret): Redacted.Redacted =>
  Redacted.make(`Bearer ${Redacted.value(secretField(secret, "access_token"))}`)

/** Meta's and WhatsApp's proof that the sender knows the app's secret: HMAC-SHA256 of the token, in hex. Optional. */
export const appSecretProof = (secret: Secret): HttpRequestSpec["secretParams"] => {
  const { access_token, app_secret } = secret
  if (access_token === undefined || app_secret === undefined) return {}
  const proof = createHmac("sha256", Redacted.value(app_secret)).update(Redacted.value(access_token)).digest("hex")
  return { appsecret_proof: Redacted.make(proof) }
}

/** A POST of JSON with a token in the Authorization header. */
export const postJson = (
  url: string,
  body: string | JsonBody,
  context: RequestContext,
  more: Partial<Pick<HttpRequestSpec, "headers" | "secretHeaders" | "secretParams">> = {}
): HttpRequestSpec => {
  const head = {
    method: "POST",
    url,
    headers: { "content-type": "application/json", ...more.headers },
    secretHeaders: more.secretHeaders ?? { authorization: bearer(context.secret) },
    secretParams: more.secretParams ?? {}
  } as const
  if (typeof body === "string") return { ...head, body }
  return {
    ...head,
    // The text is for who wants to read it: what is sent are the bytes.
    get body() {
      return body.text()
    },
    bodyBytes: body.bytes
  }
}
