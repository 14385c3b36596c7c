/**
 * A normalized event as a template message (WhatsApp Business Cloud API, messages). The payload has no recipient: the
 * phone number or business-scoped user id stays sealed, and delivery opens it before sending. With both given the
 * number wins, as at WhatsApp.
 */
import type { NormalizedEvent } from "../../../schemas/types.gen.ts"
import {
  type HeaderTemplate,
  type TemplateMessage,
  type TemplateParameter,
  textOfParameter,
  type UrlButton
} from "../../connections/message-template.ts"
import type { CompiledConnection, Json, JsonObject, MapResult, NotMapped } from "../connector.ts"
import { rejected, sealedRecipient, skipped } from "../mapping/payload.ts"
import { compileTemplate } from "../mapping/rules.ts"
import { type MappingStart, mapping, type PlatformEvent, templateOf } from "../mapping/start.ts"

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

/**
 * A message template's components, filled from an event: made once for each template, so that mapping an event only reads.
 * (WhatsApp Cloud API: template messages.)
 */
interface CompiledMessage {
  readonly template: TemplateMessage
  /** In WhatsApp's order: header, body, buttons. A template without parameters has none. */
  readonly components: ReadonlyArray<(event: NormalizedEvent) => Filled>
}

/** A component, or the part of the template that the event has no usable value for. */
type Filled =
  | { readonly _tag: "Component"; readonly component: JsonObject }
  | { readonly _tag: "Missing"; readonly part: string }

const compiled = new WeakMap<TemplateMessage, CompiledMessage>()

/** The compiled form of a template; the same object for the same template. */
const compileMessage = (template: TemplateMessage): CompiledMessage => {
  const known = compiled.get(template)
  if (known !== undefined) return known
  const message = compile(template)
  compiled.set(template, message)
  return message
}

const compile = (template: TemplateMessage): CompiledMessage => ({
  template,
  components: [
    ...(template.header === undefined ? [] : [headerOf(template.header)]),
    ...(template.body.length === 0 ? [] : [bodyOf(template.body)]),
    ...(template.buttons ?? []).map(buttonOf)
  ]
})

const headerOf = (header: HeaderTemplate): CompiledMessage["components"][number] =>
  header._tag === "Text" ? component({ type: "header" }, [parameterOf(header.parameter)]) : mediaOf(header)

const bodyOf = (body: ReadonlyArray<TemplateParameter>) => component({ type: "body" }, body.map(parameterOf))

/** WhatsApp writes the index of a button as a text. */
const buttonOf = ({ index, url }: UrlButton) =>
  component({ type: "button", sub_type: "url", index: String(index) }, [parameterOf(url)])

type FillParameter = (event: NormalizedEvent) => JsonObject | string

const component =
  (head: JsonObject, parameters: ReadonlyArray<FillParameter>) =>
  (event: NormalizedEvent): Filled => {
    const filled: Array<JsonObject> = []
    for (const fill of parameters) {
      const parameter = fill(event)
      if (typeof parameter === "string") return { _tag: "Missing", part: parameter }
      filled.push(parameter)
    }
    return { _tag: "Component", component: { ...head, parameters: filled } }
  }

/** The parameter, or the path that the event has no value for: WhatsApp refuses an empty parameter. */
const parameterOf = (parameter: TemplateParameter): FillParameter => {
  const text = filledText(textOfParameter(parameter))
  const name = typeof parameter === "string" ? {} : { parameter_name: parameter.parameterName }
  return (event) => {
    const filled = text(event)
    return filled._tag === "Missing" ? filled.path : { type: "text", ...name, text: filled.text }
  }
}

const mediaOf = ({ kind, source, filename }: Extract<HeaderTemplate, { readonly _tag: "Media" }>) => {
  const at = filledText(source.text)
  const named = filename === null ? null : filledText(filename)
  const isUsable = source.key === "link" ? isAddress : isMediaId
  return component({ type: "header" }, [
    (event) => {
      const address = at(event)
      if (address._tag === "Missing") return address.path
      if (!isUsable(address.text)) return source.text
      const name = named?.(event)
      const media = {
        [source.key]: address.text,
        // The name is only shown: a document without one is still the document.
        ...(name?._tag === "Text" ? { filename: name.text } : {})
      }
      return { type: kind, [kind]: media }
    }
  ])
}

/** New lines, tabs and runs of spaces are refused inside a parameter. */
const filledText = (template: string) => {
  const render = compileTemplate(template)
  return (event: NormalizedEvent): ReturnType<typeof render> => {
    const rendered = render(event)
    if (rendered._tag === "Missing") return rendered
    const text = (hasOtherSpaces.test(rendered.text) ? rendered.text.replace(whitespace, " ") : rendered.text).trim()
    return text === "" ? { _tag: "Missing", path: template } : { _tag: "Text", text }
  }
}

const whitespace = /\s+/g
/** Whether there is anything but single spaces between the words. */
const hasOtherSpaces = /\s\s|[^\S ]/
const isAddress = (text: string): boolean => /^https?:\/\/[^\s/]\S*$/i.test(text)
const isMediaId = (text: string): boolean => /^\d{1,32}$/.test(text)
