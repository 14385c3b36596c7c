import * as Result from "effect/Result"
import type { SendableEvent } from "../../avro/codecs.ts"
import type { EventVerdict, HttpRequestSpec, RequestContext } from "../connector.ts"
import { accountPart, appSecretProof, originOf, postJson } from "../request-parts.ts"

/**
 * WhatsApp's `POST /{version}/{phone number id}/messages`: one message a request. The payload is the message without its
 * recipient, whose number stays sealed until here and goes in as `to`, in plaintext, because WhatsApp knows no hashed
 * recipients. Only for events of which `unsendable` tells nothing. (WhatsApp Cloud API: messages.)
 */
export const request = (events: ReadonlyArray<SendableEvent>, context: RequestContext): HttpRequestSpec => {
  const event = events[0]
  if (event === undefined) return post(emptyMessage, context)
  const recipient = recipientOf(event, context)
  return post(
    Result.isSuccess(recipient) ? withRecipient(String(event.payload), recipient.success) : emptyMessage,
    context
  )
}

/** A message needs its recipient: why the event has none that can be opened. */
export const unsendable = (event: SendableEvent, context: RequestContext): EventVerdict | null => {
  const recipient = recipientOf(event, context)
  return Result.isSuccess(recipient) ? null : recipient.failure
}

const recipientOf = (event: SendableEvent, context: RequestContext): Result.Result<string, EventVerdict> =>
  event.sealed_recipient === null ? Result.fail(noRecipient) : context.open(event.sealed_recipient, event.event_id)

const noRecipient: EventVerdict = {
  errorClass: "invalid_event",
  reasonCode: "missing_recipient",
  message: "The event has no phone number that a message could go to.",
  nextStep: "Publish the event with user.phone."
}

/** A message without recipient and content: refused as such where address, number and token are right. */
export const probe = (context: RequestContext): HttpRequestSpec => post(emptyMessage, context)

const emptyMessage = `{"messaging_product":"whatsapp"}`

const post = (body: string, context: RequestContext): HttpRequestSpec => {
  const { connection, secret } = context
  const url = `${originOf(connection)}/${connection.endpoint.version}/${accountPart(connection, "phone_number_id")}/messages`
  return postJson(url, body, context, { secretParams: appSecretProof(secret) })
}

const withRecipient = (payload: string, recipient: string): string =>
  `${payload.slice(0, payload.lastIndexOf("}"))},"to":${JSON.stringify(recipient)}}`
