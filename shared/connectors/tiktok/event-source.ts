/** TikTok's `event_source`: web, app, offline or crm, each with its account id (TikTok, Events API 2.0). */
import type { NormalizedEvent } from "../../../schemas/types.gen.ts"
import type { Connection } from "../../connections/connection.ts"
import type { NotMapped } from "../connector.ts"
import { rejected } from "../mapping/result.ts"
import { originOf } from "../mapping/start.ts"

export type EventSource = "web" | "app" | "offline" | "crm"

/** The account key that holds each source's id. */
export const accountKeys: Readonly<Record<EventSource, string>> = {
  web: "pixel_code",
  app: "app_id",
  offline: "offline_event_set_id",
  crm: "crm_event_set_id"
}

/**
 * The source that an event belongs to and the connection has an id for. Website events are web and need the page's URL,
 * app events are app; lead-ads events are crm; all others are offline, or web where they have a URL and there is no
 * offline event set.
 */
export const eventSourceOf = (event: NormalizedEvent, connection: Connection): EventSource | NotMapped => {
  const origin = originOf(event, connection)
  const has = (source: EventSource) => (connection.account[accountKeys[source]] ?? "") !== ""
  const url = !!event.event_source_url
  if (origin.source === "website" && (origin.stated || url || !has("offline"))) {
    if (!has("web")) return noAccount("web")
    return url ? "web" : missingUrl
  }
  if (origin.source === "app") return has("app") ? "app" : noAccount("app")
  if (event.user.lead_id !== null && has("crm")) return "crm"
  if (has("offline")) return "offline"
  return url && has("web") ? "web" : noAccount("offline")
}

const missingUrl = rejected("missing_event_source_url", "TikTok requires page.url of web events (40002).")

const noAccount = (source: EventSource): NotMapped =>
  rejected(
    "missing_account_id",
    `For TikTok this is an event of source ${source}, and the connection's account has no ${accountKeys[source]}.`
  )
