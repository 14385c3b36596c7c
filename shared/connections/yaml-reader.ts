/** Reads a YAML text with positions, collecting every problem instead of stopping at the first. */
import {
  type Alias,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  parseDocument,
  type Scalar,
  visit,
  type YAMLMap
} from "yaml"
import type { Json } from "../model/json.ts"
import type { Problem } from "./problem.ts"
import { substitute, substitutionForms } from "./substitution.ts"

/** A value in the file: its node, aliases resolved, and the path by which it was reached. */
export interface Found {
  readonly node: Node
  readonly path: string
}

/** A scalar after substitution of environment variables. */
export interface ScalarValue {
  readonly text: string
  /** What YAML read where nothing was substituted; else the text. */
  readonly value: unknown
  readonly substituted: boolean
}

/** How deep values may be nested, so that a hostile file stays harmless. */
const depthMax = 32
/** How many values are made of a file, in which few aliases may stand for very many. */
const valuesMax = 200_000

export class YamlReader {
  readonly root: Node | null
  readonly #document: ReturnType<typeof parseDocument>
  readonly #lines = new LineCounter()
  readonly #variables: Readonly<Record<string, string>>
  readonly #problems = new Map<string, Problem>()
  readonly #aliases = new Map<Alias, Node | null>()
  #hasDoubleKeys = false
  #values = 0

  constructor(text: string, variables: Readonly<Record<string, string>>) {
    this.#variables = variables
    // The parser compares each key of a map with all before it.
    this.#document = parseDocument(text, { lineCounter: this.#lines, prettyErrors: false, uniqueKeys: false })
    this.#walk()
    for (const error of this.#document.errors) this.#add("error", error.pos[0], "", `Not YAML: ${error.message}`, null)
    for (const warning of this.#document.warnings) this.#add("warning", warning.pos[0], "", warning.message, null)
    this.root = this.#document.contents
  }

  /** Whether the text is no YAML at all, so that reading on would only repeat that. */
  get broken(): boolean {
    return this.#hasDoubleKeys || this.#document.errors.length > 0
  }

  /** Finds double keys, and what each alias stands for: the last node before it that has its anchor. */
  #walk(): void {
    const anchors = new Map<string, Node>()
    visit(this.#document, {
      Alias: (_, alias) => void this.#aliases.set(alias, anchors.get(alias.source) ?? null),
      Node: (_, node) => {
        if ("anchor" in node && typeof node.anchor === "string") anchors.set(node.anchor, node)
      },
      Map: (_, map) => {
        if (typeof map.anchor === "string") anchors.set(map.anchor, map)
        const keys = new Set<unknown>()
        for (const { key } of map.items) {
          if (!isScalar(key)) continue
          if (keys.has(key.value)) {
            this.#hasDoubleKeys = true
            this.#add("error", key.range?.[0] ?? 0, "", "Not YAML: Map keys must be unique", null)
          }
          keys.add(key.value)
        }
      }
    })
  }

  /** Every problem so far, in the file's order. */
  get problems(): ReadonlyArray<Problem> {
    return [...this.#problems.values()].sort((left, right) => left.line - right.line || left.column - right.column)
  }

  error(at: Found, message: string, allowed: string | null = null): void {
    this.#add("error", at.node.range?.[0] ?? 0, at.path, message, allowed)
  }

  warn(at: Found, message: string, allowed: string | null = null): void {
    this.#add("warning", at.node.range?.[0] ?? 0, at.path, message, allowed)
  }

  /** The node behind an alias, or itself. */
  resolve(node: unknown): Node | null {
    if (isAlias(node)) return this.#aliases.get(node) ?? null
    return isMap(node) || isSeq(node) || isScalar(node) ? node : null
  }

  /** A map's keys and values; a key that is no text is a problem. */
  pairs(map: YAMLMap, path: string): ReadonlyArray<readonly [string, Found, Found]> {
    const pairs: Array<readonly [string, Found, Found]> = []
    for (const { key, value } of map.items) {
      const node = this.resolve(value)
      if (!isScalar(key)) {
        this.error({ node: map, path }, "A key must be a plain text.")
        continue
      }
      const name = typeof key.value === "string" ? key.value : (key.source ?? String(key.value))
      const below = path === "" ? name : `${path}.${name}`
      const at: Found = { node: key, path: below }
      if (node !== null) pairs.push([name, { node, path: below }, at])
      else pairs.push([name, { node: key, path: below }, at])
    }
    return pairs
  }

  /** A scalar with its variables filled in; null (and a problem) where it is none. */
  scalar(found: Found, expected: string): ScalarValue | null {
    if (!isScalar(found.node)) {
      this.error(found, `Expected ${expected}, not a ${isSeq(found.node) ? "list" : "group of keys"}.`)
      return null
    }
    const scalar: Scalar = found.node
    const source = typeof scalar.value === "string" ? scalar.value : (scalar.source ?? String(scalar.value))
    const { text, changed, missing, malformed } = substitute(source, this.#variables)
    for (const name of missing)
      this.error(found, `The environment variable ${name} is not set.`, `set it, or give a default: \${${name}:-…}`)
    if (malformed) this.error(found, "A placeholder is not closed or names no variable.", substitutionForms)
    if (missing.length > 0 || malformed) return null
    return { text, value: changed ? text : scalar.value, substituted: changed }
  }

  /** A value of any shape as JSON; null (and a problem) where JSON cannot hold it. */
  json(found: Found, depth = 0): Json {
    if (depth > depthMax) {
      this.error(found, `Nested deeper than ${depthMax} levels.`)
      return null
    }
    if (++this.#values > valuesMax) {
      if (this.#values === valuesMax + 1) this.error(found, `The file stands for more than ${valuesMax} values.`)
      return null
    }
    const { node, path } = found
    if (isSeq(node))
      return node.items.map((item, index) => {
        const below = this.resolve(item)
        return below === null ? null : this.json({ node: below, path: `${path}[${index}]` }, depth + 1)
      })
    if (isMap(node))
      return Object.fromEntries(this.pairs(node, path).map(([key, value]) => [key, this.json(value, depth + 1)]))
    const scalar = this.scalar(found, "a value")
    if (scalar === null) return null
    if (typeof scalar.value !== "number") return jsonScalar(scalar.value) ?? scalar.text
    if (Number.isFinite(scalar.value) && !(Number.isInteger(scalar.value) && !Number.isSafeInteger(scalar.value)))
      return scalar.value
    this.error(found, `The number ${scalar.text} cannot be held exactly.`, "put it in quotes to send it as text")
    return null
  }

  #add(severity: Problem["severity"], offset: number, path: string, message: string, allowed: string | null): void {
    const { line, col } = this.#lines.linePos(offset)
    const problem = { severity, line: Math.max(1, line), column: Math.max(1, col), path, message, allowed }
    // Defaults are read once for each connection: a problem in them counts once.
    this.#problems.set(JSON.stringify([problem.line, problem.column, message]), problem)
  }
}

const jsonScalar = (value: unknown): Json | undefined =>
  value === null || typeof value === "boolean" || typeof value === "string" ? value : undefined
