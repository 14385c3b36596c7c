/** docs/reference/settings.md: every environment variable, and the programs that read it. */
import { settingsTable } from "../../shared/config/settings-table.ts"
import { code, codes, page, table } from "./markdown.ts"
import { programsOf, sourcesByProcessor } from "./program-sources.ts"

export const settingsPage = (): string => {
  const readers = readersOf()
  const shared = settingsTable.filter(({ name }) => readers.get(name)?.length === sourcesByProcessor().size)
  const others = settingsTable.filter((row) => !shared.includes(row))
  return page("Settings", [
    `Environment variables, read once when a program starts. The command line reads those that its command needs. A setting that is missing or
wrong ends the start: the message names the variable, and never shows its value.`,
    "## Of every program",
    table(["variable", "meaning", "default", "example", "secret"], shared.map(rowOf)),
    "## Of some programs",
    table(
      ["variable", "meaning", "default", "example", "secret", "read by"],
      others.map((row) => [...rowOf(row), codes((readers.get(row.name) ?? []).map(nameOf))])
    )
  ])
}

type Row = (typeof settingsTable)[number]

const rowOf = ({ name, description, default: fallback, required, secret, example }: Row): ReadonlyArray<string> => [
  code(name),
  description,
  required ? "required" : fallback === null ? "" : fallback === "" ? "empty" : code(fallback),
  example === fallback ? "" : code(example),
  secret ? "yes" : ""
]

const nameOf = (folder: string): string => (programsOf(folder).length > 1 ? `${folder}-<platform>` : folder)

/** The processors whose sources read a setting, by its name. */
const readersOf = (): ReadonlyMap<string, ReadonlyArray<string>> => {
  const found = new Map<string, Array<string>>()
  for (const [folder, sources] of sourcesByProcessor())
    for (const { name } of settingsTable)
      if ([...sources].some(([file, text]) => !file.endsWith("settings-table.ts") && text.includes(`"${name}"`)))
        found.set(name, [...(found.get(name) ?? []), folder])
  return found
}
