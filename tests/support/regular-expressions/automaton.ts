/** The automaton of a regular expression: where it may stand after which character. Counted repeats are shortened. */
import type { Check, Tree } from "./parse.ts"

type Edge = {
  readonly to: number
  readonly matches: ((character: string) => boolean) | null
  readonly holds: Check | null
}

export class Automaton {
  /** One character for each set that the expression distinguishes. */
  readonly alphabet: ReadonlyArray<string>
  readonly start: number
  readonly end: number
  readonly #edges: Array<Array<Edge>> = []
  readonly #steps = new Map<string, ReadonlyArray<number>>()

  /** @param source where the tree comes from: its characters are tried */
  constructor(source: string, tree: Tree) {
    this.alphabet = alphabetOf(source, tree)
    this.start = this.#node()
    this.end = this.#build(tree, this.start)
  }

  /** Where a state leads by a character, once for each way there. The start is held while a match may still begin. */
  step(state: number, before: string | null, character: string): ReadonlyArray<number> {
    const key = `${state} ${before} ${character}`
    const known = this.#steps.get(key)
    if (known !== undefined) return known
    const found: Array<number> = []
    this.#walk(state, before, character, [], (edge) => {
      if (edge.matches!(character)) found.push(edge.to)
    })
    this.#steps.set(key, found)
    return found
  }

  /** Whether a match may end here. */
  accepts(state: number, before: string | null, behind: string | null): boolean {
    let found = state === this.end
    this.#walk(
      state,
      before,
      behind,
      [],
      () => {},
      () => (found = true)
    )
    return found
  }

  #walk(
    state: number,
    before: string | null,
    behind: string | null,
    path: ReadonlyArray<Edge>,
    visit: (edge: Edge) => void,
    atEnd: () => void = () => {}
  ): void {
    if (state === this.end) atEnd()
    for (const edge of this.#edges[state]!) {
      if (edge.matches !== null) visit(edge)
      // A loop that may be left and entered again without a character is a second way.
      else if (!path.includes(edge) && (edge.holds === null || edge.holds(before, behind)))
        this.#walk(edge.to, before, behind, [...path, edge], visit, atEnd)
    }
  }

  #node(): number {
    return this.#edges.push([]) - 1
  }

  #link(from: number, to: number, holds: Check | null = null): number {
    this.#edges[from]!.push({ to, matches: null, holds })
    return to
  }

  #build(tree: Tree, from: number): number {
    if (tree.kind === "character") {
      const to = this.#node()
      this.#edges[from]!.push({ to, matches: tree.matches, holds: null })
      return to
    }
    if (tree.kind === "check") return this.#link(from, this.#node(), tree.holds)
    if (tree.kind === "sequence") return tree.parts.reduce((at, part) => this.#build(part, at), from)
    if (tree.kind === "choice") {
      const to = this.#node()
      for (const part of tree.parts) this.#link(this.#build(part, this.#link(from, this.#node())), to)
      return to
    }
    let at = from
    for (let count = 0; count < Math.min(tree.min, copiesMax); count++) at = this.#build(tree.part, at)
    if (tree.max === Infinity || tree.max >= endlessMin) {
      const loop = this.#link(at, this.#node())
      this.#link(this.#build(tree.part, loop), loop)
      return this.#link(loop, this.#node())
    }
    const to = this.#node()
    this.#link(at, to)
    for (let count = tree.min; count < Math.min(tree.max, tree.min + copiesMax); count++) {
      at = this.#build(tree.part, this.#link(at, this.#node()))
      this.#link(at, to)
    }
    return to
  }
}

const copiesMax = 8
/** From this number of repeats on, the time is that of an unbounded repeat. */
const endlessMin = 64

const alphabetOf = (source: string, tree: Tree): ReadonlyArray<string> => {
  const characters = charactersOf(tree)
  const candidates = new Set([...ascii, ...others, ...source])
  const byMeaning = new Map<string, string>()
  for (const candidate of candidates) {
    const isWord = /\w/.test(candidate) ? "w" : ""
    const meaning = isWord + characters.map((matches) => (matches(candidate) ? "1" : "0")).join("")
    if (!byMeaning.has(meaning)) byMeaning.set(meaning, candidate)
  }
  return [...byMeaning.values()]
}

const charactersOf = (tree: Tree): ReadonlyArray<(character: string) => boolean> => {
  if (tree.kind === "character") return [tree.matches]
  if (tree.kind === "check") return []
  return tree.kind === "repeat" ? charactersOf(tree.part) : tree.parts.flatMap(charactersOf)
}

const ascii = Array.from({ length: 126 - 31 }, (_, index) => String.fromCharCode(32 + index))
const others = [
  "\n",
  "\t",
  "\u0000",
  "é",
  "É",
  "中",
  "＠",
  "\u0301",
  "\u200b",
  "\u200c",
  "\u2029",
  "\u00a0",
  "٣",
  "Α",
  "\ud800"
]
