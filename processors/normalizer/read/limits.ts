/** How many values of one field are read: far more than any platform takes, so that no event becomes thousands of notes. */
import type { DroppedField, RawEvent } from "../../../schemas/types.gen.ts"

export const itemsMax = 1000
export const customMax = 200
/** Of a list or map of short strings; four times what any platform asks for. */
export const positionsMax = 64

/** An event that Avro brought, within the limits that the reading of JSON has. */
export const withinLimits = (
  raw: RawEvent
): { readonly raw: RawEvent; readonly dropped: ReadonlyArray<DroppedField> } => {
  const { app, properties, user } = raw
  const items = properties !== null && properties.items.length > itemsMax
  const custom = properties !== null && hasMore(properties.custom, customMax)
  const extinfo = app !== null && app.extinfo.length > positionsMax
  const clickIds = user !== null && user.click_ids !== null && hasMore(user.click_ids, positionsMax)
  if (!items && !custom && !extinfo && !clickIds) return { raw, dropped: none }
  const dropped: Array<DroppedField> = []
  const cut = (field: string): void => void dropped.push({ field, reason: "too_many" })
  if (items) cut("properties.items")
  if (custom) cut("properties.custom")
  if (extinfo) cut("app.extinfo")
  if (clickIds) cut("user.click_ids")
  return {
    raw: {
      ...raw,
      user:
        user === null || user.click_ids === null ? user : { ...user, click_ids: firstOf(user.click_ids, positionsMax) },
      properties:
        properties === null
          ? null
          : {
              ...properties,
              items: properties.items.slice(0, itemsMax),
              custom: firstOf(properties.custom, customMax)
            },
      app: app === null ? null : { ...app, extinfo: app.extinfo.slice(0, positionsMax) }
    },
    dropped
  }
}

const none: ReadonlyArray<DroppedField> = []

const hasMore = (map: object, max: number): boolean => {
  let count = 0
  for (const _ in map) if (++count > max) return true
  return false
}

const firstOf = <A>(map: Readonly<Record<string, A>>, max: number): Readonly<Record<string, A>> =>
  Object.fromEntries(Object.entries(map).slice(0, max))
