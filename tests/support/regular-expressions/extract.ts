/** Finds the regular expressions in TypeScript sources: literals, and those that `new RegExp` puts together from texts. */

export interface FoundExpression {
  readonly source: string
  readonly flags: string
  readonly line: number
}

export const expressionsIn = (text: string): ReadonlyArray<FoundExpression> => {
  const found: Array<FoundExpression> = []
  const lineAt = (at: number): number => text.slice(0, at).split("\n").length
  for (const token of tokensOf(text)) {
    if (token.kind !== "expression") continue
    const end = token.text.lastIndexOf("/")
    found.push({ source: token.text.slice(1, end), flags: token.text.slice(end + 1), line: lineAt(token.at) })
  }
  for (const match of text.matchAll(/new RegExp\(\s*/g)) {
    const made = literalAt(text, match.index + match[0].length)
    if (made === null) continue
    const flags = /^\s*,\s*"([a-z]*)"/.exec(text.slice(made.end))?.[1] ?? ""
    found.push({ source: filled(made.value, text), flags, line: lineAt(match.index) })
  }
  return found
}

/** A text or a template with its names replaced by the constants of the same file; any other part becomes an `x`. */
const filled = (value: string, text: string): string =>
  value.replaceAll(/\$\{([^}]*)\}/g, (_, name: string) => {
    const declared = /^\w+$/.test(name) ? new RegExp(`const ${name} =\\s*`).exec(text) : null
    const constant = declared === null ? null : literalAt(text, declared.index + declared[0].length)
    return constant === null ? "x" : filled(constant.value, text)
  })

const literalAt = (text: string, at: number): { readonly value: string; readonly end: number } | null => {
  const quote = text[at]
  if (quote !== '"' && quote !== "'" && quote !== "`") return null
  let value = ""
  for (let next = at + 1; next < text.length; next++) {
    if (text[next] === quote) return { value, end: next + 1 }
    if (text[next] !== "\\") value += text[next]
    else value += escaped(text[++next]!)
  }
  return null
}

const escaped = (letter: string): string => ({ n: "\n", t: "\t", r: "\r" })[letter] ?? letter

interface Token {
  readonly kind: "expression" | "other"
  readonly text: string
  readonly at: number
}

/** The significant pieces of a source, as far as it takes to distinguish an expression from a division. */
function* tokensOf(text: string): Generator<Token> {
  let before = ""
  const braces: Array<"code" | "template"> = []
  for (let at = 0; at < text.length; ) {
    const rest = (pattern: RegExp): string | null => {
      pattern.lastIndex = at
      return pattern.exec(text)?.[0] ?? null
    }
    const passed = rest(skipped)
    if (passed !== null) {
      at += passed.length
      continue
    }
    const template = text[at] === "`" || (text[at] === "}" && braces[braces.length - 1] === "template")
    let piece: string
    if (template) {
      if (text[at] === "}") braces.pop()
      piece = rest(templatePiece)!
      if (piece.endsWith("${")) braces.push("template")
      before = piece.endsWith("${") ? "(" : "x"
    } else {
      piece = (text[at] === "/" && !endsValue(before) ? rest(expression) : null) ?? rest(plain) ?? text[at]!
      if (piece === "{") braces.push("code")
      if (piece === "}") braces.pop()
      if (piece.length > 1 && piece.startsWith("/")) yield { kind: "expression", text: piece, at }
      before = piece.startsWith("/") && piece.length > 1 ? "x" : piece
    }
    at += piece.length
  }
}

const skipped = /\s+|\/\/[^\n]*|\/\*[\s\S]*?\*\//y
const templatePiece = /[`}](?:[^`\\$]|\\[\s\S]|\$(?!\{))*(?:`|\$\{)/y
const expression = /\/(?:[^/\\[\n]|\\.|\[(?:[^\]\\\n]|\\.)*\])+\/[a-z]*/y
const plain = /"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'|[\w$]+/y
const endsValue = (token: string): boolean =>
  /^(?:[\w$"'`].*|[)\]}])$/s.test(token) && !/^(?:return|typeof|case|in|of|yield|await|void|else)$/.test(token)
