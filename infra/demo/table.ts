/** Lines of a table on a terminal: columns as wide as their cells, colours that take no room, long lists folded. */

/** Colours a text by a status: healthy, degraded or unhealthy. */
export type Paint = (status: string, text: string) => string

export const plain: Paint = (_status, text) => text

export const coloured: Paint = (status, text) => {
  const colour = status === "healthy" ? 32 : status === "degraded" ? 33 : status === "unhealthy" ? 31 : 0
  return `\u001b[${colour}m${text}\u001b[0m`
}

/** Rows of one table: the first column to the left, the others to the right; one space between them where two do not fit. */
export const alignedRows = (
  rows: ReadonlyArray<ReadonlyArray<string>>,
  columns = Number.POSITIVE_INFINITY
): ReadonlyArray<string> => {
  const widths: Array<number> = []
  for (const cells of rows) {
    cells.forEach((cell, column) => {
      widths[column] = Math.max(widths[column] ?? 0, visibleLength(cell))
    })
  }
  const width = widths.reduce((sum, one) => sum + one + 2, -2)
  const gap = width > columns ? " " : "  "
  return rows.map((cells) =>
    cells
      .map((cell, column) => {
        const padding = " ".repeat(widths[column]! - visibleLength(cell))
        return column === 0 ? cell + padding : padding + cell
      })
      .join(gap)
      .trimEnd()
  )
}

/** A list after its heading, on as many lines of at most `lineWidth` characters as it needs. */
export const wrapped = (heading: string, items: ReadonlyArray<string>, lineWidth = 118): ReadonlyArray<string> => {
  const lines: Array<string> = []
  let line = heading
  items.forEach((item, index) => {
    const text = index < items.length - 1 ? `${item}, ` : item
    if (visibleLength(line) + visibleLength(text.trimEnd()) > lineWidth && line.trim() !== "") {
      lines.push(line.trimEnd())
      line = "    "
    }
    line += text
  })
  return [...lines, line]
}

/** The line, cut to so many characters on the screen; colours take none. */
export const cut = (line: string, columns: number): string => {
  if (visibleLength(line) <= columns) return line
  let visible = 0
  let at = 0
  while (at < line.length && visible < columns - 1) {
    const sequence = escapeAt(line, at)
    at += sequence > 0 ? sequence : 1
    if (sequence === 0) visible++
  }
  return `${line.slice(0, at)}…${line.includes("\u001b[") ? "\u001b[0m" : ""}`
}

export const visibleLength = (text: string): number => {
  let length = 0
  for (let at = 0; at < text.length; ) {
    const sequence = escapeAt(text, at)
    at += sequence > 0 ? sequence : 1
    if (sequence === 0) length++
  }
  return length
}

/** The length of the colour sequence that begins there; 0 where none does. */
const escapeAt = (text: string, at: number): number => {
  if (text[at] !== "\u001b" || text[at + 1] !== "[") return 0
  const end = text.indexOf("m", at)
  return end < 0 ? 0 : end - at + 1
}
