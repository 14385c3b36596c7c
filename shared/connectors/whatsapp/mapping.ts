import type { NormalizedEvent, NormalizedUser } from "../../../schemas/types.gen.ts"
import type { Json, JsonObject, MappingContext, MapResult } from "../connector.ts"
import { compile } from "../mapping/compile.ts"
import { consentDecision } from "../mapping/consent.ts"
import { messageOf } from "../mapping/event-name.ts"
import { deadlineOf, tooOld } from "../mapping/event-time.ts"
import { sealedRecipient } from "../mapping/identifiers.ts"
import { rejected, skipped } from "../mapping/result.ts"
import type { CompiledMessage } from "./template.ts"

/**
 * A normalized event as a template message (WhatsApp Business Cloud API, messages). The payload has no recipient: the
 * phone number or business-scoped user id stays sealed, and delivery opens it at the moment of sending. With both given the
 * number wins, as at WhatsApp.
 */

/** Maps the event. Only events that the connection has a template for become messages. */
export const mapEvent = (event: NormalizedEvent, context: MappingContext): MapResult => {
  const { connection } = context
  const compiled = compile(connection)
  const consent = consentDecision(event.consent, connection)
  if (consent._tag === "Skip") return skipped("consent", consent.message)
  const message = messageOf(event, compiled)
  if (message === undefined) return noTemplate(event)
  const deadline = deadlineOf(event.event_time, "default", context)
  const late = tooOld(deadline, context, "The event is older than the connection's maxAgeDays.")
  if (late !== null) return late
  const recipient = sealedRecipient(event.user, connection.mapping.defaultCountry)
  if (recipient === null) return noRecipient
  if (message.template.category === "authentication" && recipient === event.user.whatsapp_user_sealed) return needsPhone
  const components = componentsOf(message, event)
  if (typeof components === "string") return missingValue(components)
  return {
    _tag: "Payload",
    platformEvent: message.template.name,
    payload: payloadOf(message, components),
    batchGroup: "",
    deadline,
    dropped: [],
    sealedRecipient: recipient
  }
}

const payloadOf = ({ template }: CompiledMessage, components: ReadonlyArray<Json>): JsonObject => ({
  messaging_product: "whatsapp",
  recipient_type: "individual",
  type: "template",
  template: {
    name: template.name,
    language: { code: template.language },
    ...(components.length === 0 ? {} : { components })
  }
})

/** The template's components, or the part that the event has no usable value for. */
const componentsOf = (message: CompiledMessage, event: NormalizedEvent): ReadonlyArray<Json> | string => {
  const components: Array<Json> = []
  for (const fill of message.components) {
    const filled = fill(event)
    if (filled._tag === "Missing") return filled.part
    components.push(filled.component)
  }
  return components
}

const noRecipient = rejected(
  "no_recipient",
  "A WhatsApp message needs a phone number of a known country, or WhatsApp's business-scoped user id."
)

const needsPhone = rejected(
  "authentication_needs_phone",
  "WhatsApp sends authentication templates to phone numbers alone, not to a business-scoped user id: send user.phone with the event."
)

const noTemplate = (event: NormalizedEvent): MapResult =>
  skipped(
    "no_mapping",
    `The event ${JSON.stringify(event.event_name.slice(0, 100))} has no message; add one under mapping.templates of the connection.`
  )

const missingValue = (path: string): MapResult =>
  rejected(
    "missing_template_value",
    `The message's template needs ${path}, which the event doesn't have in a usable form.`
  )

/** WhatsApp takes no user data: a message has a recipient, who stays sealed until delivery. */

export const formatUserData = (_user: NormalizedUser, _context: MappingContext): JsonObject => ({})
