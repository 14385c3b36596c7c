/** Rules of the configuration, compiled once: paths into an event, conditions, templates, parameters. */
import type { NormalizedEvent } from "../../../schemas/types.gen.ts"
import type { Condition, ParameterRule } from "../../connections/connection.ts"
import type { Json } from "../../model/json.ts"
import type { Dropped, PayloadBuilder } from "./payload.ts"

export type Read = (event: NormalizedEvent) => Json | undefined

/** Compiles a path once; reading is then a plain walk over own properties. Absent and null both read as undefined. */
export const compilePath = (path: string): Read => {
  const custom = "properties.custom."
  if (path.startsWith(custom)) {
    // A custom property's name may itself hold dots.
    const name = path.slice(custom.length)
    return (event) => own(event.properties?.custom, name) ?? undefined
  }
  const segments = path.split(".")
  return (event) => {
    let value: unknown = event
    for (const segment of segments) {
      value = own(value, segment)
      if (value === undefined || value === null) return undefined
    }
    return isJson(value) ? value : undefined
  }
}

const own = <A>(value: A, key: string): A extends Readonly<Record<string, infer V>> ? V | undefined : never =>
  typeof value === "object" && value !== null && Object.hasOwn(value, key)
    ? (value as Record<string, never>)[key]!
    : (undefined as never)

const isJson = (value: unknown): value is Json =>
  typeof value === "string" ||
  typeof value === "boolean" ||
  (typeof value === "number" && Number.isFinite(value)) ||
  (typeof value === "object" && value !== null && !Buffer.isBuffer(value))

export type Predicate = (event: NormalizedEvent) => boolean

/** True where every condition holds; none at all always holds. */
export const compileConditions = (conditions: ReadonlyArray<Condition>): Predicate => {
  const predicates = conditions.map(compileCondition)
  return (event) => {
    for (const holds of predicates) if (!holds(event)) return false
    return true
  }
}

const compileCondition = (condition: Condition): Predicate => {
  const read = compilePath(condition.path)
  const { op, value } = condition
  return (event) => test(read(event), op, value)
}

/** An absent value satisfies `missing`, `ne` and nothing else. Numbers compare as numbers, everything else only for equality. */
const test = (actual: Json | undefined, op: Condition["op"], expected: Json): boolean => {
  switch (op) {
    case "exists":
      return actual !== undefined
    case "missing":
      return actual === undefined
    case "eq":
      return actual === expected
    case "ne":
      return actual !== expected
    case "in":
      return actual !== undefined && Array.isArray(expected) && expected.includes(actual)
    case "gt":
      return typeof actual === "number" && typeof expected === "number" && actual > expected
    case "gte":
      return typeof actual === "number" && typeof expected === "number" && actual >= expected
    case "lt":
      return typeof actual === "number" && typeof expected === "number" && actual < expected
    case "lte":
      return typeof actual === "number" && typeof expected === "number" && actual <= expected
  }
}

/** The longest text that a template gives, in UTF-16 units. */
export const templateLengthMax = 1024

export type Rendered =
  | { readonly _tag: "Text"; readonly text: string }
  | { readonly _tag: "Missing"; readonly path: string }

/**
 * Compiles a template such as `"order {properties.order_id}"`: text with paths into the event; `{{` and `}}` are literal braces.
 * It renders text, or names the path that the event has no scalar value for.
 */
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

/** In UTF-16 units. A longer template is a mistake, of which the beginning is read. */
const templateReadMax = 65_536

const parse = (template: string): ReadonlyArray<Part> => {
  const parts: Array<Part> = []
  const read = template.slice(0, templateReadMax)
  let end = 0
  for (const match of read.matchAll(token)) {
    if (match.index > end) parts.push(read.slice(end, match.index))
    const path = match[1]?.trim()
    parts.push(path === undefined ? match[0][0]! : { path, read: compilePath(path) })
    end = match.index + match[0].length
  }
  if (end < read.length) parts.push(read.slice(end))
  return parts
}

export interface CompiledParameter {
  readonly name: string
  /** Undefined where the event has no such value. */
  readonly value: (event: NormalizedEvent) => Json | undefined
}

/** Compiles the rules in the order of their names, so that the order in the file changes no byte of a payload. */
export const compileParameters = (rules: Readonly<Record<string, ParameterRule>>): ReadonlyArray<CompiledParameter> =>
  Object.keys(rules)
    .filter((name) => name !== "__proto__")
    .sort()
    .map((name) => ({ name, value: compileRule(rules[name]!) }))

const compileRule = (rule: ParameterRule): CompiledParameter["value"] => {
  switch (rule._tag) {
    case "Constant":
      return () => rule.value
    case "From":
      return compilePath(rule.path)
    case "Template": {
      const render = compileTemplate(rule.template)
      return (event) => {
        const rendered = render(event)
        return rendered._tag === "Text" ? rendered.text : undefined
      }
    }
  }
}

/** Applies the rules to a payload's custom data; they win over what stands there. A rule without a value says so. */
export const applyParameters = (
  target: PayloadBuilder,
  parameters: ReadonlyArray<CompiledParameter>,
  event: NormalizedEvent,
  dropped: Array<Dropped>
): void => {
  for (const parameter of parameters) {
    const value = parameter.value(event)
    if (value === undefined) dropped.push({ field: `parameters.${parameter.name}`, reason: "no_value" })
    else target[parameter.name] = value
  }
}
