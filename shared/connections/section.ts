/** A group of keys of the file, read key by key; what nobody asked for is a misspelt key. */
import * as Duration from "effect/Duration"
import * as Option from "effect/Option"
import { isMap, isScalar, isSeq, type YAMLMap } from "yaml"
import { suggestion } from "./did-you-mean.ts"
import type { Found, ScalarValue, YamlReader } from "./yaml-reader.ts"

/** The same group in several places (a connection, then the defaults): the first that has a key wins. */
interface Layer {
  readonly map: YAMLMap
  readonly path: string
}

export class Section {
  /** Where the group stands, for problems of the group as a whole. */
  readonly at: Found
  readonly reader: YamlReader
  readonly #layers: ReadonlyArray<Layer>
  readonly #known = new Set<string>()

  constructor(reader: YamlReader, at: Found, layers: ReadonlyArray<Found>) {
    this.reader = reader
    this.at = at
    this.#layers = layers.flatMap(({ node, path }) => (isMap(node) ? [{ map: node, path }] : []))
  }

  /** The value of a key, and marks the key as one that may be here; null where it is absent or empty. */
  find(key: string): Found | null {
    this.#known.add(key)
    return this.#found(key)[0] ?? null
  }

  /** A key that may be here but is read elsewhere. */
  allow(...keys: ReadonlyArray<string>): void {
    for (const key of keys) this.#known.add(key)
  }

  /** Every key of a group whose keys are free, the first layer's first. */
  entries(): ReadonlyArray<readonly [string, Found]> {
    const seen = new Map<string, Found>()
    for (const layer of this.#layers)
      for (const [key, value] of this.reader.pairs(layer.map, layer.path)) {
        this.#known.add(key)
        if (!seen.has(key)) seen.set(key, value)
      }
    return [...seen]
  }

  /** A group below this one, merged over the layers; empty where it is absent. */
  section(key: string): Section {
    this.#known.add(key)
    const found = this.#found(key)
    for (const value of found)
      if (!isMap(value.node)) this.reader.error(value, "Expected a group of keys.", `${key}: followed by indented keys`)
    return new Section(this.reader, found[0] ?? { node: this.at.node, path: `${this.at.path}.${key}` }, found)
  }

  /** A text that must be there. */
  required(key: string, expected: string): string | null {
    const found = this.find(key)
    if (found !== null) return this.textOf(found, expected)
    this.reader.error({ node: this.at.node, path: this.at.path }, `The key ${key} is missing.`, expected)
    return null
  }

  /** Null where it is absent, or where its variable stands for nothing. */
  text(key: string, expected = "a text"): string | null {
    const scalar = this.#scalar(key, expected)
    if (scalar === null || (scalar[1].substituted && scalar[1].text.trim() === "")) return null
    return this.textOf(scalar[0], expected)
  }

  /** One of some words; the default where it is absent or wrong. */
  choice<A extends string>(key: string, words: ReadonlyArray<A>, fallback: A): A {
    const found = this.find(key)
    const text = found === null ? null : this.textOf(found, "a word")
    if (found === null || text === null) return fallback
    const word = words.find((candidate) => candidate === text)
    if (word === undefined)
      this.reader.error(found, `${quote(text)} is none of the choices.${suggestion(text, words)}`, words.join(", "))
    return word ?? fallback
  }

  boolean(key: string, fallback: boolean): boolean {
    const scalar = this.#scalar(key, "true or false")
    if (scalar === null) return fallback
    if (typeof scalar[1].value === "boolean") return scalar[1].value
    if (scalar[1].substituted && /^(true|false)$/i.test(scalar[1].text)) return scalar[1].text.toLowerCase() === "true"
    this.reader.error(scalar[0], `${quote(scalar[1].text)} is neither true nor false.`, "true, false")
    return fallback
  }

  /** A whole number between two bounds. */
  integer(key: string, minimum: number, maximum: number): number | null {
    const scalar = this.#scalar(key, "a whole number")
    if (scalar === null) return null
    const [found, { text, value, substituted }] = scalar
    const number = typeof value === "number" || (substituted && /^\d+$/.test(text)) ? Number(value) : Number.NaN
    if (Number.isSafeInteger(number) && number >= minimum && number <= maximum) return number
    this.reader.error(found, `${quote(text)} is no whole number in the range.`, `${minimum} to ${maximum}`)
    return null
  }

  duration(key: string): Duration.Duration | null {
    const scalar = this.#scalar(key, "a duration")
    if (scalar === null) return null
    const [found, { text }] = scalar
    const duration = readDuration(text)
    if (duration === null) this.reader.error(found, `${quote(text)} is no duration.`, durationForms)
    return duration
  }

  /** A list of durations; a single one counts as a list of one, null where the key is absent. */
  durations(key: string): ReadonlyArray<Duration.Duration> | null {
    if (this.find(key) === null) return null
    return this.texts(key).flatMap((found) => {
      const duration = readDuration(found.text)
      if (duration === null) this.reader.error(found, `${quote(found.text)} is no duration.`, durationForms)
      return duration === null ? [] : [duration]
    })
  }

  /** A list of texts; a single text counts as a list of one. */
  texts(key: string): ReadonlyArray<Found & { readonly text: string }> {
    return this.items(key).flatMap((found) => {
      const text = this.textOf(found, "a text")
      return text === null ? [] : [{ ...found, text }]
    })
  }

  /** The items of a list; a single value counts as a list of one. */
  items(key: string): ReadonlyArray<Found> {
    const found = this.find(key)
    if (found === null) return []
    if (!isSeq(found.node)) return [found]
    return found.node.items.flatMap((item, index) => {
      const node = this.reader.resolve(item)
      return node === null ? [] : [{ node, path: `${found.path}[${index}]` }]
    })
  }

  /** A scalar as text: numbers as they are written, so that long ids keep every digit. */
  textOf(found: Found, expected: string): string | null {
    const scalar = this.reader.scalar(found, expected)
    if (scalar === null) return null
    if (scalar.text.trim() !== "") return scalar.text.trim()
    this.reader.error(found, "The value is empty.", expected)
    return null
  }

  /** Call when all keys were read: reports the keys that nobody knows. */
  finish(): void {
    for (const layer of this.#layers)
      for (const [key, , at] of this.reader.pairs(layer.map, layer.path))
        if (!this.#known.has(key))
          this.reader.error(
            at,
            `Unknown key ${quote(key)}.${suggestion(key, this.#known)}`,
            [...this.#known].join(", ")
          )
  }

  #scalar(key: string, expected: string): readonly [Found, ScalarValue] | null {
    const found = this.find(key)
    const scalar = found === null ? null : this.reader.scalar(found, expected)
    return found === null || scalar === null ? null : [found, scalar]
  }

  #found(key: string): ReadonlyArray<Found> {
    return this.#layers.flatMap(({ map, path }) => {
      const node = this.reader.resolve(map.get(key, true))
      const empty = node === null || (isScalar(node) && node.value === null)
      return empty ? [] : [{ node, path: path === "" ? key : `${path}.${key}` }]
    })
  }
}

export const quote = (text: string): string => JSON.stringify(text.length > 60 ? `${text.slice(0, 60)}…` : text)

export const durationForms = "a number and a unit, such as 500 millis, 30 seconds, 1 minute, 2 hours"

/** `500 millis`, `30 s`, `1 minute`; null where it is none or not above zero. */
export const readDuration = (text: string): Duration.Duration | null => {
  const match = /^(\d+(?:\.\d+)?)\s*([a-z]+)$/i.exec(text.trim())
  const unit = match === null ? undefined : units[match[2]!.toLowerCase()]
  if (match === null || unit === undefined) return null
  const duration = Duration.fromInput(`${Number(match[1])} ${unit}`)
  return Option.getOrNull(Option.filter(duration, Duration.isPositive))
}

const units: Readonly<Record<string, "millis" | "seconds" | "minutes" | "hours" | "days">> = {
  ...{ ms: "millis", milli: "millis", millis: "millis", millisecond: "millis", milliseconds: "millis" },
  ...{ s: "seconds", sec: "seconds", second: "seconds", seconds: "seconds" },
  ...{ m: "minutes", min: "minutes", minute: "minutes", minutes: "minutes" },
  ...{ h: "hours", hour: "hours", hours: "hours", d: "days", day: "days", days: "days" }
}
