/**
 * A normalized event as a template message (WhatsApp Business Cloud API, messages). The payload has no `to`: the
 * recipient's number stays sealed, and delivery opens it at the moment of sending.
 */
import type { NormalizedEvent } from "../../../schemas/types.gen.ts"
import { deadlineOf, tooOld } from "../../mapping/age.ts"
import { type CompiledMessage, compile } from "../../mapping/compile.ts"
import { consentDecision } from "../../mapping/consent.ts"
import { platformEventOf } from "../../mapping/event-name.ts"
import { sealedRecipient } from "../../mapping/identifiers.ts"
import { rejected, skipped } from "../../mapping/result.ts"
import type { Json, JsonObject, MappingContext, MapResult } from "../connector.ts"

/** Maps the event. Only events that the connection has a template for become messages. */
export const mapEvent = (event: NormalizedEvent, context: MappingContext): MapResult => {
  const { connection } = context
  const compiled = compile(connection)
  const consent = consentDecision(event.consent, connection)
  if (consent._tag === "Skip") return skipped("consent", consent.message)
  const name = platformEventOf(event, compiled)?.name ?? event.event_name
  const message = compiled.messages.get(name)
  if (message === undefined) return noTemplate(event)
  const deadline = deadlineOf(event.event_time, "default", context)
  const late = tooOld(deadline, context, "The event is older than the connection's maxAgeDays.")
  if (late !== null) return late
  const recipient = sealedRecipient(event.user, connection.mapping.defaultCountry)
  if (recipient === null) return rejected("no_recipient", "A WhatsApp message needs a phone number of a known country.")
  const parameters = parametersOf(message, event)
  if (typeof parameters === "string") return missingValue(parameters)
  return {
    _tag: "Payload",
    platformEvent: message.template.name,
    payload: messageOf(message, parameters),
    batchGroup: "",
    deadline,
    dropped: [],
    sealedRecipient: recipient
  }
}

const messageOf = (message: CompiledMessage, parameters: ReadonlyArray<Json>): JsonObject => ({
  messaging_product: "whatsapp",
  recipient_type: "individual",
  type: "template",
  template: {
    name: message.template.name,
    language: { code: message.template.language },
    ...(parameters.length === 0 ? {} : { components: [{ type: "body", parameters }] })
  }
})

/** The body's parameters, or the path that the event has no value for: WhatsApp refuses an empty parameter. */
const parametersOf = (message: CompiledMessage, event: NormalizedEvent): ReadonlyArray<Json> | string => {
  const parameters: Array<Json> = []
  for (let i = 0; i < message.body.length; i++) {
    const rendered = message.body[i]!(event)
    if (rendered._tag === "Missing") return rendered.path
    const text = rendered.text.replace(whitespace, " ").trim()
    if (text === "") return message.template.body[i]!
    parameters.push({ type: "text", text })
  }
  return parameters
}

/** New lines, tabs and runs of spaces are refused inside a parameter. */
const whitespace = /\s+/g

const noTemplate = (event: NormalizedEvent): MapResult =>
  skipped(
    "no_mapping",
    `The event ${JSON.stringify(event.event_name.slice(0, 100))} has no message; add one under mapping.templates of the connection.`
  )

const missingValue = (path: string): MapResult =>
  rejected("missing_template_value", `The message's template needs ${path}, which the event doesn't have.`)
