/** A YAML text as a tree of plain values that knows where each of them stands; collects every problem on the way. */

import * as Data from "effect/Data"
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
import { substitute, substitutionForms } from "./variables.ts"

/** A mapping is an object, a list an array, a scalar a `YamlScalar`, and what is empty `undefined`. */
export type Tree = YamlScalar | TreeGroup | ReadonlyArray<Tree> | undefined
export type TreeGroup = { readonly [key: string]: Tree }

/** A scalar after substitution of environment variables. */
export class YamlScalar {
  /** As it is written, so that long ids keep every digit. */
  readonly text: string
  /** What YAML read where nothing was substituted; else the text. */
  readonly value: unknown
  readonly substituted: boolean
  /** False where a variable is not set, which is reported already. */
  readonly readable: boolean

  constructor(text: string, value: unknown, substituted: boolean, readable: boolean) {
    this.text = text
    this.value = value
    this.substituted = substituted
    this.readable = readable
  }
}

export const isGroup = (tree: unknown): tree is TreeGroup =>
  typeof tree === "object" && tree !== null && !Array.isArray(tree) && !(tree instanceof YamlScalar)

/** Where a value and its key stand. */
export interface Place {
  /** In UTF-16 units from the text's start. */
  readonly offset: number
  readonly keyOffset: number
  /** Such as `connections[0].mapping.version`. */
  readonly path: string
}

/** The most levels of nested values. */
const depthMax = 32
/** The most values that a file stands for: aliases of a few hundred bytes may stand for millions. */
const valuesMax = 200_000
/** Those of a file may be so many times what it has written out, and these in any case. */
const valuesPerNode = 10
const valuesOfSmallFile = 2_000

/** The parser quotes what it did not expect: of a file that is something else, much of it. */
const cut = (message: string): string => {
  const [line = ""] = message.split(/\n|\\n/, 1)
  const begin = line.slice(0, messageCharactersMax)
  return begin === message ? message : `${begin}…`
}

const messageCharactersMax = 120

/** The parser takes a tenth of a millisecond for each bracket that has no counterpart, and reads on. */
const oddBracketsMax = 1_000

const hasManyOddBrackets = (text: string): boolean => {
  const open = { square: 0, curly: 0 }
  let closed = 0
  for (let index = 0; index < text.length && open.square + open.curly + closed <= oddBracketsMax; index++) {
    const code = text.charCodeAt(index)
    if (code === 0x5b) open.square++
    else if (code === 0x7b) open.curly++
    else if (code === 0x5d) open.square === 0 ? closed++ : open.square--
    else if (code === 0x7d) open.curly === 0 ? closed++ : open.curly--
  }
  return open.square + open.curly + closed > oddBracketsMax
}

export class YamlTree {
  readonly root: Tree
  readonly rootPlace: Place
  readonly #document: ReturnType<typeof parseDocument>
  readonly #lines = new LineCounter()
  readonly #variables: Readonly<Record<string, string>>
  readonly #problems = new Map<string, Problem>()
  readonly #places = new WeakMap<object, Map<PropertyKey, Place>>()
  readonly #aliases = new Map<Alias, Node | null>()
  #hasDoubleKeys = false
  readonly #isRead: boolean
  #nodes = 0
  #values = 0

  constructor(text: string, variables: Readonly<Record<string, string>>) {
    this.#variables = variables
    // The parser compares each key of a map with all before it.
    const read = hasManyOddBrackets(text) ? "" : text
    this.#document = parseDocument(read, { lineCounter: this.#lines, prettyErrors: false, uniqueKeys: false })
    this.#findAliasesAndDoubleKeys()
    const at = (offset: number): Place => ({ offset, keyOffset: offset, path: "" })
    this.#isRead = read === text
    if (!this.#isRead) this.error(at(0), `Not YAML: more than ${oddBracketsMax} brackets have no counterpart.`)
    const placeholder = this.#document.errors.find(({ pos: [offset] }) => read.slice(offset - 1, offset + 1) === "${")
    // What follows it is only misread.
    if (placeholder !== undefined)
      this.error(at(placeholder.pos[0] - 1), "Not YAML: between braces or brackets, a placeholder stands in quotes.")
    else for (const error of this.#document.errors) this.error(at(error.pos[0]), `Not YAML: ${cut(error.message)}`)
    for (const warning of this.#document.warnings) this.warn(at(warning.pos[0]), warning.message)
    const contents = this.#resolve(this.#document.contents)
    this.rootPlace = at(contents?.range?.[0] ?? 0)
    this.root = this.broken || contents === null ? undefined : this.#convert(contents, this.rootPlace, 0)
  }

  /** Whether the text is not YAML, so that reading on would only repeat that. */
  get broken(): boolean {
    return !this.#isRead || this.#hasDoubleKeys || this.#document.errors.length > 0
  }

  /** Every problem so far, in the file's order. */
  get problems(): ReadonlyArray<Problem> {
    return [...this.#problems.values()].sort((left, right) => left.line - right.line || left.column - right.column)
  }

  error(place: Place, message: string, allowed: string | null = null): void {
    this.#add("error", place.offset, place.path, message, allowed)
  }

  /** Of a key, not of its value. */
  keyError(place: Place, message: string, allowed: string | null = null): void {
    this.#add("error", place.keyOffset, place.path, message, allowed)
  }

  warn(place: Place, message: string, allowed: string | null = null): void {
    this.#add("warning", place.offset, place.path, message, allowed)
  }

  /** The place of what lies deepest on the path below a group or list that stands at `place`. */
  placeOf(tree: Tree, place: Place, path: ReadonlyArray<PropertyKey>): Place {
    let [found, below] = [place, tree]
    for (const key of path) {
      const next = typeof below === "object" ? this.#places.get(below)?.get(key) : undefined
      // A group that is absent: its path, at what would hold it.
      if (next === undefined) return isGroup(below) ? { ...found, path: pathBelow(found.path, key) } : found
      found = next
      below = (below as Record<PropertyKey, Tree>)[key]
    }
    return found
  }

  /** The first tree with what only the second has, down to the values of groups in groups; each keeps its place. */
  merge(first: Tree, second: Tree, depth = 2): Tree {
    if (first === undefined) return second
    if (!isGroup(first) || !isGroup(second)) return first
    const places = new Map([...(this.#places.get(second) ?? []), ...(this.#places.get(first) ?? [])])
    const merged: Record<string, Tree> = { ...second, ...first }
    for (const key of Object.keys(second)) {
      if (first[key] === undefined && second[key] !== undefined) places.set(key, this.#places.get(second)!.get(key)!)
      merged[key] = depth === 0 ? (first[key] ?? second[key]) : this.merge(first[key], second[key], depth - 1)
    }
    this.#places.set(merged, places)
    return merged
  }

  /** A group without some of its keys. */
  without(tree: TreeGroup, keys: ReadonlyArray<string>): TreeGroup {
    const rest = Object.fromEntries(Object.entries(tree).filter(([key]) => !keys.includes(key)))
    this.#places.set(rest, this.#places.get(tree) ?? new Map())
    return rest
  }

  /** Finds double keys, and what each alias stands for: the last node before it that has its anchor. */
  #findAliasesAndDoubleKeys(): void {
    const anchors = new Map<string, Node>()
    visit(this.#document, {
      Alias: (_, alias) => void this.#aliases.set(alias, anchors.get(alias.source) ?? null),
      Node: (_, node) => {
        this.#nodes++
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

  /** The node behind an alias, or itself. */
  #resolve(node: unknown): Node | null {
    if (isAlias(node)) return this.#aliases.get(node) ?? null
    return isMap(node) || isSeq(node) || isScalar(node) ? node : null
  }

  #convert(node: Node, place: Place, depth: number): Tree {
    if (depth > depthMax) return this.error(place, `Nested deeper than ${depthMax} levels.`) as undefined
    const max = Math.min(valuesMax, Math.max(valuesOfSmallFile, valuesPerNode * this.#nodes))
    if (++this.#values > max) {
      if (this.#values === max + 1) this.error(place, `The file stands for more than ${max} values by its aliases.`)
      return undefined
    }
    if (isScalar(node)) return this.#scalar(node, place)
    const places = new Map<PropertyKey, Place>()
    const below = (key: PropertyKey, value: unknown, keyNode: Node | null): Tree => {
      const resolved = this.#resolve(value)
      const keyOffset = keyNode?.range?.[0] ?? place.offset
      const path = pathBelow(place.path, key)
      const found: Place = { offset: resolved?.range?.[0] ?? keyOffset, keyOffset, path }
      places.set(key, found)
      return resolved === null ? undefined : this.#convert(resolved, found, depth + 1)
    }
    const tree = isSeq(node)
      ? node.items.map((item, index) => below(index, item, null))
      : Object.fromEntries(
          this.#pairs(node as YAMLMap, place).map(([name, key, value]) => [name, below(name, value, key)])
        )
    this.#places.set(tree, places)
    return tree
  }

  #pairs(map: YAMLMap, place: Place): ReadonlyArray<readonly [string, Scalar, unknown]> {
    return map.items.flatMap(({ key, value }) => {
      if (isScalar(key))
        return [[typeof key.value === "string" ? key.value : (key.source ?? String(key.value)), key, value] as const]
      this.error(place, "A key must be a plain string.")
      return []
    })
  }

  #scalar(scalar: Scalar, place: Place): Tree {
    if (scalar.value === null) return undefined
    const source = typeof scalar.value === "string" ? scalar.value : (scalar.source ?? String(scalar.value))
    const { text, changed, missing, malformed } = substitute(source, this.#variables)
    for (const name of missing)
      this.error(place, `The environment variable ${name} is not set.`, `set it, or give a default: \${${name}:-…}`)
    if (malformed) this.error(place, "A placeholder is not closed or names no variable.", substitutionForms)
    return new YamlScalar(text, changed ? text : scalar.value, changed, missing.length === 0 && !malformed)
  }

  #add(severity: Problem["severity"], offset: number, path: string, message: string, allowed: string | null): void {
    const { line, col } = this.#lines.linePos(offset)
    const problem = { severity, line: Math.max(1, line), column: Math.max(1, col), path, message, allowed }
    // Defaults are checked once for each connection: a problem in them counts once.
    this.#problems.set(JSON.stringify([problem.line, problem.column, message]), problem)
  }
}

const pathBelow = (path: string, key: PropertyKey): string =>
  typeof key === "number" ? `${path}[${key}]` : path === "" ? String(key) : `${path}.${String(key)}`

/** What is wrong with a file of connections, and where. */

export interface Problem {
  readonly severity: "error" | "warning"
  /** From 1. */
  readonly line: number
  /** From 1. */
  readonly column: number
  /** The key's path, such as `connections[0].mapping.version`. */
  readonly path: string
  readonly message: string
  /** What may stand there; null where the message says it. */
  readonly allowed: string | null
}

/** The file cannot be used; the problems hold every error and warning found, in the file's order. */
export class ConnectionsError extends Data.TaggedError("ConnectionsError")<{
  readonly code: "unreadable" | "invalid"
  readonly file: string
  readonly problems: ReadonlyArray<Problem>
  readonly message: string
  readonly nextStep: string
  readonly cause: unknown
}> {}

/** One problem as `file:line:column: path: message`, the form that editors make a link of. */
export const formatProblem = (file: string, problem: Problem): string => {
  const where = `${file}:${problem.line}:${problem.column}`
  const key = problem.path === "" ? "" : `${problem.path}: `
  const allowed = problem.allowed === null ? "" : ` Allowed: ${problem.allowed}.`
  return `${where}: ${problem.severity}: ${key}${problem.message}${allowed}`
}

/** A text of the file in a message, bounded. */
export const quote = (text: string): string => JSON.stringify(text.length > 60 ? `${text.slice(0, 60)}…` : text)
