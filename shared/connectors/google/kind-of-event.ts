/**
 * Google's two kinds of connection share a platform, and so topics and delivery: what was mapped for one waits where the other is sent
 * from, if a connection changes its kind under its id. The batch group says which kind an event was mapped for: that of the Google Ads API
 * names an operation, that of the Data Manager API a conversion action. Pure.
 */
import type { SendableEvent } from "../../codec/codecs.ts"
import type { EventVerdict } from "../connector.ts"

/** Why the Data Manager API cannot take the event; null where it can. */
export const unsendableByDataManager = (event: Pick<SendableEvent, "batch_group">): EventVerdict | null =>
  event.batch_group.startsWith("operation=") ? otherApi("google-ads", "google") : null

/** Why the Google Ads API cannot take the event; null where it can. */
export const unsendableByGoogleAds = (event: Pick<SendableEvent, "batch_group">): EventVerdict | null =>
  event.batch_group.startsWith("action=") ? otherApi("google", "google-ads") : null

const otherApi = (mappedFor: string, kind: string): EventVerdict => ({
  errorClass: "invalid_event",
  reasonCode: "mapped_for_other_api",
  message: `The event was mapped while the connection was of platform: ${mappedFor}; it is ${kind} now, whose API has another form.`,
  nextStep: "Map it again for the connection as it is now: ./capi redrive --reason mapped_for_other_api --remap."
})
