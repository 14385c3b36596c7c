/** The table of patches, the files beside it and decision 10 say the same; another version or order of loading changes nothing. */
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { createRequire } from "node:module"
import { tmpdir } from "node:os"
import path from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { patchedVersion } from "../supported-version.ts"

const require = createRequire(import.meta.url)
// Loaded before the patches, as a program might do.
const unpatched = require("kafkajs")
const { default: kafkajs, loadKafkaJs } = await import("./index.ts")
const { patches } = await import("./table.ts")

const folder = "shared/kafka/kafkajs/patches"
const files = readdirSync(folder)

describe("the table of patches", () => {
  it("names each file beside it, which holds the patches of a folder of kafkajs", () => {
    const sources = files.filter((file) => !file.endsWith(".test.ts") && !["index.ts", "table.ts"].includes(file))
    assert.deepStrictEqual([...new Set(patches.map(({ file }) => file))].sort(), sources.sort())
    for (const { module, file } of patches) assert.strictEqual(file, `${module.split("/")[0]}.ts`, module)
  })

  it("names tests that are there, at least one for each patch", () => {
    for (const { module, tests } of patches) {
      assert.isNotEmpty(tests, module)
      for (const test of tests) assert.isNotEmpty(readFileSync(test.includes("/") ? test : path.join(folder, test)))
    }
    const used = new Set(patches.flatMap(({ tests }) => tests))
    const beside = files.filter((file) => file.endsWith(".test.ts") && file !== "index.test.ts")
    assert.deepStrictEqual(
      beside.filter((file) => !used.has(file)),
      []
    )
  })

  it("is the one of decision 10", () => {
    const page = readFileSync("docs/decisions/0010-kafkajs-is-patched.md", "utf8")
    const rows = page.split("\n").filter((line) => /^\| `/.test(line))
    assert.deepStrictEqual(
      rows,
      patches.map(({ module, functions, why, issue, file, tests }) => {
        const code = (names: ReadonlyArray<string>) => names.map((name) => `\`${name}\``).join(", ")
        const changed = functions.length === 0 ? "the module" : code(functions)
        return `| \`${module}\` | ${changed} | ${why} | ${issue === null ? "—" : `#${issue}`} | \`${file}\` | ${code(tests)} |`
      })
    )
  })
})

describe("loading kafkajs", () => {
  it("applies every patch, though kafkajs was loaded before, which keeps what it had", () => {
    assert.notStrictEqual(kafkajs.Kafka, unpatched.Kafka)
    for (const { module } of patches) assert.isDefined(require.cache[require.resolve(`kafkajs/src/${module}`)], module)
    assert.strictEqual(require("kafkajs"), kafkajs)
  })

  it("refuses another version with what is expected, what was found and what to do", () => {
    const home = mkdtempSync(path.join(tmpdir(), "kafkajs-"))
    try {
      mkdirSync(path.join(home, "node_modules/kafkajs"), { recursive: true })
      writeFileSync(path.join(home, "node_modules/kafkajs/package.json"), JSON.stringify({ version: "2.2.5" }))
      assert.throws(
        () => loadKafkaJs(createRequire(path.join(home, "program.js"))),
        new RegExp(`^kafkajs 2\\.2\\.5 is installed, but .* ${patchedVersion.replaceAll(".", "\\.")} .*npm ci`)
      )
    } finally {
      rmSync(home, { recursive: true })
    }
  })
})
