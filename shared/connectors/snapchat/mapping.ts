/** A normalized event as an element of Snapchat's `data` (Snapchat, Conversions API v3). */
import type { NormalizedEvent } from "../../../schemas/types.gen.ts"
import type { Connection } from "../../connections/connection.ts"
import type { MappingContext, MapResult } from "../connector.ts"
import { originOf } from "../mapping/action-source.ts"
import { deadlineOf, seconds, tooOld } from "../mapping/age.ts"
import { compile, groupText } from "../mapping/compile.ts"
import { consentDecision } from "../mapping/consent.ts"
import { noMapping, platformEventOf } from "../mapping/event-name.ts"
import { setDataProcessing } from "../mapping/restricted-use.ts"
import { type Dropped, isEmpty, type Mutable, put, rejected, skipped } from "../mapping/result.ts"
import { appDataWithId } from "../meta/app-data.ts"
import { customData } from "./custom-data.ts"
import { formatUserData, identifies } from "./user-data.ts"

type Source = "WEB" | "MOBILE_APP" | "OFFLINE"

/** Maps the event. The batch group tells the asset that the request goes to: the pixel or the app. */
export const mapEvent = (event: NormalizedEvent, context: MappingContext): MapResult => {
  const { connection } = context
  const compiled = compile(connection)
  const consent = consentDecision(event.consent, connection)
  if (consent._tag === "Skip") return skipped("consent", consent.message)
  const named = platformEventOf(event, compiled)
  if (named === null) return noMapping(event, compiled)
  const deadline = deadlineOf(event.event_time, "default", context)
  const late = tooOld(deadline, context, "Snapchat takes events of the last 37 days.")
  if (late !== null) return late

  const source = sourceOf(event, connection)
  const dropped: Array<Dropped> = []
  const user = formatUserData(event.user, context)
  const custom = customData(event, compiled, dropped)
  const refusal = refused(event, named.name, source, user, custom, connection)
  if (refusal !== null) return refusal

  const payload: Mutable = { event_name: named.name, event_time: seconds(event.event_time), event_id: event.event_id }
  payload["action_source"] = source
  put(payload, "event_source_url", event.event_source_url)
  put(payload, "integration", connection.partnerName)
  payload["user_data"] = user
  if (!isEmpty(custom)) payload["custom_data"] = custom
  if (source === "MOBILE_APP") {
    const app = appDataWithId(event.app)
    if (app._tag === "Incomplete")
      return rejected("missing_app_data", `Snapchat refuses app events without app_data: ${app.message}.`)
    payload["app_data"] = app.data
  }
  setDataProcessing(payload, "snapchat", event.user, consent.restricted, event.consent?.sale_of_data ?? null)
  const asset = connection.account[source === "MOBILE_APP" ? "app_id" : "pixel_id"] ?? ""
  const batchGroup = groupText(compiled, asset, { asset })
  return { _tag: "Payload", platformEvent: named.name, payload, batchGroup, deadline, dropped, sealedRecipient: null }
}

/** An event that nobody called a website event, and that has no URL, is an offline one. */
const sourceOf = (event: NormalizedEvent, connection: Connection): Source => {
  const origin = originOf(event, connection)
  if (origin.source === "app") return "MOBILE_APP"
  if (origin.source === "website") return origin.stated || event.event_source_url ? "WEB" : "OFFLINE"
  return "OFFLINE"
}

const refused = (
  event: NormalizedEvent,
  name: string,
  source: Source,
  user: Mutable,
  custom: Mutable,
  connection: Connection
): MapResult | null => {
  const asset = source === "MOBILE_APP" ? "app_id" : "pixel_id"
  if (!connection.account[asset]) {
    return rejected(
      "missing_account_id",
      `For Snapchat this is a ${source} event, and the connection's account has no ${asset}.`
    )
  }
  if (!identifies(user)) {
    return rejected(
      "insufficient_identity",
      "Snapchat needs em, ph, madid, or client_ip_address and client_user_agent together."
    )
  }
  if (source === "WEB" && !event.event_source_url) {
    return rejected("missing_event_source_url", "Snapchat requires event_source_url of WEB events.")
  }
  if (name !== "PURCHASE") return null
  if (custom["value"] === undefined) return rejected("missing_value", "Snapchat requires value of a PURCHASE.")
  return custom["currency"] === undefined
    ? rejected("missing_currency", "Snapchat requires currency of a PURCHASE.")
    : null
}
