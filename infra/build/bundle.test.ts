import { spawnSync } from "node:child_process"
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs"
import path from "node:path"
import process from "node:process"
import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
import { bundleCommand, processorFolders, programNames } from "../local/program-files.ts"
import { defaultStateDirectory, repository } from "../local/state.ts"
import { bundlePrograms } from "./bundle.ts"

describe("the bundled programs", () => {
  let folder = ""
  const run = (name: string, ...args: ReadonlyArray<string>) =>
    spawnSync(process.execPath, [path.join(folder, name), ...args], {
      encoding: "utf8",
      cwd: repository,
      env: { PATH: process.env["PATH"], LOG_FORMAT: "json" }
    })

  beforeAll(async () => {
    mkdirSync(defaultStateDirectory, { recursive: true })
    folder = mkdtempSync(path.join(defaultStateDirectory, "bundle-"))
    await bundlePrograms(folder)
  }, 120_000)
  afterAll(() => rmSync(folder, { recursive: true, force: true }))

  it("are all there is in processors, and each starts as far as its settings", () => {
    const names = readdirSync(path.join(repository, "processors")).filter((name) =>
      existsSync(path.join(repository, "processors", name, "main.ts"))
    )
    assert.sameMembers(names, [...processorFolders])
    for (const name of programNames) {
      const [file, ...args] = bundleCommand("", name)
      const { status, stderr } = run(file!, ...args)
      assert.deepEqual(
        [status, stderr.split(". ")[0]],
        [2, `${name}: The setting KAFKA_BROKERS is missing: Kafka's bootstrap servers, host:port, separated by commas`]
      )
    }
  })

  it("load kafkajs by its patches alone, not by an import of the package", () => {
    const files = readdirSync(folder).map((name) => readFileSync(path.join(folder, name), "utf8"))
    assert.isTrue(files.some((text) => text.includes('("kafkajs")')))
    assert.isFalse(files.some((text) => /^import .*"kafkajs"/m.test(text)))
  })

  it("prepare events as the modules do that they are made of", () => {
    const args = ["prepare", "examples/sample-events/sample-events.jsonl", "--platform", "google"]
    const source = spawnSync(process.execPath, ["infra/cli/main.ts", ...args], { encoding: "utf8", cwd: repository })
    const bundled = run("capi.js", ...args)
    assert.isAbove(source.stdout.length, 10_000)
    // The samples' times are set from the time of the run.
    const withoutTimes = (text: string) => text.replaceAll(/"eventTimestamp":"[^"]*"/g, "")
    assert.strictEqual(bundled.status, source.status)
    assert.isTrue(withoutTimes(bundled.stdout) === withoutTimes(source.stdout))
  })
})
