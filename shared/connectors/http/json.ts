/**
 * Requests and responses in JSON, as several platforms have them: address, secrets, a body of payloads as they were mapped, batch
 * groups; and answers of any kind, also hostile ones, which are read by total functions.
 */

import { isUtf8 } from "node:buffer"
import * as Duration from "effect/Duration"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import type { SendableEvent } from "../../codec/codecs.ts"
import { withoutTrailingSlashes } from "../../config/transport.ts"
import type { Connection } from "../../connections/connection.ts"
import type { Secret } from "../../credentials/credential.ts"
import type { Json, JsonObject } from "../../model/json.ts"
import type { HttpRequestSpec, HttpResponseSpec, RequestContext } from "../exchange.ts"

/** Scheme and host, without a trailing slash; a host without a scheme is https. */
export const originOf = (connection: Connection): string => withScheme(connection.endpoint.host)

export const withScheme = (host: string): string => {
  const bare = withoutTrailingSlashes(host)
  return /^https?:\/\//.test(bare) ? bare : `https://${bare}`
}

/** An account id as a part of a path; empty where the connection has none (lint says so before). */
export const accountPart = (connection: Connection, key: string): string =>
  encodeURIComponent(connection.account[key] ?? "")

/** Digits only: an id that is shown as 123-456-7890 is taken as 1234567890. */
export const digitsOf = (text: string): string => text.replace(/\D/g, "")

/** A field of the secret; an absent one is empty, which the platform answers with its own error of authentication. */
export const secretField = (secret: Secret, field: string): Redacted.Redacted => secret[field] ?? Redacted.make("")

/** `Bearer <token>` as a secret. */
export const bearer = (secret: Secret): Redacted.Redacted =>
  Redacted.make(`Bearer ${Redacted.value(secretField(secret, "access_token"))}`)

/** A POST of JSON with a token in the Authorization header. */
export const postJson = (
  url: string,
  body: string | JsonBody,
  context: RequestContext,
  more: Partial<Pick<HttpRequestSpec, "headers" | "secretHeaders" | "secretParams">> = {}
): HttpRequestSpec => {
  const head = {
    method: "POST",
    url,
    headers: { "content-type": "application/json", ...more.headers },
    secretHeaders: more.secretHeaders ?? { authorization: bearer(context.secret) },
    secretParams: more.secretParams ?? {}
  } as const
  if (typeof body === "string") return { ...head, body }
  return {
    ...head,
    // The text is for who wants to read it: what is sent are the bytes.
    get body() {
      return body.text()
    },
    bodyBytes: body.bytes
  }
}

export interface JsonBody {
  readonly text: () => string
  /** The UTF-8 of the text, without making the text where the payloads are bytes; in memory that `take` gives. */
  readonly bytes: (take: (bytes: number) => Buffer) => Buffer
}

/**
 * `{"data":[a,b],"more":1}`: the payloads are joined as they are, never parsed and written again, so that the same event
 * gives the same bytes at each sending.
 */
export const jsonBody = (
  list: string,
  events: ReadonlyArray<Pick<SendableEvent, "payload">>,
  fields: Readonly<Record<string, unknown>>
): JsonBody => {
  const rest = JSON.stringify(fields)
  const head = `{"${list}":[`
  const tail = `]${rest === "{}" ? "" : `,${rest.slice(1, -1)}`}}`
  const text = () => {
    let elements = ""
    for (let index = 0; index < events.length; index++) elements += (index === 0 ? "" : ",") + events[index]!.payload
    return head + elements + tail
  }
  return {
    text,
    bytes: (take) => {
      const joined = join(head, events, tail, take)
      // Bytes that are no UTF-8 become replacement characters on their way through a text.
      return isUtf8(joined) ? joined : Buffer.from(text())
    }
  }
}

const join = (
  head: string,
  events: ReadonlyArray<Pick<SendableEvent, "payload">>,
  tail: string,
  take: (bytes: number) => Buffer
): Buffer => {
  let size = Buffer.byteLength(head) + Buffer.byteLength(tail) + Math.max(0, events.length - 1)
  for (const { payload } of events) size += typeof payload === "string" ? Buffer.byteLength(payload) : payload.length
  const body = take(size)
  let at = body.write(head)
  for (let index = 0; index < events.length; index++) {
    if (index > 0) body[at++] = comma
    const { payload } = events[index]!
    at = typeof payload === "string" ? at + body.write(payload, at) : payload.copyTo(body, at)
  }
  at += body.write(tail, at)
  return body.subarray(0, at)
}

const comma = 0x2c

/**
 * The batch group of a mapped event: what the envelope of its request depends on. Events of unequal groups never share a
 * request. Written by a platform's `mapping.ts`, read by its `exchange.ts`: each has its keys.
 */
export type BatchGroup = Readonly<Record<string, string>>

/** The group as text, keys in order, so that equal groups are equal texts: `event_source=web&event_source_id=C1`. */
export const batchGroup = (group: BatchGroup): string =>
  Object.keys(group)
    .sort()
    .map((key) => `${encodeURIComponent(key)}=${encodeURIComponent(group[key]!)}`)
    .join("&")

/** The group read back; text that is no group, or longer than any, gives no keys. */
export const parseBatchGroup = (text: string): BatchGroup =>
  text.length > batchGroupMax ? {} : Object.fromEntries(new URLSearchParams(text))
/** In characters: a few ids of accounts, as they stand in an address. */
const batchGroupMax = 8_192

/**
 * The body as a JSON object; null where it is anything else (HTML, cut off, empty, an array without an object). A byte order
 * mark in front, which some servers and proxies write, is no part of it (RFC 8259, section 8.1).
 */
export const bodyObject = ({ body }: HttpResponseSpec): JsonObject | null => {
  const parsed = Result.getOrElse(
    Result.try((): Json => JSON.parse(body.charCodeAt(0) === byteOrderMark ? body.slice(1) : body)),
    () => null
  )
  // Google wraps errors of streaming endpoints in an array.
  return objectOf(Array.isArray(parsed) ? parsed[0] : parsed)
}

const byteOrderMark = 0xfeff

export const objectOf = (value: Json | undefined): JsonObject | null =>
  typeof value === "object" && value !== null && !Array.isArray(value) ? (value as JsonObject) : null

export const listOf = (value: Json | undefined): ReadonlyArray<Json> => (Array.isArray(value) ? value : [])

/** The objects of a list; what is no object is left out. */
export const objectsOf = (value: Json | undefined): ReadonlyArray<JsonObject> =>
  listOf(value).flatMap((element) => {
    const object = objectOf(element)
    return object === null ? [] : [object]
  })

/** Text, or a number as text: platforms write codes and ids either way. */
export const textOf = (value: Json | undefined): string | null =>
  typeof value === "string" && value !== "" ? value : typeof value === "number" ? String(value) : null

/**
 * A platform's id of a request or a message. It stands in every result and in logs: null for what is longer than any id, or holds
 * anything but printable ASCII.
 */
export const idOf = (value: Json | undefined): string | null => {
  const id = textOf(value)
  return id !== null && id.length <= idMax && idForm.test(id) ? id : null
}

/** The longest that is documented are WhatsApp's, of about 100 characters. */
const idMax = 256
const idForm = /^[!-~]+$/

/** A finite number, also one written as text (Google's int64). */
export const numberOf = (value: Json | undefined): number | null => {
  const number = typeof value === "string" && value.trim() !== "" ? Number(value) : value
  return typeof number === "number" && Number.isFinite(number) ? number : null
}

/** A count or index: an integer from zero. */
export const countOf = (value: Json | undefined): number | null => {
  const number = numberOf(value)
  return number !== null && Number.isSafeInteger(number) && number >= 0 ? number : null
}

export const textMax = 300
/** So much of a text is read at all. */
export const textReadMax = textMax * 4

/**
 * A platform's text, fit for a log or a record: bounded, one line, without what looks like an email, a phone number, an IP
 * address, a hash or a token. Platforms do echo them: Meta answers "Malformed access token …", WhatsApp names the recipient.
 */
export const safeText = (text: string): string => {
  const plain = text
    .slice(0, textReadMax)
    .toWellFormed()
    .replace(controls, " ")
    .replace(formats, "")
    .replace(/(?<![^\s@"'<>])[^\s@"'<>]+@[^\s@"'<>]+/g, "<email>")
    .replace(userId, "<user id>")
    .replace(ipv4, "<address>")
    .replace(ipv6, "<address>")
    .replace(/\+?\d[\d ().-]{6,}\d/g, "<number>")
    .replace(/[\w+/=|~-]{20,}/g, maskToken)
    .replace(/\s+/g, " ")
    .trim()
  return plain.length <= textMax ? plain : `${plain.slice(0, textMax - 1).toWellFormed()}…`
}

// WhatsApp's business-scoped user ids.
const userId = /\b[A-Z]{2}\.(?:ENT\.)?(?=[A-Za-z]{0,127}\d)[A-Za-z0-9]{8,128}\b/g

const ipv4 = /(?<![\w.])\d{1,3}(?:\.\d{1,3}){3}(?!\w)/g
/** Public ones begin so, and no others are sent. */
const ipv6 = /(?<![\w:])[23][0-9a-f]{3}(?::[0-9a-f]{0,4}){2,7}(?![\w:])/gi

// A long word is a token, unless it is made of plain pieces, such as INVALID_SHA256_FORMAT or conversionUploadError.
const maskToken = (word: string): string =>
  word.length <= plainWordMax && word.split(/[_-]/).every(isPlain) ? word : "<token>"
const plainWordMax = 128
const isPlain = (piece: string): boolean =>
  piece.length < 16
    ? /^([a-z]*|[A-Z]*|[A-Z]?[a-z]+)\d{0,3}$/.test(piece)
    : piece.length < 40 && /^[a-zA-Z]+$/.test(piece)

const controls = /[\p{Cc}\p{Zl}\p{Zp}]+/gu
/** Marks of direction and others that are not seen; the joiners of Persian and Indic words stay. */
const formats = /(?![\u200c\u200d])\p{Cf}/gu

const retryAfterMax = Duration.hours(24)

/**
 * Retry-After: seconds, or a date, which is read against the answer's own Date (so that a wrong clock here does not
 * matter), else against the time of receipt. At most 24 hours; null where it is absent or unreadable.
 */
export const retryAfterOf = (response: HttpResponseSpec): Duration.Duration | null => {
  const value = response.headers["retry-after"]?.trim()
  if (value === undefined || value === "") return null
  if (/^\d+(\.\d+)?$/.test(value)) return boundedWait(Number(value) * 1000)
  const at = value.endsWith("GMT") ? Date.parse(value) : Number.NaN
  const now = Date.parse(response.headers["date"] ?? "")
  const base = Number.isNaN(now) ? response.receivedAt : now
  return Number.isNaN(at) || base === undefined ? null : boundedWait(at - base)
}

/** A wait in milliseconds, at least 0 and at most 24 hours; null for what is no number. */
export const boundedWait = (millis: number): Duration.Duration | null =>
  Number.isNaN(millis) ? null : Duration.min(Duration.millis(Math.max(0, millis)), retryAfterMax)
