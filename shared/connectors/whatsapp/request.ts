import * as Result from "effect/Result"
import type { SendableEvent } from "../../codec/codecs.ts"
import { isWhatsAppUserId } from "../../model/platform.ts"
import type { EventVerdict, HttpRequestSpec, RequestContext } from "../connector.ts"
import { accountPart, originOf, postJson } from "../http/request.ts"
import { appSecretProof } from "../meta/request.ts"

/**
 * WhatsApp's `POST /{version}/{phone number id}/messages`: one message a request. The payload is the message without its
 * recipient, which stays sealed until here and goes in as plaintext, because WhatsApp knows no hashed recipients: a number
 * as `to`, a business-scoped user id as `recipient` (in `to` WhatsApp accepts it and delivers nothing), or as the field that
 * `account.user_id_field` names. Only for events for which `unsendable` gives no reason. (WhatsApp Cloud API: messages;
 * business-scoped user ids.)
 */
export const request = (events: ReadonlyArray<SendableEvent>, context: RequestContext): HttpRequestSpec => {
  const event = events[0]
  if (event === undefined) return post(emptyMessage, context)
  const recipient = recipientOf(event, context)
  if (Result.isFailure(recipient)) return post(emptyMessage, context)
  const { account } = context.connection
  const field = isWhatsAppUserId(recipient.success) ? (account["user_id_field"] ?? "recipient") : "to"
  return post(withRecipient(String(event.payload), field, recipient.success), context)
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
  message: "The event has no phone number or business-scoped user id that a message could go to.",
  nextStep: "Publish the event with user.phone or user.whatsapp_user_id."
}

/** A message without recipient and content: refused as such where address, number and token are right. */
export const probe = (context: RequestContext): HttpRequestSpec => post(emptyMessage, context)

const emptyMessage = `{"messaging_product":"whatsapp"}`

const post = (body: string, context: RequestContext): HttpRequestSpec => {
  const { connection, secret } = context
  const url = `${originOf(connection)}/${connection.endpoint.version}/${accountPart(connection, "phone_number_id")}/messages`
  return postJson(url, body, context, { secretParams: appSecretProof(secret) })
}

const withRecipient = (payload: string, field: string, recipient: string): string =>
  `${payload.slice(0, payload.lastIndexOf("}"))},${JSON.stringify(field)}:${JSON.stringify(recipient)}}`
