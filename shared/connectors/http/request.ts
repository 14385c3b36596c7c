/** What the requests of several platforms share: address, secrets, a body of payloads as they were mapped, batch groups. */

import { isUtf8 } from "node:buffer"
import * as Redacted from "effect/Redacted"
import type { SendableEvent } from "../../codec/codecs.ts"
import { withoutTrailingSlashes } from "../../config/transport.ts"
import type { Connection } from "../../connections/connection.ts"
import type { HttpRequestSpec, RequestContext, Secret } from "../connector.ts"

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

/** The group read back; text that is no group gives no keys. */
export const parseBatchGroup = (text: string): BatchGroup => Object.fromEntries(new URLSearchParams(text))
