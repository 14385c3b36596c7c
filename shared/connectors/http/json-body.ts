/** A request body whose list holds the events' payloads exactly as they were mapped. */
import { isUtf8 } from "node:buffer"
import type { SendableEvent } from "../../codec/codecs.ts"

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
