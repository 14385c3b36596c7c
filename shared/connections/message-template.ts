/** A WhatsApp message template as `mapping.templates` of a connection fills it. Texts are such as `"{properties.order_id}"`. */
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

export const templateCategories = ["authentication", "marketing", "utility"] as const
export type TemplateCategory = (typeof templateCategories)[number]

/** A text alone is positional. */
export type TemplateParameter = string | { readonly parameterName: string; readonly text: string }

export type HeaderTemplate =
  | { readonly _tag: "Text"; readonly parameter: TemplateParameter }
  | {
      readonly _tag: "Media"
      readonly kind: MediaKind
      /** Where WhatsApp fetches the media, or the id under which they were uploaded: one of them. */
      readonly source: { readonly key: "link" | "id"; readonly text: string }
      /** Of a document: the name that the recipient sees. */
      readonly filename: string | null
    }

export const mediaKinds = ["image", "video", "document"] as const
export type MediaKind = (typeof mediaKinds)[number]

export interface UrlButton {
  /** Its place among the template's buttons, from 0. */
  readonly index: number
  /** What stands for the variable at the end of the button's URL. */
  readonly url: string
}

/** The text of a parameter, named or not. */
export const textOfParameter = (parameter: TemplateParameter): string =>
  typeof parameter === "string" ? parameter : parameter.text
