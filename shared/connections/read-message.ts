/** Reads a WhatsApp message template of `mapping.templates`: header, body and URL buttons, positional or named. */
import { isMap } from "yaml"
import { checkPlaceholders } from "./check-path.ts"
import {
  type HeaderTemplate,
  mediaKinds,
  type TemplateMessage,
  type TemplateParameter,
  templateCategories,
  type UrlButton
} from "./message-template.ts"
import { quote, Section } from "./section.ts"
import type { Found } from "./yaml-reader.ts"

export const readMessage = (parent: Section, found: Found): TemplateMessage | null => {
  if (!isMap(found.node)) {
    parent.reader.error(found, "Expected a group of keys.", "name, language, category, header, body, buttons")
    return null
  }
  const section = sectionAt(parent, found)
  const name = section.required("name", "the template's name in the WhatsApp Manager")
  const language = section.text("language", "a language code such as en_US") ?? "en_US"
  if (!/^[a-z]{2,3}(_[A-Z]{2})?$/.test(language))
    section.reader.error(section.find("language")!, `${quote(language)} is no language.`, "such as en, en_US, pt_BR")
  const hasCategory = section.find("category") !== null
  const category = section.choice("category", templateCategories, "utility")
  const header = section.find("header") === null ? null : readHeader(section.section("header"))
  const body = readParameters(section, "body")
  const buttons = readButtons(section)
  section.finish()
  checkOneFormat(section, header, body)
  if (name === null) return null
  return {
    name,
    language,
    ...(hasCategory ? { category } : {}),
    ...(header === null ? {} : { header }),
    body,
    ...(buttons.length === 0 ? {} : { buttons })
  }
}

const sectionAt = (parent: Section, found: Found): Section => new Section(parent.reader, found, [found])

/** A list is positional, a group of keys named. */
const readParameters = (section: Section, key: string): ReadonlyArray<TemplateParameter> => {
  const found = section.find(key)
  if (found !== null && isMap(found.node)) return readNamed(section.section(key))
  return section.texts(key).map((item) => {
    checkPlaceholders(section, item, item.text)
    return item.text
  })
}

const readNamed = (section: Section): ReadonlyArray<TemplateParameter> =>
  section.entries().flatMap(([parameterName, found]) => {
    if (!/^[a-z][a-z0-9_]{0,99}$/.test(parameterName))
      section.reader.error(found, `${quote(parameterName)} is no parameter's name.`, nameForm)
    const text = section.textOf(found, "a text with {paths}")
    if (text === null) return []
    checkPlaceholders(section, found, text)
    return [{ parameterName, text }]
  })

const nameForm = "the template's parameter_name: lower-case letters, digits and underscores"

const readHeader = (section: Section): HeaderTemplate | null => {
  const given = ["text", ...mediaKinds].filter((key) => section.find(key) !== null)
  const header = given.length === 1 ? readHeaderOf(section, given[0]!) : null
  section.finish()
  if (given.length !== 1)
    section.reader.error(
      section.at,
      `A header is of one kind; here are ${given.length}.`,
      "text, image, video or document"
    )
  return header
}

const readHeaderOf = (section: Section, key: string): HeaderTemplate | null => {
  if (key === "text") {
    const parameters = readParameters(section, "text")
    if (parameters.length > 1)
      section.reader.error(section.find("text")!, `A header takes one parameter; here are ${parameters.length}.`)
    return parameters[0] === undefined ? null : { _tag: "Text", parameter: parameters[0] }
  }
  const kind = mediaKinds.find((known) => known === key)!
  const found = section.find(key)!
  if (!isMap(found.node)) {
    const text = section.textOf(found, "the address of the media")
    if (text === null) return null
    checkPlaceholders(section, found, text)
    return { _tag: "Media", kind, source: { key: "link", text }, filename: null }
  }
  return readMedia(section.section(key), kind)
}

const readMedia = (section: Section, kind: (typeof mediaKinds)[number]): HeaderTemplate | null => {
  const text = (key: string): string | null => {
    const value = section.text(key, "a text with {paths}")
    if (value !== null) checkPlaceholders(section, section.find(key)!, value)
    return value
  }
  const [link, id, filename] = [text("link"), text("id"), text("filename")]
  section.finish()
  if ((link === null) === (id === null)) {
    section.reader.error(section.at, "Media have one source.", "link: the address, or id: of uploaded media")
    return null
  }
  if (filename !== null && kind !== "document")
    section.reader.error(section.find("filename")!, `Only a document has a name; this is a header of the kind ${kind}.`)
  const source = link !== null ? ({ key: "link", text: link } as const) : ({ key: "id", text: id! } as const)
  return { _tag: "Media", kind, source, filename }
}

const readButtons = (section: Section): ReadonlyArray<UrlButton> => {
  const taken = new Set<number>()
  return section.items("buttons").flatMap((item) => {
    if (!isMap(item.node)) {
      section.reader.error(item, "Expected a group of keys.", "index, url")
      return []
    }
    const button = sectionAt(section, item)
    if (button.find("index") === null) button.required("index", "the button's place in the template, from 0")
    const index = button.integer("index", 0, buttonsMax - 1)
    const url = button.required("url", "the end of the button's URL")
    if (url !== null) checkPlaceholders(button, button.find("url")!, url)
    button.finish()
    if (index === null || url === null) return []
    if (taken.has(index)) section.reader.error(item, `Another button has the index ${index}.`)
    taken.add(index)
    return [{ index, url }]
  })
}

/** WhatsApp's templates have ten buttons at most. */
const buttonsMax = 10

/** The parameter format is the template's: header and body are both named or both positional. */
const checkOneFormat = (
  section: Section,
  header: HeaderTemplate | null,
  body: ReadonlyArray<TemplateParameter>
): void => {
  const parameters = [...(header?._tag === "Text" ? [header.parameter] : []), ...body]
  const named = parameters.filter((parameter) => typeof parameter !== "string").length
  if (named === 0 || named === parameters.length) return
  section.reader.error(
    section.at,
    "A template's parameters are all named or all positional.",
    "text: { parameter_name: text } beside body: { parameter_name: text }"
  )
}
