/** The command line as a script sees it: text, streams and exit codes of a process. */
import { spawn } from "node:child_process"
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import os from "node:os"
import path from "node:path"
import process from "node:process"
import { fileURLToPath } from "node:url"
import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"

const main = path.join(path.dirname(fileURLToPath(import.meta.url)), "main.ts")
const minimal = `version: 1
connections:
  - { id: shop, platform: meta, account: { dataset_id: 1 }, credential: store:shop }
`

let folder = ""
beforeAll(() => {
  folder = mkdtempSync(path.join(os.tmpdir(), "capi-cli-"))
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

interface Ran {
  readonly code: number | null
  readonly out: string
  readonly err: string
}

const capi = (
  args: ReadonlyArray<string>,
  options: { readonly input?: string; readonly env?: Record<string, string> } = {}
) =>
  new Promise<Ran>((resolve) => {
    const child = spawn(process.execPath, [main, ...args], {
      cwd: folder,
      env: {
        PATH: process.env["PATH"] ?? "",
        CAPI_CREDENTIALS_FILE: path.join(folder, "credentials.json"),
        CAPI_MASTER_KEY: "a-master-key-for-this-test",
        KAFKA_BROKERS: "127.0.0.1:1",
        SCHEMA_REGISTRY_URL: "http://127.0.0.1:1",
        ...options.env
      }
    })
    let [out, err] = ["", ""]
    child.stdout.on("data", (chunk) => (out += chunk))
    child.stderr.on("data", (chunk) => (err += chunk))
    child.on("close", (code) => resolve({ code, out, err }))
    child.stdin.end(options.input ?? "")
  })

describe("capi", { timeout: 60_000 }, () => {
  it("explains itself, and says what was meant by a slip", async () => {
    const [help, slip] = await Promise.all([capi(["--help"]), capi(["lnt"])])
    assert.strictEqual(help.code, 0)
    assert.include(help.out, "SUBCOMMANDS")
    assert.notInclude(help.out, "\u001b[")
    assert.strictEqual(slip.code, 2)
    assert.include(slip.err, "lint")
  })

  it("lints: exit 0 and the connections for a right file, 1 and every place for a wrong one", async () => {
    writeFileSync(path.join(folder, "connections.yaml"), minimal)
    writeFileSync(path.join(folder, "wrong.yaml"), minimal.replace("id: shop", "id: Shop").replace("meta", "meeta"))
    const [right, wrong, absent] = await Promise.all([
      capi(["lint", "--json"]),
      capi(["lint", "wrong.yaml"]),
      capi(["lint", "absent.yaml"])
    ])
    assert.strictEqual(right.code, 0, right.err)
    const report = JSON.parse(right.out)
    assert.deepStrictEqual(report.connections, [{ id: "shop", kind: "meta", enabled: true }])
    assert.deepStrictEqual(report.missing_credentials, ["store:shop"])
    assert.strictEqual(wrong.code, 1)
    assert.include(wrong.out, 'wrong.yaml:3:11: error: connections[0].id: "Shop" is no id')
    assert.include(wrong.out, "Did you mean meta?")
    assert.strictEqual(absent.code, 2)
    assert.include(absent.err, "does not exist")
  })

  it("keeps credentials from standard input to removal, and never prints one", async () => {
    writeFileSync(path.join(folder, "connections.yaml"), minimal)
    const value = "EAA-token-that-nobody-may-see"
    const before = await capi(["credentials", "check"])
    assert.strictEqual(before.code, 1)
    assert.include(before.out, "does not exist")
    const set = await capi(["credentials", "set", "shop"], { input: `${value}\n` })
    assert.strictEqual(set.code, 0, set.err)
    const [list, check, stranger] = await Promise.all([
      capi(["credentials", "list", "--json"]),
      capi(["credentials", "check"]),
      capi(["credentials", "check", "--json"], { env: { CAPI_MASTER_KEY: "another-master-key-altogether" } })
    ])
    assert.deepStrictEqual(
      JSON.parse(list.out).map((entry: { name: string; fields: unknown }) => [entry.name, entry.fields]),
      [["shop", ["access_token"]]]
    )
    assert.strictEqual(check.code, 0, check.err)
    assert.strictEqual(stranger.code, 1)
    assert.include(stranger.out, "does not open")
    assert.strictEqual(JSON.parse(stranger.err).error.code, "incomplete")
    const removed = await capi(["credentials", "remove", "shop"])
    assert.strictEqual(removed.code, 0)
    const again = await capi(["credentials", "remove", "shop"])
    assert.strictEqual(again.code, 1)
    const everything = [before, set, list, check, stranger, removed, again].map(({ out, err }) => out + err).join("")
    assert.notInclude(everything + readFileSync(path.join(folder, "credentials.json"), "utf8"), value)
  })

  it("takes no value from nowhere", async () => {
    const empty = await capi(["credentials", "set", "shop"])
    assert.strictEqual(empty.code, 2)
    assert.include(empty.err, "standard input")
  })
})
