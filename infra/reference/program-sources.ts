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
    for (const [, type, target] of text.matchAll(imports))
      if (type === undefined) open.push(path.posix.join(path.posix.dirname(file), target!))
  }
  return found
}

/** Imports and re-exports of other files; the first group is there where it is of types alone. */
const imports = /(?:^|[\s;(])(?:import|export)\s*(type\s)?[^"';]*?\(?\s*"(\.[^"]+)"/g
