/** Which source files each program runs, by the imports that have a value. */
import { readFileSync } from "node:fs"
import path from "node:path"
import { platforms } from "../../shared/model/platform.ts"
import { processorFolders } from "../local/program-files.ts"
import { repository } from "../local/state.ts"

/** The programs of a processor's folder: `delivery-meta`, … for `delivery`. */
export const programsOf = (folder: string): ReadonlyArray<string> =>
  folder === "delivery" ? platforms.map((platform) => `delivery-${platform}`) : [folder]

/** The text of each file that a program imports, directly or not, by its path in the repository; by the processor's folder. */
export const sourcesByProcessor = (): ReadonlyMap<string, ReadonlyMap<string, string>> => {
  known ??= new Map([...processorFolders].sort().map((folder) => [folder, sourcesFrom(`processors/${folder}/main.ts`)]))
  return known
}

let known: ReadonlyMap<string, ReadonlyMap<string, string>> | undefined

const sourcesFrom = (entry: string): ReadonlyMap<string, string> => {
  const found = new Map<string, string>()
  const open = [entry]
  for (let file = open.pop(); file !== undefined; file = open.pop()) {
    if (found.has(file) || !file.endsWith(".ts")) continue
    const text = readFileSync(path.join(repository, file), "utf8")
    found.set(file, text)
    for (const target of importedBy(text)) open.push(path.posix.join(path.posix.dirname(file), target))
  }
  return found
}

/** What a file imports or exports of other files, but for types alone: the keyword stands between the quote before and the path. */
const importedBy = (text: string): ReadonlyArray<string> => {
  const parts = text.split('"')
  return parts.flatMap((target, index) => {
    if (index === 0 || !target.startsWith(".") || target.includes("\n")) return []
    const before = parts[index - 1]!
    const statement = before.slice(Math.max(before.lastIndexOf(";"), before.lastIndexOf("'")) + 1)
    const keyword = keywords.exec(statement)
    return keyword === null || keyword[1] !== undefined ? [] : [target]
  })
}
const keywords = /(?:^|[\s(])(?:import|export)\b\s*(type\s)?/
