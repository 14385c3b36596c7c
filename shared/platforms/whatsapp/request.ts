import type { SendableEvent } from "../../avro/codecs.ts"
import type { HttpRequestSpec, RequestContext } from "../connector.ts"
import { accountPart, appSecretProof, originOf, postJson } from "../request-parts.ts"

/**
 * WhatsApp's `POST /{version}/{phone number id}/messages`: one message a request. The payload is the message without its
 * recipient, whose number stays sealed until here and goes in as `to`, in plaintext, because WhatsApp knows no hashed
 * recipients. A recipient that can't be opened leaves `to` out, which WhatsApp refuses as a missing parameter.
 * (WhatsApp Cloud API: messages.)
 */
export const request = (events: ReadonlyArray<SendableEvent>, context: RequestContext): HttpRequestSpec => {
  const event = events[0]
  const sealed = event?.sealed_recipient ?? null
  const recipient = event === undefined || sealed === null ? null : context.open(sealed, event.event_id)
  return post(event === undefined ? emptyMessage : withRecipient(String(event.payload), recipient), context)
}

/** A message without recipient and content: refused as such where address, number and token are right. */
export const probe = (context: RequestContext): HttpRequestSpec => post(emptyMessage, context)

const emptyMessage = `{"messaging_product":"whatsapp"}`

const post = (body: string, context: RequestContext): HttpRequestSpec => {
  const { connection, secret } = context
  const url = `${originOf(connection)}/${connection.endpoint.version}/${accountPart(connection, "phone_number_id")}/messages`
  return postJson(url, body, context, { secretParams: appSecretProof(secret) })
}

const withRecipient = (payload: string, recipient: string | null): string =>
  recipient === null ? payload : `${payload.slice(0, payload.lastIndexOf("}"))},"to":${JSON.stringify(recipient)}}`
