import type { SendableEvent } from "../../codec/codecs.ts"
import { classification } from "../classification.ts"
import type { BatchVerdict, EventVerdict, HttpResponseSpec, JsonObject } from "../connector.ts"
import { bodyObject, objectOf, objectsOf, textOf } from "../http/response.ts"
import { graphSignal, usageOf } from "../meta/verdict.ts"
import { probeOf, uniformVerdict, verdictMetaOf } from "../verdicts.ts"
import table from "./classification.json" with { type: "json" }

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
      requestId: messageIdOf(body) ?? textOf(objectOf(body?.["error"])?.["fbtrace_id"]),
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

const messageIdOf = (body: JsonObject | null): string | null => textOf(objectsOf(body?.["messages"])[0]?.["id"])
