/** Tokens for SASL/OAUTHBEARER by the client credentials flow (RFC 6749, 4.4), kept until shortly before they expire. */
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import type { TokenLogin } from "../../config/transport.ts"
import { type HttpResponse, sendRequest } from "../../http/http-request.ts"

interface Token {
  readonly value: string
  readonly extensions?: Readonly<Record<string, string>>
}

/** A function for kafkajs, which asks for a token at every login. Logins that come together share one request. */
export const tokenProvider = (login: TokenLogin): (() => Promise<Token>) => {
  let current: { readonly token: Promise<Token>; until: number } | null = null
  return () => {
    if (current !== null && performance.now() < current.until) return current.token
    const fetched = fetchToken(login)
    const held = { token: fetched.then(({ token }) => token), until: Number.POSITIVE_INFINITY }
    current = held
    fetched.then(
      ({ lifeMillis }) => {
        held.until = performance.now() + lifeMillis * usedPart
      },
      () => {
        if (current === held) current = null
      }
    )
    return held.token
  }
}

/** A token is replaced after this part of its life, so that the broker never gets one that is about to expire. */
const usedPart = 0.8
/** Where the response does not say how long a token lives. */
const lifeSecondsUnknown = 300
const timeoutMillis = 10_000

const fetchToken = async (login: TokenLogin): Promise<{ readonly token: Token; readonly lifeMillis: number }> => {
  const form = new URLSearchParams({ grant_type: "client_credentials" })
  if (login.scope !== null) form.set("scope", login.scope)
  if (login.audience !== null) form.set("audience", login.audience)
  const credentials = `${encodeURIComponent(login.clientId)}:${encodeURIComponent(Redacted.value(login.clientSecret))}`
  const response = await sendRequest({
    method: "POST",
    url: login.tokenUrl,
    headers: {
      accept: "application/json",
      "content-type": "application/x-www-form-urlencoded",
      authorization: `Basic ${Buffer.from(credentials).toString("base64")}`
    },
    body: form.toString(),
    tls: login.tls,
    timeoutMillis
  }).catch((cause: unknown) => Promise.reject(new TokenEndpointUnreachable(originOf(login), cause)))
  if (response.status >= 500)
    return Promise.reject(new TokenEndpointUnreachable(originOf(login), `status ${response.status}`))
  const read = readToken(response)
  if (read === null) return Promise.reject(new TokenRefused(originOf(login), reasonOf(response)))
  const { extensions } = login
  return {
    token: { value: read.value, ...(Object.keys(extensions).length === 0 ? {} : { extensions }) },
    lifeMillis: read.lifeSeconds * 1000
  }
}

const originOf = ({ tokenUrl }: TokenLogin): string =>
  URL.canParse(tokenUrl) ? new URL(tokenUrl).origin : "its address"

const readToken = ({ status, text }: HttpResponse) => {
  const body = jsonOf(text)
  const value = body["access_token"]
  if (status !== 200 || typeof value !== "string" || value === "") return null
  const seconds = Number(body["expires_in"])
  return { value, lifeSeconds: Number.isFinite(seconds) && seconds > 0 ? seconds : lifeSecondsUnknown }
}

/** The error code of RFC 6749, 5.2, such as `invalid_client`; other texts of a response may repeat a secret. */
const reasonOf = ({ status, text }: HttpResponse): string => {
  const code = jsonOf(text)["error"]
  return typeof code === "string" && /^[a-z_]{1,64}$/.test(code) ? `${code}, status ${status}` : `status ${status}`
}

const jsonOf = (text: string): Readonly<Record<string, unknown>> => {
  const parsed = Result.getOrNull(Result.try((): unknown => JSON.parse(text)))
  return typeof parsed === "object" && parsed !== null ? (parsed as Record<string, unknown>) : {}
}

/** By its name the client tries again, as with a broker that is away. */
class TokenEndpointUnreachable extends Error {
  override readonly name = "KafkaJSConnectionError"
  constructor(origin: string, cause: unknown) {
    super(`the token endpoint at ${origin} does not answer (${cause instanceof Error ? cause.message : String(cause)})`)
  }
}

/** By its name the login counts as refused. */
class TokenRefused extends Error {
  override readonly name = "KafkaJSSASLAuthenticationError"
  constructor(origin: string, reason: string) {
    super(`the token endpoint at ${origin} gives no token (${reason})`)
  }
}
