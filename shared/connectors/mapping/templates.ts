/** Templates such as `"order {properties.order_id}"`: text with paths into the event; `{{` and `}}` are literal braces. */
import type { NormalizedEvent } from "../../../schemas/types.gen.ts"
import { compilePath, type Read } from "./paths.ts"

/** The longest text that a template gives, in UTF-16 units. */
export const templateLengthMax = 1024

export type Rendered =
  | { readonly _tag: "Text"; readonly text: string }
  | { readonly _tag: "Missing"; readonly path: string }

/** Compiles a template once. It renders text, or names the path that the event has no scalar value for. */
export const compileTemplate = (template: string): ((event: NormalizedEvent) => Rendered) => {
  const parts = parse(template)
  return (event) => {
    let text = ""
    for (const part of parts) {
      if (typeof part === "string") {
        text += part
        continue
      }
      const value = part.read(event)
      if (value === undefined || typeof value === "object") return { _tag: "Missing", path: part.path }
      text += String(value)
    }
    return { _tag: "Text", text: text.length > templateLengthMax ? text.slice(0, templateLengthMax) : text }
  }
}

type Part = string | { readonly path: string; readonly read: Read }

const token = /\{\{|\}\}|\{([^{}]*)\}/g

const parse = (template: string): ReadonlyArray<Part> => {
  const parts: Array<Part> = []
  let end = 0
  for (const match of template.matchAll(token)) {
    if (match.index > end) parts.push(template.slice(end, match.index))
    const path = match[1]?.trim()
    parts.push(path === undefined ? match[0][0]! : { path, read: compilePath(path) })
    end = match.index + match[0].length
  }
  if (end < template.length) parts.push(template.slice(end))
  return parts
}
