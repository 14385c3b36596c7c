/** `${NAME}` and `${NAME:-default}` in a text; `$${` stands for a literal `${`. */

export interface Substituted {
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
  const replaced = text.replaceAll(placeholder, (whole, escaped, name, fallback) => {
    if (escaped !== undefined) return "${"
    if (name === undefined) {
      malformed = true
      return whole
    }
    const value = Object.hasOwn(variables, name) ? variables[name] : undefined
    if (value !== undefined && value !== "") return value
    if (fallback === undefined) missing.push(name)
    return fallback ?? ""
  })
  return { text: replaced, changed: replaced !== text, missing, malformed }
}

const name = "NAME"

/** What a placeholder may look like, for messages. */
export const substitutionForms = `\${${name}}, \${${name}:-default}, $\${ for \${ itself`

const placeholder = /(\$\$\{)|\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}|\$\{/g
