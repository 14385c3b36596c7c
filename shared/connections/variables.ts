/** `${NAME}` and `${NAME:-default}` in a text; `$${` stands for a literal `${`. */

interface Substituted {
  readonly text: string
  /** Whether anything was replaced. */
  readonly changed: boolean
  /** Variables without a value and without a default. */
  readonly missing: ReadonlyArray<string>
  /** Whether a `${` is left that has none of the two forms. */
  readonly malformed: boolean
}

export const substitute = (text: string, variables: Readonly<Record<string, string>>): Substituted => {
  const missing: Array<string> = []
  let malformed = false
  let replaced = ""
  let end = 0
  for (let match = nextIn(text, end); match !== null; match = nextIn(text, end)) {
    const [whole, escaped, name, mark] = match
    replaced += text.slice(end, match.index)
    end = match.index + whole.length
    const closing = mark === ":-" ? text.indexOf("}", end) : end
    if (escaped !== undefined) replaced += "${"
    else if (name === undefined || closing < 0) {
      // Where no brace closes this one, none closes a later one: the rest stays as it is.
      malformed = true
      replaced += whole
      if (closing < 0) break
    } else {
      const fallback = mark === ":-" ? text.slice(end, closing) : undefined
      const value = Object.hasOwn(variables, name) ? variables[name] : undefined
      const known = value === "" ? undefined : value
      if (known === undefined && fallback === undefined) missing.push(name)
      replaced += known ?? fallback ?? ""
      if (mark === ":-") end = closing + 1
    }
  }
  replaced += text.slice(end)
  return { text: replaced, changed: replaced !== text, missing, malformed }
}

const nextIn = (text: string, from: number): RegExpExecArray | null => {
  placeholder.lastIndex = from
  return placeholder.exec(text)
}

const name = "NAME"

/** What a placeholder may look like, for messages. */
export const substitutionForms = `\${${name}}, \${${name}:-default}, $\${ for \${ itself`

/** How one begins: its name, and what ends it or begins its default. */
const placeholder = /(\$\$\{)|\$\{(?:([A-Za-z_][A-Za-z0-9_]*)(\}|:-))?/g
