import type { SendableEvent } from "../../codec/codecs.ts"
import type { Connection } from "../../connections/connection.ts"
import type { HttpRequestSpec, JsonObject, RequestContext } from "../connector.ts"
import { bearer, digitsOf, jsonBody, originOf, parseBatchGroup, postJson } from "../http/request.ts"

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
