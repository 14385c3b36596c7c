/** Texts on which scans go back and forth: out of each regular expression of the source, and shapes that were slow once. */
import { readdirSync, readFileSync } from "node:fs"
import path from "node:path"
import { fileURLToPath } from "node:url"
import { expressionsIn, type FoundExpression } from "../../support/regular-expressions/extract.ts"
import { loopsOf } from "../../support/regular-expressions/growth-attack.ts"

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "../../..")

/** A text of any length: a start, what is repeated, an end on which an expression fails. */
export interface Shape {
  readonly start: string
  readonly repeated: string
  readonly end: string
}

export const textOf = ({ end, repeated, start }: Shape, length: number): string =>
  (start + repeated.repeat(Math.ceil(length / repeated.length))).slice(0, Math.max(1, length - end.length)) + end

/** Those of all regular expressions, each once, and the others; in an order in which a part of them has something of all. */
export const shapes = (): ReadonlyArray<Shape> => {
  const found = new Map<string, Shape>()
  const add = (shape: Shape): void => void found.set(JSON.stringify(Object.values(shape)), shape)
  for (const [start, repeated, end] of slowOnce) add({ start, repeated, end })
  for (const { flags, source } of expressionsOfSource()) {
    for (const { repeated, start } of loopsOf(source, flags)) for (const end of ends) add({ start, repeated, end })
  }
  return spread([...found.values()])
}

/** Every 37th, then the rest the same way. */
const spread = (list: ReadonlyArray<Shape>): ReadonlyArray<Shape> =>
  Array.from({ length: stride }, (_, first) => list.filter((_, index) => index % stride === first)).flat()
const stride = 37

/** The different expressions of all files but tests, with their places. */
const expressionsOfSource = (): ReadonlyArray<FoundExpression & { readonly place: string }> => {
  const all = ["processors", "shared", "schemas", "infra", "examples"].flatMap(filesBelow).flatMap((file) =>
    expressionsIn(readFileSync(path.join(root, file), "utf8")).map((found) => ({
      ...found,
      place: `${file}:${found.line}`
    }))
  )
  return [...new Map(all.map((found) => [`/${found.source}/${found.flags}`, found])).values()]
}

const filesBelow = (folder: string): ReadonlyArray<string> =>
  readdirSync(path.join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    const file = path.posix.join(folder, entry.name)
    if (entry.isDirectory()) return entry.name === "node_modules" ? [] : filesBelow(file)
    return file.endsWith(".ts") && !/\.(test|bench|gen)\.ts$/.test(file) && !file.startsWith("shared/testing/")
      ? [file]
      : []
  })

const ends = ["", "\u0001!"]

const slowOnce: ReadonlyArray<readonly [start: string, repeated: string, end: string]> = [
  ["é", " ", "x"],
  ["é", "\u200b", "x"],
  ["a", "\u0315\u0300", ""],
  ["x", "%40", "."],
  ["", "a@", ""],
  ["", "a.", "@"],
  ["a@", "a-", "!"],
  ["", "jane", "!"],
  ["", "jr ", "!"],
  ["x", " , ", "!"],
  ["+", "1 ", "x"],
  ["", "1.2.3.4,", ""],
  ["fb.1.1795000000000.", "a", "!"],
  ["https://shop.example/?", "a=1&", ""],
  ["https://shop.example/?q=", "%25", ""],
  ["https://shop.example/", "a%40/", ""],
  ["https://", "a:", "@shop.example/"],
  ["", "ΑΣ'", ""],
  ["", "\ud800", "x"],
  ["", "\u0000", "é"],
  ["", "events[", "1"],
  ["", "Batch.1", ":"],
  ["", "aB1-", "!"],
  ["", '"', ""],
  ["", "${A:-", ""],
  ["", "{{", "}"],
  ["", "- &a x\n", ""],
  ["", "%40", ""],
  ["", "@", ""],
  ["a@", "a.", ""],
  ["", "-", "."],
  ["", "a", "!"],
  ["", "a ", "!"],
  ["", "j1", "!"],
  ["", "mr. ", "!"],
  ["", "0", "x"],
  ["https://", "a-", ""],
  ["", "(", ""],
  ["1990", "-", "x"],
  ["", "[", "]"],
  ["", "\\u001b", ""]
]
