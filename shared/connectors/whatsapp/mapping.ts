/**
 * A normalized event as a template message (WhatsApp Business Cloud API, messages). The payload has no recipient: the
 * phone number or business-scoped user id stays sealed, and delivery opens it before sending. With both given the
 * number wins, as at WhatsApp.
 */
import type { NormalizedEvent } from "../../../schemas/types.gen.ts"
import type { CompiledConnection, Json, JsonObject, MapResult, NotMapped } from "../connector.ts"
import { type PlatformEvent, templateOf } from "../mapping/event-name.ts"
import { sealedRecipient } from "../mapping/identifiers.ts"
import { rejected, skipped } from "../mapping/result.ts"
import { type MappingStart, mapping } from "../mapping/start.ts"
import { type CompiledMessage, compileMessage } from "./template.ts"

/** Maps the event, or says why it becomes no message. */
export const mapEvent = mapping<CompiledMessage>({
  name: (event, compiled) => templateName(event, compiled),
  target: (event, compiled) => compiledTemplateOf(event, compiled),
  payload: (event, start) => messageOf(event, start)
})

/** The message, or the reason against one. Only events that the connection has a template for become messages. */
const messageOf = (event: NormalizedEvent, start: MappingStart<CompiledMessage>): MapResult => {
  const { connection, deadline, target: message } = start
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

const templateName = (event: NormalizedEvent, compiled: CompiledConnection): PlatformEvent | NotMapped => {
  const template = templateOf(event, compiled)
  return template === undefined ? noTemplate(event) : { name: template.name, action: null }
}

const compiledTemplateOf = (event: NormalizedEvent, compiled: CompiledConnection): CompiledMessage | NotMapped => {
  const template = templateOf(event, compiled)
  return template === undefined ? noTemplate(event) : compileMessage(template)
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

const noTemplate = (event: NormalizedEvent): NotMapped =>
  skipped(
    "no_mapping",
    `The event ${JSON.stringify(event.event_name.slice(0, 100))} has no message; add one under mapping.templates of the connection.`
  )

const missingValue = (path: string): MapResult =>
  rejected(
    "missing_template_value",
    `The message's template needs ${path}, which the event doesn't have in a usable form.`
  )

/** A message has a recipient, who stays sealed until delivery, and no user data. */
export const formatUserData = (): JsonObject => ({})
