/** Makes a record fit to be shown: what happened stays, who it was goes. */

import type { SchemaName } from "../../shared/codec/codecs.ts"
import { connectors } from "../../shared/connectors/registry.ts"
import { redactDeep } from "../../shared/telemetry/redaction.ts"

const masked = "***"

/** Groups of a record or payload that hold a person's identifiers, whatever their names inside. */
const personal = new Set([
  ...["user", "sealed_recipient", "original_key"],
  ...Object.values(connectors).flatMap(({ personalKeys }) => personalKeys)
])

const urls = new Set(["event_source_url", "referrer_url", "url", "referrer"])

/** A copy without personal data; bytes become their count, payloads are shown as JSON. */
export const maskRecord = (schema: SchemaName, record: object): unknown => {
  const opened =
    schema === "mapped-event" && "payload" in record && typeof record.payload === "string"
      ? { ...record, payload: parsed(record.payload) }
      : record
  return redactDeep(mask(opened))
}

/** A key is shown where it is the event's id, which identifies no person; others may be personal data. */
export const maskKey = (key: Buffer | null, record: unknown): string | null => {
  if (key === null) return null
  const text = key.toString("utf8")
  const ids = typeof record === "object" && record !== null ? Object.values(record) : []
  return ids.includes(text) ? text : masked
}

const mask = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.map(mask)
  if (value === null || typeof value !== "object" || Buffer.isBuffer(value)) return value
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => {
      if (personal.has(key)) return [key, hide(item)]
      if (urls.has(key) && typeof item === "string") return [key, item.replace(/[?#].*$/s, "?…")]
      return [key, mask(item)]
    })
  )
}

/** The same shape with every value hidden, so that one still sees which identifiers there are. */
const hide = (value: unknown): unknown => {
  if (value === null || value === undefined) return null
  if (Array.isArray(value)) return value.map(hide)
  if (Buffer.isBuffer(value) || typeof value !== "object") return masked
  const entries = Object.entries(value).filter(
    ([, item]) => item !== null && !(Array.isArray(item) && item.length === 0)
  )
  return Object.fromEntries(entries.map(([key, item]) => [key, hide(item)]))
}

const parsed = (text: string): unknown => {
  try {
    return JSON.parse(text)
  } catch {
    return masked
  }
}
