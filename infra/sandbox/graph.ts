/** What Meta's Graph API does for every product on it: versions, tokens, error bodies. Used by meta and whatsapp. */
import { createHmac, timingSafeEqual } from "node:crypto"
import {
  type Answer,
  bearerToken,
  type Failure,
  type JsonObject,
  json,
  type SandboxRequest,
  type Situation
} from "./platform.ts"
import type { Random } from "./random.ts"

/** Versions that answer today, oldest first. */
export const graphVersions = ["v21.0", "v22.0", "v23.0", "v24.0", "v25.0", "v26.0"]

export interface GraphError {
  readonly status: number
  readonly message: string
  readonly code: number
  readonly type?: string
  readonly error_subcode?: number
  readonly is_transient?: boolean
  readonly error_user_title?: string
  readonly error_user_msg?: string
  readonly error_data?: JsonObject
}

export const traceId = (random: Random): string => `A${random.characters(22)}`

/** `{"error":{message,type,code,error_subcode,…,fbtrace_id}}`. */
export const graphError = (error: GraphError, random: Random): Answer => {
  const { status, message, type, code, ...rest } = error
  const trace = traceId(random)
  const body = { error: { message, type: type ?? "OAuthException", code, ...rest, fbtrace_id: trace } }
  return json(status, body, { "x-fb-trace-id": trace })
}

/**
 * `GET /{version}/debug_token`: what Graph says of the token `input_token`; an asker with a good token may ask about it. `expires_at`
 * is in seconds, 0 for never. (Facebook Login: debug_token.)
 */
export const debugToken = (
  request: SandboxRequest,
  { tokens, expiresAtSeconds }: { readonly tokens: ReadonlyArray<string>; readonly expiresAtSeconds: number }
): Answer => {
  const token = request.query.get("input_token")
  const isValid = token !== null && tokens.includes(token)
  return json(200, {
    data: {
      app_id: "1234567890",
      type: "SYSTEM_USER",
      application: "Sandbox",
      data_access_expires_at: 0,
      expires_at: isValid ? expiresAtSeconds : 0,
      is_valid: isValid,
      scopes: ["ads_management"]
    }
  })
}

export interface GraphPath {
  readonly version: string
  readonly id: string
  readonly edge: string | null
}

/** `/{version}/{id}/{edge}`; null where a part is missing, as in an unversioned call. */
export const graphPath = (path: string): GraphPath | null => {
  const match = /^\/(v\d+\.\d+)\/([^/]+)(?:\/([a-z_]+))?\/?$/.exec(path)
  return match === null ? null : { version: match[1]!, id: match[2]!, edge: match[3] ?? null }
}

export const unknownPath = (path: string): GraphError => ({
  status: 400,
  code: 2500,
  message: `Unknown path components: ${path}`
})

export const unsupportedRequest = (method: string, id: string): GraphError => ({
  status: 400,
  code: 100,
  error_subcode: 33,
  type: "GraphMethodException",
  message:
    `Unsupported ${method.toLowerCase()} request. Object with ID '${id}' does not exist, cannot be loaded due to ` +
    "missing permissions, or does not support this operation"
})

/** Older than the oldest living version: the call is upgraded to it, and a header says so. Newer than the newest: unknown. */
export const versionHeaders = (
  version: string,
  living: ReadonlyArray<string>
): Readonly<Record<string, string>> | null => {
  if (living.includes(version)) return { "facebook-api-version": version }
  const oldest = living[0] ?? version
  if (Number.parseFloat(version.slice(1)) > Number.parseFloat(oldest.slice(1))) return null
  return {
    "facebook-api-version": oldest,
    "x-ad-api-version-warning": `The call has been auto-upgraded to ${oldest} as ${version} has been deprecated.`
  }
}

export interface GraphCredentials {
  readonly tokens: ReadonlyArray<string>
  readonly appSecret: string | null
}

/** Null where the token (query, body or header) is good. */
export const tokenError = (
  request: SandboxRequest,
  inBody: string | null,
  proofInBody: string | null,
  credentials: GraphCredentials,
  situation: Situation
): GraphError | null => {
  const token = request.query.get("access_token") ?? inBody ?? bearerToken(request)
  if (token === null || token === "")
    return { status: 400, code: 104, message: "An access token is required to request this resource." }
  if (!credentials.tokens.includes(token))
    return { status: 401, code: 190, message: "Invalid OAuth access token - Cannot parse access token" }
  if (situation.tokensExpiredBefore !== null) return expiredToken(request.now)
  const proof = request.query.get("appsecret_proof") ?? proofInBody
  if (credentials.appSecret !== null && !proves(proof, token, credentials.appSecret))
    return {
      status: 400,
      code: 100,
      type: "GraphMethodException",
      message: "Invalid appsecret_proof provided in the API argument"
    }
  return null
}

const proves = (proof: string | null, token: string, secret: string): boolean => {
  const expected = createHmac("sha256", secret).update(token).digest("hex")
  return proof?.length === expected.length && timingSafeEqual(Buffer.from(proof), Buffer.from(expected))
}

const expiredToken = (now: number): GraphError => ({
  status: 401,
  code: 190,
  error_subcode: 463,
  message: `Error validating access token: Session has expired on ${new Date(now - 1000).toUTCString()}.`
})

/** The failures that can be scripted; `throttled` is the product's own throttle error. */
export const graphFailure = (failure: Failure, now: number, throttled: GraphError): GraphError => {
  switch (failure._tag) {
    case "Throttled":
      return throttled
    case "ExpiredToken":
      return expiredToken(now)
    case "ServerError":
      return {
        status: failure.status,
        code: 2,
        is_transient: true,
        message: "An unexpected error has occurred. Please retry your request later."
      }
    case "Code":
      return {
        status: failure.code === 190 ? 401 : 400,
        code: Number(failure.code),
        ...(failure.subcode === null ? {} : { error_subcode: failure.subcode }),
        message: failure.message ?? `(#${failure.code}) Scripted error`
      }
  }
}
