import * as Duration from "effect/Duration"
import * as Redacted from "effect/Redacted"
import type { SendableEvent } from "../../codec/codecs.ts"
import type { Connection } from "../../connections/connection.ts"
import { classification } from "../classification.ts"
import type { HttpRequestSpec, HttpResponseSpec, JsonObject, RefreshResult, RequestContext } from "../connector.ts"
import {
  bearer,
  digitsOf,
  jsonBody,
  originOf,
  parseBatchGroup,
  postJson,
  secretField,
  withScheme
} from "../http/request.ts"
import { bodyObject, numberOf, textOf } from "../http/response.ts"
import table from "./oauth-classification.json" with { type: "json" }

/**
 * Data Manager's `POST /v1/events:ingest` with one destination: the operating account and the batch group's conversion
 * action. A connection with a test code only validates. (Google Data Manager API: ingest events.)
 */
export const request = (events: ReadonlyArray<SendableEvent>, context: RequestContext): HttpRequestSpec => {
  const { connection } = context
  const action = parseBatchGroup(events[0]?.batch_group ?? "")["action"] ?? connection.account["conversion_action_id"]
  return ingest(events, action, connection.testEventCode !== null, context)
}

/** A request without events that only validates: Google checks token and destination. */
export const probe = (context: RequestContext): HttpRequestSpec =>
  ingest([], context.connection.account["conversion_action_id"], true, context)

/** Asks what became of an accepted request. (Google Data Manager API: retrieve request status.) */
export const requestStatusRequest = (trackingId: string, context: RequestContext): HttpRequestSpec => ({
  method: "GET",
  url: `${versioned(context.connection)}/requestStatus:retrieve?requestId=${encodeURIComponent(trackingId)}`,
  headers: {},
  secretHeaders: { authorization: bearer(context.secret) },
  secretParams: {},
  body: null
})

const ingest = (
  events: ReadonlyArray<SendableEvent>,
  action: string | undefined,
  validateOnly: boolean,
  context: RequestContext
): HttpRequestSpec => {
  const fields = { destinations: [destinationOf(context.connection, action)], encoding: "HEX", validateOnly }
  return postJson(`${versioned(context.connection)}/events:ingest`, jsonBody("events", events, fields), context)
}

const versioned = (connection: Connection): string => `${originOf(connection)}/${connection.endpoint.version}`

const destinationOf = ({ account }: Connection, action: string | undefined): JsonObject => ({
  reference: action ?? "default",
  operatingAccount: accountOf(account["operating_account_type"], account["operating_account_id"] ?? ""),
  ...(account["login_account_id"] === undefined
    ? {}
    : { loginAccount: accountOf(account["login_account_type"], account["login_account_id"]) }),
  ...(account["linked_account_id"] === undefined
    ? {}
    : { linkedAccount: accountOf(account["linked_account_type"], account["linked_account_id"]) }),
  ...(action === undefined ? {} : { productDestinationId: action })
})

const accountOf = (type: string | undefined, id: string): JsonObject => ({
  accountType: type ?? "GOOGLE_ADS",
  accountId: digitsOf(id)
})

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

/** The access token, or the reason against one. A token without a lifetime is taken for the usual hour. */
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
    message: textOf(body?.["error_description"])
  })
  return { _tag: "Refused", verdict }
}

export const oauthClassification = classification(table)
