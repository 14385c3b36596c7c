/** Lines of a table on a terminal: columns of one width, colours that take no room, long lists folded. */

/** Colours a text by a status: healthy, degraded or unhealthy. */
export type Paint = (status: string, text: string) => string

export const plain: Paint = (_status, text) => text

export const coloured: Paint = (status, text) => {
  const colour = status === "healthy" ? 32 : status === "degraded" ? 33 : status === "unhealthy" ? 31 : 0
  return `\u001b[${colour}m${text}\u001b[0m`
}

const firstWidth = 17
const width = 10
const lineWidth = 118

/** The first cell to the left, the others to the right of their columns. */
export const row = (cells: ReadonlyArray<string>): string =>
  cells
    .map((cell, index) =>
      index === 0 ? cell.padEnd(firstWidth) : " ".repeat(Math.max(1, width - visibleLength(cell))) + cell
    )
    .join("")

/** A list after its heading, on as many lines as it needs. */
export const wrapped = (heading: string, items: ReadonlyArray<string>): ReadonlyArray<string> => {
  const lines: Array<string> = []
  let line = heading
  items.forEach((item, index) => {
    const text = index < items.length - 1 ? `${item}, ` : item
    if (line.length + text.length > lineWidth && line.trim() !== "") {
      lines.push(line.trimEnd())
      line = "    "
    }
    line += text
  })
  return [...lines, line]
}

/** How many rows the lines take on a terminal of so many columns. */
export const heightOf = (lines: ReadonlyArray<string>, terminalColumns: number): number =>
  lines.reduce((sum, line) => sum + Math.max(1, Math.ceil(visibleLength(line) / Math.max(1, terminalColumns))), 0)

const visibleLength = (cell: string): number =>
  cell
    .split("\u001b[")
    .reduce((length, part, index) => length + (index === 0 ? part.length : part.slice(part.indexOf("m") + 1).length), 0)
