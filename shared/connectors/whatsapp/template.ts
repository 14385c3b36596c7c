/**
 * A message template's components, filled from an event: made once for each template, so that mapping an event only reads.
 * (WhatsApp Cloud API: template messages.)
 */
import type { NormalizedEvent } from "../../../schemas/types.gen.ts"
import {
  type HeaderTemplate,
  type TemplateMessage,
  type TemplateParameter,
  textOfParameter,
  type UrlButton
} from "../../connections/message-template.ts"
import type { JsonObject } from "../connector.ts"
import { compileTemplate } from "../mapping/rules.ts"

export interface CompiledMessage {
  readonly template: TemplateMessage
  /** In WhatsApp's order: header, body, buttons. A template without parameters has none. */
  readonly components: ReadonlyArray<(event: NormalizedEvent) => Filled>
}

/** A component, or the part of the template that the event has no usable value for. */
export type Filled =
  | { readonly _tag: "Component"; readonly component: JsonObject }
  | { readonly _tag: "Missing"; readonly part: string }

const compiled = new WeakMap<TemplateMessage, CompiledMessage>()

/** The compiled form of a template; the same object for the same template. */
export const compileMessage = (template: TemplateMessage): CompiledMessage => {
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
    const text = rendered.text.replace(whitespace, " ").trim()
    return text === "" ? { _tag: "Missing", path: template } : { _tag: "Text", text }
  }
}

const whitespace = /\s+/g
const isAddress = (text: string): boolean => /^https?:\/\/[^\s/]\S*$/i.test(text)
const isMediaId = (text: string): boolean => /^\d{1,32}$/.test(text)
