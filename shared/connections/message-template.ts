/** A message template of `mapping.templates`: header, body and URL buttons, positional or named. Their texts have {paths}. */
import type * as Schema from "effect/Schema"
import { template } from "./event-paths.ts"
import {
  choice,
  type Field,
  group,
  groupOr,
  integer,
  invalid,
  list,
  optional,
  record,
  refine,
  string,
  stringOrNull
} from "./fields.ts"
import { quote } from "./yaml-tree.ts"

/** A string alone is positional. */
export type TemplateParameter = string | { readonly parameterName: string; readonly text: string }

/** The text of a parameter, named or not. */
export const textOfParameter = (parameter: TemplateParameter): string =>
  typeof parameter === "string" ? parameter : parameter.text

export type HeaderTemplate =
  | { readonly _tag: "Text"; readonly parameter: TemplateParameter }
  | {
      readonly _tag: "Media"
      readonly kind: MediaKind
      /** Where the platform fetches the media, or the id under which they were uploaded: one of them. */
      readonly source: { readonly key: "link" | "id"; readonly text: string }
      /** Of a document: the name that the recipient sees. */
      readonly filename: string | null
    }

const mediaKinds = ["image", "video", "document"] as const
type MediaKind = (typeof mediaKinds)[number]

const templateCategories = ["authentication", "marketing", "utility"] as const
type TemplateCategory = (typeof templateCategories)[number]

const namedParameters = refine(
  record(template()),
  (texts): ReadonlyArray<TemplateParameter> | ReturnType<typeof invalid> => {
    const wrong = Object.keys(texts).find((name) => !/^[a-z][a-z0-9_]{0,99}$/.test(name))
    return wrong === undefined
      ? Object.entries(texts).map(([parameterName, text]) => ({ parameterName, text }))
      : invalid(`${quote(wrong)} is not a parameter name.`, nameForm, [wrong])
  }
)

const nameForm = "the template's parameter_name: a-z, 0-9 and underscores"

/** A list is positional, a group of keys named. */
const parameters: Field<ReadonlyArray<TemplateParameter>> = groupOr(namedParameters, list(template()))

const media = (kind: MediaKind) => {
  const short = refine(
    template("the address of the media"),
    (text): HeaderTemplate => ({ _tag: "Media", kind, source: { key: "link", text }, filename: null })
  )
  const keys = {
    link: optional(template(), null),
    id: optional(template(), null),
    filename: optional(template(), null)
  }
  const long = refine(group(keys), ({ link, id, filename }): HeaderTemplate | ReturnType<typeof invalid> => {
    if ((link === null) === (id === null))
      return invalid("Media have one source.", "link: the address, or id: of uploaded media")
    if (filename !== null && kind !== "document")
      return invalid(`Only a document has a name; this is a header of the kind ${kind}.`, null, ["filename"])
    const source = link !== null ? ({ key: "link", text: link } as const) : ({ key: "id", text: id! } as const)
    return { _tag: "Media", kind, source, filename }
  })
  return optional(groupOr(long, short), null)
}

const textHeader = refine(parameters, (given): HeaderTemplate | ReturnType<typeof invalid> =>
  given.length === 1
    ? { _tag: "Text", parameter: given[0]! }
    : invalid(`A header takes one parameter; here are ${given.length}.`)
)

const header = refine(
  group({
    text: optional(textHeader, null),
    image: media("image"),
    video: media("video"),
    document: media("document")
  }),
  (read): HeaderTemplate | ReturnType<typeof invalid> => {
    const given = Object.values(read).filter((one) => one !== null)
    return given.length === 1
      ? given[0]!
      : invalid(`A header is of one kind; here are ${given.length}.`, "text, image, video or document")
  }
)

/** A template has ten buttons at most. */
const buttonsMax = 10

const button = group({
  /** Its place among the template's buttons, from 0. */
  index: integer(0, buttonsMax - 1),
  /** What stands for the variable at the end of the button's URL. */
  url: template("the end of the button's URL")
})
export type UrlButton = Schema.Schema.Type<typeof button>

const buttons = refine(list(button), (given) => {
  const twice = given.findIndex(({ index }, at) => given.slice(0, at).some((other) => other.index === index))
  return twice < 0 ? given : invalid(`Another button has the index ${given[twice]!.index}.`, null, [twice])
})

const language = refine(stringOrNull("a language code such as en_US"), (code) =>
  code === null || /^[a-z]{2,3}(_[A-Z]{2})?$/.test(code)
    ? (code ?? "en_US")
    : invalid(`${quote(code)} is not a language code.`, "such as en, en_US, pt_BR")
)

export interface TemplateMessage {
  readonly name: string
  readonly language: string
  /** Absent: unknown. An authentication template goes to phone numbers alone. */
  readonly category?: TemplateCategory
  readonly header?: HeaderTemplate
  /** Parameters of the body in order. A template's parameters are all named or all positional. */
  readonly body: ReadonlyArray<TemplateParameter>
  /** The buttons whose URL ends in a parameter. */
  readonly buttons?: ReadonlyArray<UrlButton>
}

export const messageTemplate: Field<TemplateMessage> = refine(
  group({
    name: string("the template's name in the WhatsApp Manager"),
    language: optional(language, "en_US"),
    category: optional(choice(templateCategories), null),
    header: optional(header, null),
    body: optional(parameters, []),
    buttons: optional(buttons, [])
  }),
  ({ name, language, category, header, body, buttons }): TemplateMessage | ReturnType<typeof invalid> => {
    // The parameter format is the template's: header and body are both named or both positional.
    const given = [...(header?._tag === "Text" ? [header.parameter] : []), ...body]
    const named = given.filter((parameter) => typeof parameter !== "string").length
    if (named !== 0 && named !== given.length)
      return invalid(
        "A template's parameters are all named or all positional.",
        "text: { parameter_name: text } beside body: { parameter_name: text }"
      )
    return {
      name,
      language,
      ...(category === null ? {} : { category }),
      ...(header === null ? {} : { header }),
      body,
      ...(buttons.length === 0 ? {} : { buttons })
    }
  }
)
