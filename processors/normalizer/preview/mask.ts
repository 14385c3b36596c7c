/** Makes a record fit to be shown: what happened stays, who it was goes. */

import type { SchemaName } from "../../../shared/codec/codecs.ts"
import { connectors } from "../../../shared/connectors/registry.ts"
import { redactDeep } from "../../../shared/telemetry/redaction.ts"
import { hide, masked, maskRawEvent } from "./mask-raw.ts"

/** Groups of a record or payload that hold a person's identifiers, whatever their names inside. */
const personal = new Set([
  ...["user", "sealed_recipient", "original_key"],
  ...Object.values(connectors).flatMap(({ personalKeys }) => personalKeys)
])

const urls = new Set(["event_source_url", "referrer_url", "url", "referrer"])

/** A copy without personal data; bytes become their count, payloads are shown as JSON. */
export const maskRecord = (schema: SchemaName, record: object): unknown => {
  if (schema === "raw-event") return redactDeep(maskRawEvent(record))
  const opened =
    schema === "mapped-event" && "payload" in record && typeof record.payload === "string"
      ? { ...record, payload: parsed(record.payload) }
      : record
  return redactDeep(mask(opened))
}

/**
 * A key is shown where it is a value that the record's view shows, such as the event's id; others may be personal data.
 *
 * @param view what `maskRecord` made of the record
 */
export const maskKey = (key: Buffer | null, view: unknown): string | null => {
  if (key === null) return null
  const text = key.toString("utf8")
  const shown = typeof view === "object" && view !== null ? Object.values(view) : []
  return shown.includes(text) ? text : masked
}

/** A payload with what identifies the customer in clear hidden; hashes stay, by which it is compared with what others send. */
export const maskPayload = <Payload extends object>(payload: Payload): Payload => maskClear(payload) as Payload

const maskClear = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.map(maskClear)
  if (value === null || typeof value !== "object") return value
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [key, personal.has(key) ? hideClear(item) : maskClear(item)])
  )
}

const hideClear = (value: unknown): unknown => {
  if (typeof value === "string" && sha256.test(value)) return value
  if (Array.isArray(value)) return value.map(hideClear)
  return value === null || typeof value !== "object"
    ? hide(value)
    : Object.fromEntries(Object.entries(value).map(([key, item]) => [key, hideClear(item)]))
}

const sha256 = /^[0-9a-f]{64}$/

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

const parsed = (text: string): unknown => {
  try {
    return JSON.parse(text)
  } catch {
    return masked
  }
}
