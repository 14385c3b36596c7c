/** WhatsApp's Cloud API over HTTP: the request for events, and what the response says of each. */
import * as Result from "effect/Result"
import type { SendableEvent } from "../../codec/codecs.ts"
import { isWhatsAppUserId } from "../../model/platform.ts"
import type {
  BatchVerdict,
  EventVerdict,
  HttpRequestSpec,
  HttpResponseSpec,
  JsonObject,
  RequestContext
} from "../connector.ts"
import { accountPart, bodyObject, idOf, objectOf, objectsOf, originOf, postJson } from "../http/json.ts"
import { appSecretProof, graphSignal, usageOf } from "../meta/exchange.ts"
import { classification, probeOf, uniformVerdict, verdictMetaOf } from "../verdicts.ts"
import table from "./classification.json" with { type: "json" }

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

/**
 * A 200 with a message id means accepted only; the final status comes by webhook under that id. Errors are judged by
 * `code`, as WhatsApp asks, not by the HTTP status. (WhatsApp Cloud API: messages; error codes.)
 */
export const verdict = (response: HttpResponseSpec, events: ReadonlyArray<SendableEvent>): BatchVerdict => {
  const body = bodyObject(response)
  const judged = classifyResponse(response, body)
  const head = verdictMetaOf(response, judged)
  const usage = usageOf(response.headers)
  const whole = uniformVerdict(
    {
      ...head,
      requestId: messageIdOf(body) ?? idOf(objectOf(body?.["error"])?.["fbtrace_id"]),
      eventsReceived: judged.errorClass === "accepted" ? 1 : null,
      retryAfter: head.retryAfter ?? usage.retryAfter,
      usagePercent: usage.percent,
      trackingId: judged.errorClass === "accepted" ? messageIdOf(body) : null
    },
    judged
  )
  return events.length <= 1
    ? whole
    : { ...whole, _tag: "PerEvent", events: events.map((_, index) => (index === 0 ? judged : notSent)) }
}

// A request holds one message. Limits see to it; should more events ever come, the others were not sent.
const notSent: EventVerdict = {
  errorClass: "transient",
  reasonCode: "not_sent",
  message: "WhatsApp takes one message a request."
}

export const probeVerdict = (response: HttpResponseSpec): EventVerdict =>
  probeOf(classifyResponse(response, bodyObject(response)))

export const whatsappClassification = classification(table)

const classifyResponse = (response: HttpResponseSpec, body: JsonObject | null): EventVerdict => {
  const error = objectOf(body?.["error"])
  if (error !== null) return whatsappClassification.classify(graphSignal(response.status, error))
  const flags = messageIdOf(body) === null ? [] : ["message_id"]
  return whatsappClassification.classify({ status: response.status, flags })
}

const messageIdOf = (body: JsonObject | null): string | null => idOf(objectsOf(body?.["messages"])[0]?.["id"])
