/** Free custom properties of a JSON event: those under `custom`, and every property that the schema does not know. */
import type { Properties } from "../../../schemas/types.gen.ts"
import { isRecord, type JsonReader, type JsonRecord } from "./json-reader.ts"

type Custom = Properties["custom"]

/** A nested value travels as a JSON string; one nested deeper than `depthMax` is left out. */
export const readCustom = (reader: JsonReader, properties: JsonRecord): Custom => {
  const custom: Record<string, string | number | boolean | null> = {}
  let count = 0
  const add = (key: string, value: unknown): void => {
    // The one key that an object cannot hold as plain data.
    if (value === undefined || key === "__proto__" || Object.hasOwn(custom, key)) return
    count++
    if (count > customMax) {
      if (count === customMax + 1) reader.drop("properties.custom", "too_many")
      return
    }
    const read = scalar(value)
    if (read === undefined) reader.drop("properties.custom", "too_deep")
    else custom[key] = read
  }
  const own = reader.record(properties, "custom", "properties.")
  if (own !== null) for (const key of Object.keys(own)) add(key, own[key])
  for (const key of Object.keys(properties)) if (!known.has(key)) add(key, properties[key])
  return custom
}

const scalar = (value: unknown): string | number | boolean | null | undefined => {
  if (value === null || typeof value === "string" || typeof value === "boolean") return value
  if (typeof value === "number") return Number.isFinite(value) ? value : null
  return isDeeperThan(value, depthMax) ? undefined : JSON.stringify(value)
}

const isDeeperThan = (value: unknown, levels: number): boolean => {
  if (typeof value !== "object" || value === null) return false
  if (levels === 0) return true
  const inner: ReadonlyArray<unknown> = isRecord(value) ? Object.values(value) : (value as ReadonlyArray<unknown>)
  return inner.some((element) => isDeeperThan(element, levels - 1))
}

const customMax = 200
const depthMax = 16

const known: ReadonlySet<string> = new Set<keyof Properties>([
  "value",
  "currency",
  "order_id",
  "items",
  "num_items",
  "search_string",
  "content_type",
  "content_name",
  "content_category",
  "sign_up_method",
  "status",
  "predicted_ltv",
  "description",
  "shop_id",
  "customer_type",
  "delivery_category",
  "coupon",
  "original_conversion_time",
  "custom"
])
