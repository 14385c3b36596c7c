/** A token endpoint as an identity provider has it: client credentials in, a signed JWT (RS256) out, over TLS. */
import { generateKeyPairSync, sign } from "node:crypto"
import { readFileSync, writeFileSync } from "node:fs"
import https from "node:https"
import path from "node:path"
import * as Effect from "effect/Effect"
import type { IssuedCertificate } from "./certificates.ts"
import { listenLocally } from "./local-server.ts"

export interface TokenEndpointOptions {
  readonly folder: string
  readonly certificate: IssuedCertificate
  /** Secrets by client. */
  readonly clients: Readonly<Record<string, string>>
  readonly audience: string
  readonly lifeSeconds?: number
}

/** Listens until the scope closes. The keys for verification are in `jwksFile`. */
export const startTokenEndpoint = Effect.fnUntraced(function* (options: TokenEndpointOptions) {
  const { privateKey, publicKey } = generateKeyPairSync("rsa", { modulusLength: 2048 })
  const jwksFile = path.join(options.folder, "jwks.json")
  const key = { ...publicKey.export({ format: "jwk" }), kid: "test", use: "sig", alg: "RS256" }
  writeFileSync(jwksFile, JSON.stringify({ keys: [key] }))
  const lifeSeconds = options.lifeSeconds ?? 300
  let issued = 0
  const tokenFor = (client: string): string => {
    const now = Math.floor(Date.now() / 1000)
    const part = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url")
    const claims = { iss: "capi-tests", aud: options.audience, sub: client, iat: now, exp: now + lifeSeconds }
    const signed = `${part({ alg: "RS256", kid: "test", typ: "JWT" })}.${part(claims)}`
    return `${signed}.${sign("sha256", Buffer.from(signed), privateKey).toString("base64url")}`
  }
  const server = https.createServer(
    { key: readFileSync(options.certificate.key), cert: readFileSync(options.certificate.cert) },
    (request, response) => {
      const chunks: Array<Buffer> = []
      request.on("data", (chunk: Buffer) => chunks.push(chunk))
      request.on("end", () => {
        const answer = (status: number, body: object) => {
          response.writeHead(status, { "content-type": "application/json" })
          response.end(JSON.stringify(body))
        }
        const form = new URLSearchParams(Buffer.concat(chunks).toString())
        const [scheme = "", encoded = ""] = (request.headers.authorization ?? "").split(" ")
        const [client = "", secret = ""] = Buffer.from(encoded, "base64").toString().split(":").map(decodeURIComponent)
        if (request.method !== "POST" || form.get("grant_type") !== "client_credentials")
          return answer(400, { error: "unsupported_grant_type" })
        if (scheme !== "Basic" || options.clients[client] !== secret) return answer(401, { error: "invalid_client" })
        issued++
        answer(200, { access_token: tokenFor(client), token_type: "Bearer", expires_in: lifeSeconds })
      })
    }
  )
  const port = yield* listenLocally(server)
  return { url: `https://127.0.0.1:${port}/token`, jwksFile, issued: () => issued }
})
