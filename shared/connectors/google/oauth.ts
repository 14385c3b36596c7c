/** The access token of both Google APIs (Google: OAuth 2.0). */
import * as Duration from "effect/Duration"
import * as Redacted from "effect/Redacted"
import type { HttpRequestSpec, HttpResponseSpec, RefreshResult, RequestContext } from "../connector.ts"
import { bodyObject, numberOf, secretField, textOf, withScheme } from "../http/json.ts"
import { classification } from "../verdicts.ts"
import table from "./oauth-classification.json" with { type: "json" }

/**
 * Exchanges the refresh token for an access token at Google's token endpoint. The whole form is secret, and so is the
 * answer. `account.oauth_host` replaces the host. (Google: OAuth 2.0, refreshing an access token.)
 */
export const refreshRequest = (context: RequestContext): HttpRequestSpec => ({
  method: "POST",
  url: `${withScheme(context.connection.account["oauth_host"] ?? "https://oauth2.googleapis.com")}/token`,
  headers: { "content-type": "application/x-www-form-urlencoded" },
  secretHeaders: {},
  secretParams: {},
  body: null,
  secretForm: {
    grant_type: Redacted.make("refresh_token"),
    client_id: secretField(context.secret, "client_id"),
    client_secret: secretField(context.secret, "client_secret"),
    refresh_token: secretField(context.secret, "refresh_token")
  }
})

/**
 * The access token, or the reason against one, also one that is not documented: else the events would be blamed, which no
 * request has carried. A token without a lifetime is taken for the usual hour.
 */
export const readRefresh = (response: HttpResponseSpec): RefreshResult => {
  const body = bodyObject(response)
  const accessToken = response.status === 200 ? textOf(body?.["access_token"]) : null
  if (accessToken !== null) {
    const seconds = numberOf(body?.["expires_in"]) ?? 3600
    return { _tag: "Token", accessToken: Redacted.make(accessToken), expiresIn: Duration.seconds(Math.max(0, seconds)) }
  }
  const verdict = oauthClassification.classify({
    status: response.status,
    code: textOf(body?.["error"]),
    flags: body?.["error"] === undefined ? [] : ["error"],
    message: textOf(body?.["error_description"])
  })
  return { _tag: "Refused", verdict }
}

export const oauthClassification = classification(table)
