/** What the programs' logs hold of warnings and errors, counted by message. Pure. */

export interface LogCount {
  readonly program: string
  readonly level: string
  readonly message: string
  readonly count: number
  /** The last one, whole. */
  readonly example: string
}

/** The lines of one program, each JSON; other text counts as an error. Most frequent first. */
export const troubledLines = (program: string, log: string): ReadonlyArray<LogCount> => {
  const counts = new Map<string, LogCount>()
  for (const line of log.split("\n")) {
    const entry = entryOf(line)
    if (entry === null || entry.level === "INFO" || entry.level === "DEBUG") continue
    const key = `${entry.level} ${entry.message}`
    counts.set(key, { program, ...entry, count: (counts.get(key)?.count ?? 0) + 1, example: line })
  }
  return [...counts.values()].toSorted((left, right) => right.count - left.count)
}

const entryOf = (line: string): { readonly level: string; readonly message: string } | null => {
  if (line.trim() === "") return null
  if (!line.startsWith("{")) return { level: "TEXT", message: line.slice(0, 120) }
  const { level = "", message = "" } = JSON.parse(line) as { readonly level?: string; readonly message?: string }
  return { level, message }
}
