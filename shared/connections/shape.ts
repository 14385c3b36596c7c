/**
 * The form of a field as JSON Schema (2020-12), beside its reader: for editors, and for the reference of all keys. It says what is
 * wrong by form alone (unknown keys, types, words, ranges); what depends on other values only the reader says. A text with a
 * placeholder (`${NAME}`) is of any form, since its value is known when it is read.
 */
import type { Json } from "../model/json.ts"

export type Shape = { readonly [keyword: string]: Json }

interface Known {
  /** Made when it is asked for: programs read files, and ask for none. */
  readonly shape: () => Shape
  readonly isOptional: boolean
}

const known = new WeakMap<object, Known>()

/** The field itself, whose form is known from here on. */
export const withShape = <F extends object>(field: F, shape: () => Shape, isOptional = false): F => {
  known.set(field, { shape, isOptional })
  return field
}

/** Any form where none is known. */
export const shapeOf = (field: object): Shape => known.get(field)?.shape() ?? {}

/** An optional field: an empty value counts as absent. */
export const optionalShape = (of: object, fallback: unknown) => (): Shape => ({
  ...anyOf(shapeOf(of), { type: "null" }),
  ...(isShownDefault(fallback) ? { default: fallback as Json } : {})
})

const isShownDefault = (fallback: unknown): boolean =>
  typeof fallback === "string" || typeof fallback === "boolean" || typeof fallback === "number"

/** One of these forms; an `anyOf` among them is taken apart. */
export const anyOf = (...shapes: ReadonlyArray<Shape>): Shape => {
  const parts = shapes.flatMap((shape) =>
    Object.keys(shape).length === 1 && Array.isArray(shape["anyOf"])
      ? (shape["anyOf"] as ReadonlyArray<Shape>)
      : [shape]
  )
  return { anyOf: parts }
}

const placeholder: Shape = { type: "string", pattern: "\\$\\{" }

export const orPlaceholder = (shape: Shape): Shape => anyOf(shape, placeholder)

/** Texts, and numbers and booleans, which are read as they are written. */
export const textShape: Shape = { type: ["string", "number", "boolean"], pattern: "\\S" }

/** A text of a form. `pattern` is of the whole of it, without the spaces around. */
export const patternShape = (pattern: string, title?: string): Shape => ({
  ...(title === undefined ? {} : { title }),
  type: "string",
  pattern: `^\\s*(?:${pattern})\\s*$|\\$\\{`
})

/** One of these words. */
export const wordsShape = (words: ReadonlyArray<string>): Shape => orPlaceholder({ enum: words })

/** Any text, of which an editor proposes some. */
export const proposedShape = (words: ReadonlyArray<string>): Shape =>
  words.length === 0 ? textShape : anyOf({ enum: words }, textShape)

export const listShape = (of: object) => (): Shape =>
  anyOf(shapeOf(of), { type: "array", items: anyOf(shapeOf(of), { type: "null" }) })

/** A group of known keys. */
export const groupShape = (fields: Readonly<Record<string, object>>) => (): Shape => ({
  type: "object",
  properties: Object.fromEntries(Object.entries(fields).map(([key, field]) => [key, shapeOf(field)])),
  required: Object.entries(fields).flatMap(([key, field]) => (known.get(field)?.isOptional === true ? [] : [key])),
  additionalProperties: false
})
