/**
 * Schemas of the values that `connections.yaml` may hold. Each reads a node of the YAML tree; an issue of theirs has a message
 * for people and says what is `allowed`.
 */
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as SchemaGetter from "effect/SchemaGetter"
import * as SchemaIssue from "effect/SchemaIssue"
import * as SchemaParser from "effect/SchemaParser"
import type { Json } from "../model/json.ts"
import { suggestion } from "./did-you-mean.ts"
import { durationForms, durationPattern, readDuration } from "./duration-text.ts"
import {
  anyOf,
  groupShape,
  listShape,
  optionalShape,
  orPlaceholder,
  patternShape,
  type Shape,
  shapeOf,
  textShape,
  withShape,
  wordsShape
} from "./shape.ts"
import { isGroup, type Place, quote, type Tree, YamlScalar, type YamlTree } from "./yaml-tree.ts"

/** Reads a node as an `A`. */
export type Field<A> = Schema.Codec<A, unknown>

/** All problems at once, unknown keys among them. */
export const decodeOptions = { errors: "all", onExcessProperty: "error" } as const

type Reading<A> = Effect.Effect<A, SchemaIssue.Issue>

/** @param path below the field, where the problem lies deeper */
export const invalid = (
  message: string,
  allowed: string | null = null,
  path: ReadonlyArray<PropertyKey> = []
): SchemaIssue.Issue => {
  const issue = new SchemaIssue.InvalidValue({ message, allowed })
  return path.length === 0 ? issue : new SchemaIssue.Pointer(path, issue)
}

const field = <A>(
  read: (node: Tree, options: Parameters<ReturnType<typeof SchemaParser.decodeUnknownEffect>>[1]) => Reading<A>,
  shape: () => Shape
): Field<A> =>
  withShape(
    Schema.Unknown.pipe(
      Schema.decodeTo(ofType<A>(), {
        decode: SchemaGetter.transformEffect((node: unknown, options) => read(node as Tree, options)),
        encode: SchemaGetter.forbidden(() => "Connections are only read.")
      })
    ),
    shape
  )

const ofType = <A>() => Schema.declare((_: unknown): _ is A => true)

/** A field with its value changed, or refused. `shape`: its form, where that is less than before. */
export const refine = <A, B>(
  of: Field<A>,
  change: (value: A) => B | SchemaIssue.Issue,
  shape: () => Shape = () => shapeOf(of)
): Field<B> => {
  const decode = SchemaParser.decodeUnknownEffect(of)
  return field(
    (node, options) =>
      Effect.flatMap(decode(node, options), (value) => {
        const changed = change(value)
        return SchemaIssue.isIssue(changed) ? Effect.fail(changed) : Effect.succeed(changed)
      }),
    shape
  )
}

/** A field that need not be there. */
export const optional = <A, const B>(of: Field<A>, fallback: B) =>
  withShape(
    Schema.withDecodingDefaultTypeKey<Field<A | B>>(Effect.succeed(fallback))(of as Field<A | B>),
    optionalShape(of, fallback),
    true
  )

const scalar = <A>(expected: string, shape: Shape, read: (scalar: YamlScalar) => A | SchemaIssue.Issue): Field<A> =>
  withShape(
    field<A>(
      (node) => {
        if (node === undefined) return Effect.fail(invalid("The value is empty.", expected))
        if (!(node instanceof YamlScalar))
          return Effect.fail(invalid(`Expected ${expected}, not a ${isGroup(node) ? "group of keys" : "list"}.`))
        if (!node.readable) return Effect.fail(reported)
        const value = read(node)
        return SchemaIssue.isIssue(value) ? Effect.fail(value) : Effect.succeed(value)
      },
      () => shape
    ).pipe(Schema.annotateKey({ allowed: expected })),
    () => shape
  )

/** The tree has named the problem already. */
const reported = new SchemaIssue.InvalidValue({ reported: true })

/** A string; numbers as they are written, so that long ids keep every digit. */
export const string = (expected = "a string"): Field<string> =>
  scalar(expected, textShape, ({ text }) =>
    text.trim() === "" ? invalid("The value is empty.", expected) : text.trim()
  )

/** A string, or null where its variable stands for nothing. */
export const stringOrNull = (expected = "a string"): Field<string | null> =>
  scalar(expected, textShape, ({ text, substituted }) => {
    if (text.trim() !== "") return text.trim()
    return substituted ? null : invalid("The value is empty.", expected)
  })

/** One of some words. */
export const choice = <const A extends string>(words: ReadonlyArray<A>): Field<A> =>
  refine(
    string("a word"),
    (text) => {
      const word = words.find((candidate) => candidate === text)
      return word ?? invalid(`${quote(text)} is not one of the choices.${suggestion(text, words)}`, words.join(", "))
    },
    () => wordsShape(words)
  )

export const boolean: Field<boolean> = scalar(
  "true or false",
  orPlaceholder({ type: "boolean" }),
  ({ text, value, substituted }) => {
    if (typeof value === "boolean") return value
    if (substituted && /^(true|false)$/i.test(text)) return text.toLowerCase() === "true"
    return invalid(`${quote(text)} is neither true nor false.`, "true, false")
  }
)

/** An integer between two bounds. */
export const integer = (minimum: number, maximum: number): Field<number> =>
  scalar("an integer", orPlaceholder({ type: "integer", minimum, maximum }), ({ text, value, substituted }) => {
    const number = typeof value === "number" || (substituted && /^\d+$/.test(text)) ? Number(value) : Number.NaN
    return Number.isSafeInteger(number) && number >= minimum && number <= maximum
      ? number
      : minimum === maximum
        ? invalid(`${quote(text)} is not ${minimum}.`, String(minimum))
        : invalid(`${quote(text)} is not an integer in the range.`, `${minimum} to ${maximum}`)
  })

/** A list; a single value counts as a list of one. */
export const list = <A>(of: Field<A>): Field<ReadonlyArray<A>> => {
  const decode = SchemaParser.decodeUnknownEffect(Schema.Array(Schema.UndefinedOr(of)))
  return field(
    (node, options) =>
      Effect.map(decode(Array.isArray(node) ? node : [node], options), (items) =>
        items.filter((item): item is Exclude<typeof item, undefined> => item !== undefined)
      ),
    listShape(of)
  )
}

/** A group whose keys are free. */
export const record = <A>(of: Field<A>): Field<Readonly<Record<string, A>>> => {
  const decode = SchemaParser.decodeUnknownEffect(Schema.Record(Schema.String, of))
  return field(
    (node, options) => (isGroup(node) ? decode(node, options) : Effect.fail(notAGroup("names and values"))),
    () => ({ type: "object", additionalProperties: shapeOf(of) })
  )
}

/** A group of known keys. */
export const group = <const F extends Schema.Struct.Fields>(fields: F): Field<Schema.Struct.Type<F>> => {
  const decode = SchemaParser.decodeUnknownEffect(Schema.Struct(fields)) as (
    node: unknown,
    options: unknown
  ) => Reading<Schema.Struct.Type<F>>
  return field((node, options) => {
    if (!isGroup(node)) return Effect.fail(notAGroup(Object.keys(fields).join(", ")))
    // A known key without a value counts as absent; an unknown one is reported.
    const given = Object.entries(node).filter(([key, value]) => value !== undefined || !Object.hasOwn(fields, key))
    return decode(Object.fromEntries(given), options)
  }, groupShape(fields))
}

/** A group of known keys, `snake_case` in the file and `camelCase` in what is read. */
export const camelGroup = <const F extends Schema.Struct.Fields>(fields: F): Field<CamelKeys<Schema.Struct.Type<F>>> =>
  refine(group(fields), (read) => {
    const entries = Object.entries(read).map(([key, value]) => [
      key.replaceAll(/_([a-z])/g, (_, letter: string) => letter.toUpperCase()),
      value
    ])
    return Object.fromEntries(entries) as CamelKeys<Schema.Struct.Type<F>>
  })

/** A group that need not be there: then it is one without keys. */
export const orEmpty = <A>(of: Field<A>) =>
  withShape(Schema.withDecodingDefaultKey<Field<A>>(Effect.succeed({}))(of), optionalShape(of, undefined), true)

type CamelKeys<T> = { readonly [K in keyof T as K extends string ? Camel<K> : never]: T[K] }
type Camel<K extends string> = K extends `${infer Head}_${infer Tail}` ? `${Head}${Capitalize<Camel<Tail>>}` : K

const notAGroup = (keys: string): SchemaIssue.Issue => invalid("Expected a group of keys.", keys)

/** A group in the long form, or else a short form of it. */
export const groupOr = <A, B>(long: Field<A>, short: Field<B>): Field<A | B> => {
  const [readLong, readShort] = [SchemaParser.decodeUnknownEffect(long), SchemaParser.decodeUnknownEffect(short)]
  return field<A | B>(
    (node, options) => (isGroup(node) ? readLong(node, options) : readShort(node, options)),
    () => anyOf(shapeOf(long), shapeOf(short))
  )
}

/** A value of any shape. */
export const json: Field<Json> = field(
  (node) => toJson(node, []),
  () => ({})
)

const toJson = (node: Tree, path: ReadonlyArray<PropertyKey>): Reading<Json> => {
  if (node === undefined) return Effect.succeed(null)
  if (Array.isArray(node)) return Effect.forEach(node, (item: Tree, index) => toJson(item, [...path, index]))
  if (!(node instanceof YamlScalar))
    return Effect.all(
      Object.fromEntries(Object.entries(node).map(([key, item]) => [key, toJson(item, [...path, key])]))
    )
  const { readable, text, value } = node
  if (!readable) return Effect.fail(reported)
  if (typeof value === "boolean" || typeof value === "string") return Effect.succeed(value)
  if (typeof value !== "number") return Effect.succeed(text)
  if (Number.isFinite(value) && !(Number.isInteger(value) && !Number.isSafeInteger(value))) return Effect.succeed(value)
  return Effect.fail(invalid(`The number ${text} cannot be held exactly.`, "put it in quotes to send it as text", path))
}

/** Reports each part of a schema's issue at the place that its path leads to, below a tree that stands at `place`. */
export const reportIssue = (
  yaml: YamlTree,
  tree: Tree,
  place: Place,
  issue: SchemaIssue.Issue,
  path: ReadonlyArray<PropertyKey> = []
): void => {
  switch (issue._tag) {
    case "Pointer":
      reportIssue(yaml, tree, place, issue.issue, [...path, ...issue.path])
      break
    case "Encoding":
    case "Filter":
      reportIssue(yaml, tree, place, issue.issue, path)
      break
    case "Composite":
    case "AnyOf":
      for (const one of issue.issues) reportIssue(yaml, tree, place, one, path)
      break
    case "MissingKey": {
      const message = `The key ${String(path.at(-1))} is missing.`
      yaml.error(yaml.placeOf(tree, place, path.slice(0, -1)), message, textOf(issue.annotations, "allowed"))
      break
    }
    case "UnexpectedKey": {
      const name = String(path.at(-1))
      const known = issue.ast._tag === "Objects" ? issue.ast.propertySignatures.map((field) => String(field.name)) : []
      const message = `Unknown key ${quote(name)}.${suggestion(name, known)}`
      yaml.keyError(yaml.placeOf(tree, place, path), message, known.join(", "))
      break
    }
    default: {
      const annotations = issue._tag === "InvalidValue" ? issue.annotations : undefined
      if (annotations?.["reported"] === true) return
      const message = textOf(annotations, "message") ?? "The value is invalid."
      yaml.error(yaml.placeOf(tree, place, path), message, textOf(annotations, "allowed"))
    }
  }
}

const textOf = (annotations: { readonly [key: string]: unknown } | undefined, key: string): string | null => {
  const text = annotations?.[key]
  return typeof text === "string" ? text : null
}

export const duration: Field<Duration.Duration> = scalar(
  "a duration",
  patternShape(durationPattern, "duration"),
  ({ text }) => readDuration(text) ?? invalid(`${quote(text)} is not a duration.`, durationForms)
)
