/**
 * The batch group of a mapped event: what the envelope of its request depends on. Events of unequal groups never share a
 * request. Written by the mapper, read by `request.ts`; the keys of each kind:
 *
 * - meta: none (dataset and test code stand in the connection)
 * - google: `action` (productDestinationId; the payload needs no destinationReferences: a request has one destination)
 * - google-ads: `operation`, `conversions` (default) or `adjustments`
 * - tiktok: `event_source` (web, app, offline, crm) and `event_source_id`
 * - snapchat: `asset` (pixel id, or Snap app id of MOBILE_APP events)
 * - whatsapp: none (one message a request)
 */
export type BatchGroup = Readonly<Record<string, string>>

/** The group as text, keys in order, so that equal groups are equal texts: `event_source=web&event_source_id=C1`. */
export const batchGroup = (group: BatchGroup): string =>
  Object.keys(group)
    .sort()
    .map((key) => `${encodeURIComponent(key)}=${encodeURIComponent(group[key]!)}`)
    .join("&")

/** The group read back; text that is no group gives no keys. */
export const parseBatchGroup = (text: string): BatchGroup => Object.fromEntries(new URLSearchParams(text))
