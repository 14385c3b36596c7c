/** A normalized event as an element of TikTok's `data` (TikTok, Events API 2.0). */
import type { NormalizedEvent } from "../../../schemas/types.gen.ts"
import type { MappingContext, MapResult } from "../connector.ts"
import { deadlineOf, seconds, tooOld } from "../mapping/age.ts"
import { standardEvents } from "../mapping/catalog.ts"
import { compile, groupText } from "../mapping/compile.ts"
import { consentDecision } from "../mapping/consent.ts"
import { noMapping, platformEventOf } from "../mapping/event-name.ts"
import { restrictedTiktokSources } from "../mapping/restricted-use.ts"
import { type Dropped, isEmpty, type Mutable, put, rejected, skipped } from "../mapping/result.ts"
import { accountKeys, type EventSource, eventSourceOf } from "./event-source.ts"
import { propertiesOf } from "./properties.ts"
import { identifies, userData } from "./user-data.ts"

/** Maps the event. The event source is the batch group: it stands at the top of the request. */
export const mapEvent = (event: NormalizedEvent, context: MappingContext): MapResult => {
  const { connection } = context
  const compiled = compile(connection)
  const consent = consentDecision(event.consent, connection)
  if (consent._tag === "Skip") return skipped("consent", consent.message)
  const named = platformEventOf(event, compiled)
  if (named === null) return noMapping(event, compiled)
  const sourced = eventSourceOf(event, connection)
  if (sourced._tag === "None") return sourced.result
  const { source } = sourced
  const deadline = deadlineOf(event.event_time, source, context)
  const late = tooOld(deadline, context, "TikTok takes web events of the last 7 days, offline events of the last 28.")
  if (late !== null) return late
  if (consent.restricted && !canRestrict(event, source)) return cannotRestrict

  const dropped: Array<Dropped> = []
  const user = userData(event.user, event.app?.extinfo ?? none, context)
  if (event.user.madid !== null && user["idfa"] === undefined && user["gaid"] === undefined) {
    dropped.push({ field: "user.madid", reason: "mobile_system_unknown" })
  }
  const properties = propertiesOf(event, compiled, dropped)
  const refusal = refused(event, named.name, source, user)
  if (refusal !== null) return refusal

  const payload: Mutable = { event: named.name, event_time: seconds(event.event_time), event_id: event.event_id }
  if (restrictedTiktokSources.has(source)) {
    if (consent.restricted) payload["limited_data_use"] = true
    else if (event.consent?.sale_of_data === "granted") payload["limited_data_use"] = false
  }
  payload["user"] = user
  put(payload, "page", pageOf(event))
  if (!isEmpty(properties)) payload["properties"] = properties
  if (source === "app") payload["app"] = appOf(event, connection.account["app_id"] ?? "")
  if (source === "crm") payload["lead"] = { lead_id: event.user.lead_id ?? "" }
  return {
    _tag: "Payload",
    platformEvent: named.name,
    payload,
    batchGroup: groupText(compiled, source, {
      event_source: source,
      event_source_id: connection.account[accountKeys[source]] ?? ""
    }),
    deadline,
    dropped,
    sealedRecipient: null
  }
}

/** limited_data_use exists for web and app events, and needs the customer's IP address. */
const canRestrict = (event: NormalizedEvent, source: EventSource): boolean =>
  restrictedTiktokSources.has(source) && event.user.ip !== null

const cannotRestrict = skipped(
  "consent",
  "The customer denied sale_of_data; TikTok's limited_data_use is for web and app events with an IP address only."
)

const standard: ReadonlySet<string> = new Set([...standardEvents("tiktok"), "CompletePayment", "SubmitForm"])

const refused = (event: NormalizedEvent, name: string, source: EventSource, user: Mutable): MapResult | null => {
  if (!identifies(user)) {
    return rejected(
      "no_identifiers",
      "TikTok needs an identifier of the customer: email, phone, external_id, ttclid, ttp, or IP address and user agent."
    )
  }
  if (source === "offline" && !standard.has(name)) {
    return rejected(
      "not_a_standard_event",
      `TikTok takes only standard events offline, and ${JSON.stringify(name.slice(0, 100))} is none.`
    )
  }
  return source === "crm" && event.user.lead_id === null
    ? rejected("missing_lead_id", "TikTok requires lead.lead_id of CRM events.")
    : null
}

const pageOf = (event: NormalizedEvent): Mutable | null => {
  const page: Mutable = {}
  put(page, "url", event.event_source_url)
  put(page, "referrer", event.referrer_url)
  return isEmpty(page) ? null : page
}

const appOf = (event: NormalizedEvent, accountAppId: string): Mutable => {
  const app: Mutable = { app_id: event.app?.app_id || accountAppId }
  put(app, "app_name", event.app?.app_name)
  put(app, "app_version", event.app?.app_version)
  return app
}

const none: ReadonlyArray<string> = []
