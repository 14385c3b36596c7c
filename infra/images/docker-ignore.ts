/** Docker's reading of .dockerignore: the last line that matches a path, or a folder that it is in, decides. */

/** Whether the file (relative, with slashes) is kept from the engine by the text of a .dockerignore. */
export const isKeptFromDocker = (text: string): ((file: string) => boolean) => {
  const rules = text
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "" && !line.startsWith("#"))
    .map((line) => ({ letsIn: line.startsWith("!"), pattern: toExpression(line.replace(/^!/, "").replace(/\/$/, "")) }))
  return (file) => {
    const parts = file.split("/")
    const paths = parts.map((_, index) => parts.slice(0, index + 1).join("/"))
    return rules.reduce((kept, { letsIn, pattern }) => (paths.some((one) => pattern.test(one)) ? !letsIn : kept), false)
  }
}

const toExpression = (pattern: string): RegExp => {
  const source = pattern.replaceAll(/\*\*\/|\*\*|\*|\?|[.+^${}()|\\]/g, (part) => {
    if (part === "**/") return "(?:.*/)?"
    if (part === "**") return ".*"
    if (part === "*") return "[^/]*"
    return part === "?" ? "[^/]" : `\\${part}`
  })
  return new RegExp(`^${source}$`)
}
