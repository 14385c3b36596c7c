import type { SendableEvent } from "../../codec/codecs.ts"
import type { Connection } from "../../connections/connection.ts"
import type { HttpRequestSpec, RequestContext } from "../connector.ts"
import { jsonBody, originOf, parseBatchGroup, postJson, secretField } from "../http/request.ts"
import { accountKeys, type EventSource } from "./mapping.ts"

/**
 * TikTok's `POST /open_api/{version}/event/track/`, whose slash at the end belongs to the path. The event source and its
 * id stand in the envelope, so a batch group holds events of one source. (TikTok Events API 2.0: report events.)
 */
export const request = (events: ReadonlyArray<SendableEvent>, context: RequestContext): HttpRequestSpec => {
  const { connection, secret } = context
  const group = parseBatchGroup(events[0]?.batch_group ?? "")
  const source = sourceOf(group["event_source"], connection)
  const fields = {
    event_source: source,
    event_source_id: group["event_source_id"] ?? connection.account[accountKeys[source]] ?? "",
    ...(connection.testEventCode === null ? {} : { test_event_code: connection.testEventCode }),
    ...(connection.partnerName === null ? {} : { partner_name: connection.partnerName })
  }
  return postJson(
    `${originOf(connection)}/open_api/${connection.endpoint.version}/event/track/`,
    jsonBody("data", events, fields),
    context,
    { secretHeaders: { "access-token": secretField(secret, "access_token") } }
  )
}

/** A request without events: TikTok checks the token first, then misses the data. */
export const probe = (context: RequestContext): HttpRequestSpec => request([], context)

// A request without events (a probe) uses the first source that the connection has an id for.
const sourceOf = (group: string | undefined, { account }: Connection): EventSource =>
  sources.find((source) => source === group) ??
  sources.find((source) => account[accountKeys[source]] !== undefined) ??
  "web"

const sources: ReadonlyArray<EventSource> = ["web", "app", "offline", "crm"]
