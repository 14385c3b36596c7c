/** Parts of the generated pages. */

/** At the head of each page. */
const generatedNote = "<!-- Made by `make reference` from the code. Do not edit: change the code, and run it again. -->"

export const page = (title: string, parts: ReadonlyArray<string>): string =>
  `${[`# ${title}`, generatedNote, ...parts].map((part) => part.trim()).join("\n\n")}\n`

/** A table; cells are Markdown, of which line breaks and bars are escaped. */
export const table = (head: ReadonlyArray<string>, rows: ReadonlyArray<ReadonlyArray<string>>): string =>
  [line(head), line(head.map(() => "---")), ...rows.map(line)].join("\n")

const line = (cells: ReadonlyArray<string>): string => `| ${cells.map(cell).join(" | ")} |`

const cell = (text: string): string =>
  text
    .split("\n")
    .map((part) => part.trim())
    .join(" ")
    .replaceAll("|", "\\|")
    .trim()

/** A text as code; an empty one stays empty. */
export const code = (text: string): string => (text === "" ? "" : `\`${text}\``)

export const codes = (texts: Iterable<string>): string => [...texts].map(code).join(", ")

export const codeBlock = (language: string, text: string): string => `\`\`\`${language}\n${text.trimEnd()}\n\`\`\``

/** `-1`, `90 days`, `30 hours`, `500 ms`: milliseconds in the largest unit that divides them. */
export const span = (millis: number): string => {
  if (millis < 0) return "for ever"
  const units = [
    [86_400_000, "day"],
    [3_600_000, "hour"],
    [60_000, "minute"],
    [1_000, "second"]
  ] as const
  const found = units.find(([size]) => millis % size === 0 && millis > 0)
  if (found === undefined) return `${millis} ms`
  const count = millis / found[0]
  return `${count} ${found[1]}${count === 1 ? "" : "s"}`
}

/** `1 MiB`, `64 KiB`, `512 bytes`. */
export const byteSize = (bytes: number): string => {
  if (bytes % 1_048_576 === 0) return `${bytes / 1_048_576} MiB`
  return bytes % 1_024 === 0 ? `${bytes / 1_024} KiB` : `${bytes} bytes`
}
