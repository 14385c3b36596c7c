/** Reads a regular expression as a tree, as far as its growth depends on it: the meaning of one character is left to the engine. */

export type Tree =
  | { readonly kind: "character"; readonly matches: (character: string) => boolean; readonly source: string }
  | { readonly kind: "sequence"; readonly parts: ReadonlyArray<Tree> }
  | { readonly kind: "choice"; readonly parts: ReadonlyArray<Tree> }
  | { readonly kind: "repeat"; readonly part: Tree; readonly min: number; readonly max: number }
  | { readonly kind: "check"; readonly holds: Check }

/** Whether a place in a text may be passed: by the characters before and behind it, null at the ends. */
export type Check = (before: string | null, behind: string | null) => boolean

/** @throws an Error where the expression has something that this reader does not know */
export const parseExpression = (source: string, flags: string): Tree => new Reader(source, flags).whole()

class Reader {
  readonly #source: string
  readonly #flags: string
  readonly #groups: Array<Tree> = []
  #at = 0

  constructor(source: string, flags: string) {
    this.#source = source
    this.#flags = flags
  }

  whole(): Tree {
    const tree = this.#choice()
    if (this.#at < this.#source.length) throw new Error(`Unread: ${this.#source.slice(this.#at)}`)
    return tree
  }

  #take(pattern: RegExp): RegExpExecArray | null {
    const sticky = new RegExp(pattern.source, "ysu")
    sticky.lastIndex = this.#at
    const match = sticky.exec(this.#source)
    if (match !== null) this.#at = sticky.lastIndex
    return match
  }

  #choice(): Tree {
    const parts = [this.#sequence()]
    while (this.#take(/\|/) !== null) parts.push(this.#sequence())
    return parts.length === 1 ? parts[0]! : { kind: "choice", parts }
  }

  #sequence(): Tree {
    const parts: Array<Tree> = []
    while (this.#at < this.#source.length && !/[|)]/.test(this.#source[this.#at]!)) parts.push(this.#repeated())
    return parts.length === 1 ? parts[0]! : { kind: "sequence", parts }
  }

  #repeated(): Tree {
    const part = this.#atom()
    const quantifier = this.#take(/(?:([*+?])|\{(\d+)(?:(,)(\d*))?\})\??/)
    if (quantifier === null) return part
    const [, sign, low, comma, high] = quantifier
    if (sign !== undefined) return { kind: "repeat", part, min: sign === "+" ? 1 : 0, max: sign === "?" ? 1 : Infinity }
    const min = Number(low)
    return { kind: "repeat", part, min, max: comma === undefined ? min : high === "" ? Infinity : Number(high) }
  }

  #atom(): Tree {
    const look = this.#take(/\(\?(<?)([=!])/)
    if (look !== null) return this.#look(look[1] === "<", look[2] === "!")
    if (this.#take(/\(\?:/) !== null) return this.#group(false)
    if (this.#take(/\((?:\?<\w+>)?/) !== null) return this.#group(true)
    if (this.#take(/\^/) !== null) {
      const lines = this.#flags.includes("m")
      return { kind: "check", holds: (before) => before === null || (lines && before === "\n") }
    }
    if (this.#take(/\$/) !== null) {
      const lines = this.#flags.includes("m")
      return { kind: "check", holds: (_, behind) => behind === null || (lines && behind === "\n") }
    }
    const boundary = this.#take(/\\([bB])/)
    if (boundary !== null) {
      const isWord = (character: string | null): boolean => character !== null && /\w/.test(character)
      return { kind: "check", holds: (left, right) => (isWord(left) !== isWord(right)) === (boundary[1] === "b") }
    }
    const back = this.#take(/\\([1-9])/)
    if (back !== null) return this.#groups[Number(back[1]) - 1]!
    const source = this.#take(
      /\[(?:[^\]\\]|\\.)*\]|\\(?:u\{[0-9a-fA-F]+\}|u[0-9a-fA-F]{4}|x[0-9a-fA-F]{2}|[pP]\{[^}]*\}|.)|[^\\]/
    )
    if (source === null) throw new Error(`Unknown: ${this.#source.slice(this.#at)}`)
    return character(source[0], this.#flags)
  }

  #group(captures: boolean): Tree {
    const place = this.#groups.length
    if (captures) this.#groups.push({ kind: "sequence", parts: [] })
    const tree = this.#choice()
    if (this.#take(/\)/) === null) throw new Error("A group is not closed.")
    if (captures) this.#groups[place] = tree
    return tree
  }

  /** A look at one character is a check; a longer one is skipped, as if it always held. */
  #look(isBehind: boolean, isNot: boolean): Tree {
    const tree = this.#choice()
    if (this.#take(/\)/) === null) throw new Error("A look is not closed.")
    if (tree.kind !== "character") return { kind: "sequence", parts: [] }
    return {
      kind: "check",
      holds: (before, behind) => {
        const seen = isBehind ? before : behind
        return (seen !== null && tree.matches(seen)) !== isNot
      }
    }
  }
}

const character = (source: string, flags: string): Tree => {
  const whole = new RegExp(`^(?:${source})$`, flags.replaceAll(/[gym]/g, ""))
  const known = new Map<string, boolean>()
  const matches = (one: string): boolean => {
    const before = known.get(one)
    if (before !== undefined) return before
    known.set(one, whole.test(one))
    return known.get(one)!
  }
  return { kind: "character", matches, source }
}
