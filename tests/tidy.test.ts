/** The rules of the house as a test: dependency direction, file size, banned calls, words that do not belong here. */
import { existsSync, readdirSync, readFileSync } from "node:fs"
import path from "node:path"
import { fileURLToPath } from "node:url"
import { assert, describe, it } from "@effect/vitest"
import { connectorKinds } from "../shared/model/platform.ts"

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "..")
const areas = ["processors", "schemas", "shared", "infra", "tests", "examples"] as const
const linesMax = 300

const filesBelow = (folder: string, ending = /\.tsx?$/): ReadonlyArray<string> =>
  readdirSync(path.join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    const file = path.posix.join(folder, entry.name)
    if (entry.isDirectory()) return entry.name === "node_modules" ? [] : filesBelow(file, ending)
    return ending.test(entry.name) && !entry.name.endsWith(".gen.ts") ? [file] : []
  })

const read = (file: string): string => readFileSync(path.join(root, file), "utf8")
const sources = new Map(areas.flatMap((area) => filesBelow(area)).map((file) => [file, read(file)]))
const pages = ["README.md", "CONTRIBUTING.md", ...filesBelow("docs", /\.md$/)]
const isTest = (file: string): boolean =>
  /\.(test|bench)\.ts$|\/(fixture|testing)\.ts$|\/contract\//.test(file) ||
  file.startsWith("tests/") ||
  file.startsWith("shared/testing/")

/** The folders of `shared`, each of which may import those before it alone, types as well. */
const layers = [
  ...["model", "http", "config", "telemetry", "kafka", "codec", "credentials", "connections", "connectors", "runtime"],
  ...["suppression", "dedup", "ledger", "event-story", "redrive"]
]

/** The channel of a message, by the word of the raw event, is the name of a platform. */
const namesPlatforms: ReadonlyArray<string> = [
  "processors/normalizer/normalize/normalize.ts",
  "examples/sample-events/occurrence.ts"
]

/**
 * Words that stand for a term of the field, or have two meanings: a buffer is pooled, not lent; a log contains, it does not tell.
 * They are looked for in names (`userAgent`, `user_agent` and `user-agent` are two words), comments, messages and pages.
 */
const forbidden = new RegExp(
  `\\b(?:${[
    "lends?|lending|lent|lanes?|gates?|turns|quick(?! reply)|tells?|(?<!never )told|moments?|worlds?|anew|afresh|nobody|harmless",
    "patience|wish(?:es|ed)?|fates?|gives? back|letting go|lets? go|taken back|pass(?:es|ed) over|passing|once more|standing|quietly",
    "stands? still|stood still|innocent|culprits?|pass(?:es|ed)? (?:it|them) over|whole numbers?|twins?|henceforth|thereof|(?<!malloc )arena|the outside|outside(?=[.:>])|(?<!option\\.)is none",
    "of (?:its|their|his) own|own (?:keys?|names?|numbers?|texts?)|(?<!dead |two |with )letters(?! (?:and|or) (?:digits|marks))"
  ].join("|")})\\b`
)

/** Where they are right: the letters of names and places, the key `letters` of a JSON output that scripts read, a setting's old name. */
const rightful: ReadonlyArray<readonly [file: RegExp, words: RegExp]> = [
  [/^processors\/normalizer\//, /letters/g],
  [/^infra\/cli\/.*re(?:drive|solved)/, /\bletters(?=: |"\])/g],
  [/^docs\/upgrade\.md$/, /start patience/g]
]

const forbiddenLines = (file: string, text: string): ReadonlyArray<string> =>
  rightful
    .reduce((left, [files, words]) => (files.test(file) ? left.replace(words, "") : left), separateWords(text))
    .split("\n")
    .flatMap((line, index) => (forbidden.test(line) ? [`${file}:${index + 1} ${forbidden.exec(line)![0]}`] : []))

const separateWords = (text: string): string => text.replace(/(?<=[a-z0-9])(?=[A-Z])|[_-]/g, " ").toLowerCase()

const withoutComments = (text: string): string => text.replace(/\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm, "")

const importsOf = (file: string): ReadonlyArray<string> =>
  [...sources.get(file)!.matchAll(/(?:from|import)\s*\(?\s*"(\.[^"]+)"/g)].map((match) =>
    path.posix.join(path.posix.dirname(file), match[1]!)
  )

/** `processors/mapper` for a processor, else the top folder. */
const areaOf = (file: string): string => {
  const [top = "", second = ""] = file.split("/")
  return top === "processors" ? `${top}/${second}` : top
}

const mayImport = (from: string, to: string): boolean => {
  const [source, target] = [areaOf(from), areaOf(to)]
  // The version is there alone.
  if (source === target || isTest(from) || target === "package.json") return true
  if (source === "schemas") return false
  if (source === "shared") return target === "schemas"
  // The console shows what the normalizer would make of an event, and what of a record may be shown.
  if (source === "processors/console" && to.startsWith("processors/normalizer/preview/")) return true
  if (source.startsWith("processors/")) return target === "shared" || target === "schemas"
  return true
}

/** The strongly connected components of more than one file (Tarjan), each as a sorted list. */
const importCircles = (): ReadonlyArray<string> => {
  const found: Array<string> = []
  const numbers = new Map<string, number>()
  const lowest = new Map<string, number>()
  const path: Array<string> = []
  const visit = (file: string): void => {
    numbers.set(file, numbers.size)
    lowest.set(file, numbers.get(file)!)
    path.push(file)
    for (const target of importsOf(file)) {
      if (!sources.has(target)) continue
      if (!numbers.has(target)) visit(target)
      if (path.includes(target)) lowest.set(file, Math.min(lowest.get(file)!, lowest.get(target)!))
    }
    if (lowest.get(file) !== numbers.get(file)) return
    const component = path.splice(path.indexOf(file))
    if (component.length > 1) found.push(component.sort().join(", "))
  }
  for (const file of sources.keys()) if (!numbers.has(file)) visit(file)
  return found.sort()
}

const offenders = (matches: (file: string, text: string) => boolean): ReadonlyArray<string> =>
  [...sources].filter(([file, text]) => matches(file, text)).map(([file]) => file)

describe("the tree", () => {
  it("depends one way: processors -> shared -> schemas", () => {
    const wrong = [...sources.keys()].flatMap((file) =>
      importsOf(file)
        .filter((target) => !mayImport(file, target))
        .map((target) => `${file} -> ${target}`)
    )
    assert.deepStrictEqual(wrong, [])
  })

  it("imports inside shared/ only what is in a lower layer", () => {
    const folderOf = (file: string) => (file.startsWith("shared/") ? file.split("/")[1]! : null)
    const found = new Set<string>()
    for (const file of sources.keys()) {
      const from = folderOf(file)
      if (from === null || isTest(file)) continue
      assert.include(layers, from, `${file}: add the folder to the layers`)
      for (const target of importsOf(file)) {
        const to = folderOf(target)
        if (to !== null && !(layers.indexOf(to) <= layers.indexOf(from) && layers.includes(to)))
          found.add(`${from} -> ${to}`)
      }
    }
    assert.deepStrictEqual([...found], [])
  })

  it("imports the support of tests from tests alone", () => {
    const wrong = [...sources.keys()].filter(
      (file) => !isTest(file) && importsOf(file).some((target) => sources.has(target) && isTest(target))
    )
    assert.deepStrictEqual(wrong, [])
  })

  it("has no files that import each other in a circle, types included", () => {
    assert.deepStrictEqual(importCircles(), [])
  })

  it("names a platform in its folder, its sandbox and the registry alone: everywhere else asks the connector", () => {
    const kinds = connectorKinds.join("|")
    const named = new RegExp(`"(?:${kinds})"|connectors/(?:${kinds})/`)
    const mayName = new RegExp(
      `^(?:shared/connectors|infra/sandbox)/(?:${kinds})/|^shared/(?:connectors/registry|model/platform)\\.ts$`
    )
    assert.deepStrictEqual(
      offenders((file, text) => !mayName.test(file) && !isTest(file) && named.test(withoutComments(text))),
      namesPlatforms
    )
  })

  it("imports nothing of the examples, and for the command line nothing of the demonstration: no image holds them", () => {
    const wrong = [...sources.keys()]
      .filter((file) => !isTest(file) && areaOf(file) !== "examples")
      .flatMap((file) =>
        importsOf(file).filter(
          (target) =>
            areaOf(target) === "examples" ||
            (/^infra\/(cli|local|samples|topics)\//.test(file) && target.startsWith("infra/demo/"))
        )
      )
    assert.deepStrictEqual(wrong, [])
  })

  it("keeps the sandbox apart from the connectors, so that a connector's mistake cannot hide in it", () => {
    const wrong = [...sources.keys()]
      .filter((file) => file.startsWith("infra/sandbox/"))
      .flatMap((file) =>
        importsOf(file)
          .filter((target) => /^(shared\/(connectors|connections)|processors)\//.test(target))
          .map((target) => `${file} -> ${target}`)
      )
    assert.deepStrictEqual(wrong, [])
  })

  it("imports the Kafka client in shared/kafka alone", () => {
    assert.deepStrictEqual(
      offenders((file, text) => /from "kafkajs"/.test(text) && !file.startsWith("shared/kafka/") && !isTest(file)),
      []
    )
    // It would be a copy without the patches: see shared/kafka/kafkajs/patches/table.ts.
    assert.deepStrictEqual(
      offenders(
        (file, text) => /^import (?!type\b)(?:\w+|\* as \w+|\{[^}]*\}) from "kafkajs"/m.test(text) && !isTest(file)
      ),
      []
    )
  })

  it("gives every metric the prefix capi_", () => {
    const declared = [...sources].flatMap(([file, text]) =>
      /effect\/Metric"/.test(text) && !isTest(file)
        ? [
            ...text.matchAll(/\b(?:[Mm]etric\.)?(?:counter|gauge|histogram|frequency|summary|timer)\(\s*"([^"]+)"/g)
          ].map((match) => match[1]!)
        : []
    )
    assert.isAbove(declared.length, 40)
    assert.deepStrictEqual(
      declared.filter((name) => !/^capi_[a-z0-9_]+$/.test(name)),
      []
    )
  })

  it("starts processes by spawnGuarded alone, so that none outlives its parent", () => {
    // `up --detach` is to outlive its parent. What is waited for at once (spawnSync, execFileSync) ends by itself.
    assert.deepStrictEqual(
      offenders(
        (file, text) =>
          file !== "tests/tidy.test.ts" && /\b(?:spawn|fork|exec|execFile)\b[^\n]*from "node:child_process"/.test(text)
      ),
      ["infra/cli/commands/local.ts"]
    )
  })

  it(`has no file over ${linesMax} lines`, () => {
    const wrong = [...sources]
      .map(([file, text]) => [file, text.split("\n").length - 1] as const)
      .filter(([, lines]) => lines > linesMax)
    assert.deepStrictEqual(wrong, [])
  })

  it.each([
    // The words that are looked for; this file, which has to name them, is left out below.
    ["casts to any", new RegExp("\\bas a" + "ny\\b(?=\\s*[),;\\]}]|\\s*$)", "m")],
    ["suppressed type errors", /@ts-(ignore|nocheck|expect-error)/],
    ["to-do notes", new RegExp("\\b(TO" + "DO|FIX" + "ME)\\b")],
    ["skipped or focused tests", /\b(?:it|test|describe)\.(?:skip|todo|only)\b/]
  ])("has no %s", (_name, pattern) => {
    assert.deepStrictEqual(
      offenders((file, text) => file !== "tests/tidy.test.ts" && pattern.test(text)),
      []
    )
  })

  it("uses the field's words", () => {
    // docs/reference is made from texts of the sources, and of schemas, whose wording stays as it is registered.
    const others = [...pages, ...areas.flatMap((area) => filesBelow(area, /\.md$/))].map(
      (page) => [page, read(page)] as const
    )
    assert.deepStrictEqual(
      [...sources, ...others].flatMap(([file, text]) =>
        file === "tests/tidy.test.ts" || file.startsWith("docs/reference/") ? [] : forbiddenLines(file, text)
      ),
      []
    )
  })

  it.each([
    ["the wall clock", /\bDate\.now\(|\bnew Date\(\)/],
    ["unseeded randomness", /\bMath\.random\(/],
    ["the console", /\bconsole\.(?!md\b)/],
    ["the environment", /\bprocess\.env\b/]
  ])("leaves %s to the edges", (_name, pattern) => {
    const core = (file: string): boolean => /^(processors|shared)\//.test(file) && !isTest(file)
    assert.deepStrictEqual(
      offenders((file, text) => core(file) && pattern.test(text)),
      []
    )
  })

  it("names only files that exist in the pages", () => {
    // From the root, or by its last part: `intake.ts`, `kafkajs/send.test.ts`.
    const exists = (name: string): boolean =>
      existsSync(path.join(root, name)) ||
      (!name.startsWith("shared/") && [...sources.keys()].some((file) => file.endsWith(`/${name}`)))
    const missing = pages
      .filter((page) => !page.startsWith("docs/decisions/"))
      .flatMap((page) =>
        [...read(page).matchAll(/`((?:processors|shared|schemas|infra|tests|examples|docs)\/[^`\s]*|[\w./-]+\.ts)`/g)]
          .map((match) => match[1]!)
          .filter((name) => !/[*<{…]|^x\.|\.gen\./.test(name) && !exists(name))
          .map((name) => `${page}: ${name}`)
      )
    assert.deepStrictEqual(missing, [])
  })
})
