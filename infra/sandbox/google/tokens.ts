/** Google's token endpoint, `POST /token`, and the access tokens it gave out. */

import {
  type Answer,
  bearerToken,
  json,
  type PlatformServer,
  type SandboxRequest,
  type Situation
} from "../platform.ts"
import type { Deps } from "../platform-sandbox.ts"

export type GoogleScope = "datamanager" | "adwords"

export interface GoogleTokens {
  readonly server: PlatformServer
  /** Why the request's bearer token does not do, or null. */
  readonly refusal: (
    request: SandboxRequest,
    situation: Situation,
    scope: GoogleScope
  ) => "unauthenticated" | "scope" | null
}

export interface GoogleTokenOptions {
  readonly clientId: string
  readonly clientSecret: string
  /** Refresh token → the scopes it was granted. */
  readonly refreshTokens: Readonly<Record<string, string>>
  /** Access tokens that are valid without a refresh, with both scopes. */
  readonly accessTokens: ReadonlyArray<string>
  readonly accessTokenSeconds: number
}

/** Access tokens that are remembered; the oldest go first. */
const tokensMax = 10_000

export const makeGoogleTokens = (options: GoogleTokenOptions, { store, random }: Deps): GoogleTokens => {
  const issued = new Map<string, { readonly scope: string; readonly at: number }>()

  const refuse = (status: number, error: string, description: string): Answer => {
    store.reject("google-oauth", error, 0)
    return json(status, { error, error_description: description })
  }

  const answer = (request: SandboxRequest, situation: Situation): Answer => {
    if (request.path !== "/token" || request.method !== "POST") return refuse(404, "not_found", "No such path.")
    const form = new URLSearchParams(request.body.toString("utf8"))
    if (form.get("grant_type") !== "refresh_token")
      return refuse(400, "unsupported_grant_type", "Invalid grant_type: " + String(form.get("grant_type")))
    if (form.get("client_id") !== options.clientId || form.get("client_secret") !== options.clientSecret)
      return refuse(401, "invalid_client", "The OAuth client was not found.")
    const scope = options.refreshTokens[form.get("refresh_token") ?? ""]
    if (scope === undefined || situation.refreshRevoked)
      return refuse(400, "invalid_grant", "Token has been expired or revoked.")
    const token = `ya29.${random.characters(40)}`
    issued.set(token, { scope, at: request.now })
    if (issued.size > tokensMax) issued.delete(issued.keys().next().value ?? "")
    return json(200, { access_token: token, expires_in: options.accessTokenSeconds, scope, token_type: "Bearer" })
  }

  const refusal: GoogleTokens["refusal"] = (request, situation, scope) => {
    const token = bearerToken(request)
    if (token === null) return "unauthenticated"
    const before = situation.tokensExpiredBefore
    if (options.accessTokens.includes(token)) return before === null ? null : "unauthenticated"
    const known = issued.get(token)
    if (known === undefined || request.now - known.at >= options.accessTokenSeconds * 1000) return "unauthenticated"
    if (before !== null && known.at < before) return "unauthenticated"
    return known.scope.includes(`/auth/${scope}`) ? null : "scope"
  }

  return {
    refusal,
    server: {
      platform: "google-oauth",
      eventKey: '"',
      answer,
      fail: (failure) =>
        failure._tag === "ServerError"
          ? json(failure.status, { error: "internal_failure" })
          : failure._tag === "Throttled"
            ? json(429, { error: "rate_limit_exceeded" })
            : json(400, { error: "invalid_grant", error_description: "Token has been expired or revoked." }),
      uncheckedAnswer: () =>
        json(200, {
          access_token: options.accessTokens[0] ?? "sandbox",
          expires_in: options.accessTokenSeconds,
          token_type: "Bearer"
        }),
      reset: () => issued.clear()
    }
  }
}
