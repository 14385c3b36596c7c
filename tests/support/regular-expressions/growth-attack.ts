/** Texts on which an expression takes more than its share: found in its automaton, for a backtracking engine. */
import { Automaton } from "./automaton.ts"
import { parseExpression, type Tree } from "./parse.ts"

export interface Attack {
  readonly start: string
  readonly repeated: string
  readonly end: string
}

/** A place in the automaton and the character by which it was reached. */
interface State {
  readonly node: number
  readonly last: string | null
}

/**
 * What makes the expression slow, or null where nothing does: it is linear unless some text that may be repeated can be read
 * in two ways, with an end on which both fail. (Weideman et al., Analyzing matching time behavior of backtracking regular
 * expression matchers by using ambiguity of NFA, 2016.)
 */
export const attackOn = (source: string, flags: string): Attack | null => {
  for (const tree of waysOf(parseExpression(source, flags))) {
    const attack = new Search(new Automaton(source, tree), flags).attack()
    if (attack !== null) return attack
  }
  return null
}

/**
 * The expression, each of its alternatives alone, and what is optional as if it were not: an engine tries the longer way to its
 * end before it takes the shorter one, so that a match does not show what was read in vain.
 */
const waysOf = (tree: Tree): ReadonlyArray<Tree> => {
  const alternatives = tree.kind === "choice" ? tree.parts : [tree]
  const ways = new Set([tree, ...alternatives, ...alternatives.map(mandatory)])
  return [...ways]
}

/** The same tree where nothing is optional. */
const mandatory = (tree: Tree): Tree => {
  if (tree.kind === "sequence" || tree.kind === "choice") {
    const parts = tree.parts.map(mandatory)
    return parts.every((part, index) => part === tree.parts[index]) ? tree : { ...tree, parts }
  }
  if (tree.kind !== "repeat") return tree
  const part = mandatory(tree.part)
  // A run of one character ends wherever it likes: only a group can be left half-way.
  const min = part.kind === "character" ? tree.min : Math.max(1, tree.min)
  return part === tree.part && min === tree.min ? tree : { ...tree, part, min }
}

/** Texts that lead into each loop of the expression and round it once. */
export const loopsOf = (
  source: string,
  flags: string
): ReadonlyArray<{ readonly start: string; readonly repeated: string }> =>
  new Search(new Automaton(source, parseExpression(source, flags)), flags).loops()

class Search {
  readonly #automaton: Automaton
  readonly #isSticky: boolean
  readonly #reached = new Map<string, ReadonlyMap<string, State>>()

  constructor(automaton: Automaton, flags: string) {
    this.#automaton = automaton
    this.#isSticky = flags.includes("y")
  }

  attack(): Attack | null {
    const looped = this.#loops()
    for (const from of looped) {
      for (const to of looped) {
        if (from.last !== to.last || !this.#leads(from, to)) continue
        for (const repeated of this.#words(from, to)) {
          const attack = this.#failing(from, repeated)
          if (attack !== null) return attack
        }
      }
    }
    return null
  }

  loops(): ReadonlyArray<{ readonly start: string; readonly repeated: string }> {
    return this.#loops().map((state) => {
      // The shortest way round a loop is the shortest text from each of its states to itself.
      return { start: this.#textTo(state) ?? "", repeated: this.#textTo(state, state)! }
    })
  }

  /** Where a state leads; the place before a match stays, since a match may begin at any character. */
  #next({ node, last }: State, character: string): ReadonlyArray<number> {
    if (node !== before) return this.#automaton.step(node, last, character)
    const begun = this.#automaton.step(this.#automaton.start, last, character)
    return this.#isSticky ? begun : [before, ...begun]
  }

  #accepts(node: number, last: string | null, behind: string | null): boolean {
    return this.#automaton.accepts(node === before ? this.#automaton.start : node, last, behind)
  }

  /** The states that some text leads back to. */
  #loops(): ReadonlyArray<State> {
    const reachable = this.#reach({ node: before, last: null })
    return [...reachable.values()].filter((state) => this.#leads(state, state))
  }

  #leads(from: State, to: State): boolean {
    return this.#reach(from).has(keyOf(to))
  }

  #reach(from: State): ReadonlyMap<string, State> {
    const known = this.#reached.get(keyOf(from))
    if (known !== undefined) return known
    const seen = new Map<string, State>()
    const open = [from]
    for (let state = open.pop(); state !== undefined; state = open.pop()) {
      for (const character of this.#automaton.alphabet) {
        for (const node of this.#next(state, character)) {
          const found = { node, last: character }
          if (seen.has(keyOf(found))) continue
          seen.set(keyOf(found), found)
          open.push(found)
        }
      }
    }
    this.#reached.set(keyOf(from), seen)
    return seen
  }

  /** Texts that lead from the first state to itself, from it to the second, and from the second to itself: shortest first. */
  *#words(from: State, to: State): Generator<string> {
    const isOne = isSame(from, to)
    const seen = new Set<string>()
    let open = [{ first: from.node, middle: from.node, last: to.node, word: "", parted: false }]
    for (let found = 0; open.length > 0 && found < wordsMax; ) {
      const further: typeof open = []
      for (const at of open) {
        const previous = at.word === "" ? from.last : at.word.slice(-1)
        for (const character of this.#automaton.alphabet) {
          const nodesOf = (node: number, goal: State) =>
            this.#next({ node, last: previous }, character).filter((next) => {
              const state = { node: next, last: character }
              return isSame(state, goal) || this.#leads(state, goal)
            })
          const middles = nodesOf(at.middle, to)
          for (const first of nodesOf(at.first, from)) {
            for (const [way, middle] of middles.entries()) {
              for (const last of nodesOf(at.last, to)) {
                // Two ways to one place are two ways.
                const parted = at.parted || first !== middle || (isOne && middles.indexOf(middle) !== way)
                const key = `${first} ${middle} ${last} ${character} ${parted}`
                if (seen.has(key)) continue
                seen.add(key)
                const next = { first, middle, last, word: at.word + character, parted }
                const isRound = first === from.node && middle === to.node && last === to.node && character === from.last
                if (isRound && parted) {
                  found++
                  yield next.word
                } else further.push(next)
              }
            }
          }
        }
      }
      open = further
    }
  }

  /** The repeated text with a start and an end on which the whole fails, if there are such. */
  #failing(from: State, repeated: string): Attack | null {
    const start = this.#textTo(from)
    if (start === null) return null
    const text = start + repeated.repeat(4)
    for (const end of ["", ...this.#automaton.alphabet, "\u0001", "\n\u0001"]) {
      if (!this.#matches(text + end)) return { start, repeated, end }
    }
    return null
  }

  #textTo(wanted: State, from: State = { node: before, last: null }): string | null {
    const seen = new Set<string>()
    let open: Array<State & { readonly text: string }> = [{ ...from, text: "" }]
    while (open.length > 0) {
      const further: typeof open = []
      for (const state of open) {
        for (const character of this.#automaton.alphabet) {
          for (const node of this.#next(state, character)) {
            const text = state.text + character
            if (node === wanted.node && character === wanted.last) return text
            const key = `${node} ${character}`
            if (seen.has(key)) continue
            seen.add(key)
            further.push({ node, last: character, text })
          }
        }
      }
      open = further
    }
    return null
  }

  /** Whether a match is found anywhere in the text. */
  #matches(text: string): boolean {
    const characters = [...text]
    let nodes = new Set([before])
    for (let at = 0; at <= characters.length; at++) {
      const last = at === 0 ? null : characters[at - 1]!
      const character = characters[at] ?? null
      for (const node of nodes) if (this.#accepts(node, last, character)) return true
      if (character === null) break
      nodes = new Set([...nodes].flatMap((node) => this.#next({ node, last }, character)))
    }
    return false
  }
}

/** The place before any match. */
const before = -1
const wordsMax = 12
const keyOf = ({ last, node }: State): string => `${node} ${last}`
const isSame = (one: State, other: State): boolean => one.node === other.node && one.last === other.last
