/** The command line as a script sees it: text, streams and exit codes. What needs no process runs in this one. */
import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import os from "node:os"
import path from "node:path"
import process from "node:process"
import { fileURLToPath } from "node:url"
import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { describeFailure } from "../../shared/runtime/exit.ts"
import { spawnGuarded } from "../local/guarded-spawn.mjs"
import { repository } from "../local/state.ts"
import { jsonLines, type RanCommand, runCommand } from "./testing.ts"

const main = path.join(path.dirname(fileURLToPath(import.meta.url)), "main.ts")
const minimal = `version: 1
connections:
  - { id: shop, platform: meta, account: { dataset_id: 1 }, credential: store:shop }
`

let folder = ""
let env: Record<string, string> = {}
beforeAll(() => {
  folder = mkdtempSync(path.join(os.tmpdir(), "capi-cli-"))
  env = {
    PATH: process.env["PATH"] ?? "",
    CAPI_CONNECTIONS: path.join(folder, "connections.yaml"),
    CAPI_CREDENTIALS_FILE: path.join(folder, "credentials.json"),
    CAPI_MASTER_KEY: "Y2xpLTAxMjM0NTY3ODlhYmNkZWZnaGlqa2xtbm9wcXI=",
    KAFKA_BROKERS: "127.0.0.1:1",
    SCHEMA_REGISTRY_URL: "http://127.0.0.1:1"
  }
  writeFileSync(env["CAPI_CONNECTIONS"]!, minimal)
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

interface Ran {
  readonly code: number | null
  readonly out: string
  readonly err: string
}

/** In a separate process, through standard input, output and exit code. */
const capi = (args: ReadonlyArray<string>, input = "") =>
  new Promise<Ran>((resolve) => {
    const child = spawnGuarded(process.execPath, [main, ...args], { cwd: folder, env })
    let [out, err] = ["", ""]
    child.stdout.on("data", (chunk) => {
      out += chunk
    })
    child.stderr.on("data", (chunk) => {
      err += chunk
    })
    child.on("close", (code) => resolve({ code, out, err }))
    child.stdin.end(input)
  })

const inside = (args: ReadonlyArray<string>, more: Record<string, string> = {}) =>
  Effect.suspend(() => runCommand(args, { ...env, ...more }))

const failureOf = ({ exit }: RanCommand) => (Exit.isFailure(exit) ? describeFailure(exit.cause) : null)

describe("capi as a process", { timeout: 120_000 }, () => {
  it("explains itself, and says what was meant by a slip", async () => {
    const hostile = "\u001b[2J\u009b5A\u202e"
    const [help, slip, escaped] = await Promise.all([capi(["--help"]), capi(["lnt"]), capi([hostile])])
    assert.strictEqual(help.code, 0)
    assert.include(help.out, "SUBCOMMANDS")
    assert.notInclude(help.out, "\u001b[")
    assert.strictEqual(slip.code, 2)
    assert.include(slip.err, "lint")
    assert.strictEqual(escaped.code, 2)
    assert.include(escaped.err, '"\\u001b[2J\\u009b5A\\u202e"')
  })

  it("takes a credential from standard input, and prints errors as JSON where asked", async () => {
    const value = "EAA-token-that-must-stay-hidden"
    const [set, slip, empty] = await Promise.all([
      capi(["credentials", "set", "piped"], `${value}\n`),
      capi(["credentials", "set", "slipped"], JSON.stringify({ access_tokn: value })),
      capi(["credentials", "set", "piped", "--json"])
    ])
    assert.strictEqual(set.code, 0, set.err)
    assert.notInclude(set.out + set.err + readFileSync(path.join(folder, "credentials.json"), "utf8"), value)
    assert.strictEqual(set.err, "")
    assert.deepStrictEqual(
      [slip.code, slip.err],
      [0, "No platform takes the field access_tokn. Did you mean access_token?\n"]
    )
    assert.strictEqual(empty.code, 2)
    assert.strictEqual(JSON.parse(empty.err).error.code, "no_value")
  })
})

describe("capi", () => {
  it.live("lints: the connections of a right file, every place of a wrong one", () =>
    Effect.gen(function* () {
      const wrongFile = path.join(folder, "wrong.yaml")
      writeFileSync(wrongFile, minimal.replace("id: shop", "id: Shop").replace("meta", "meeta"))
      const right = yield* inside(["lint", "--json"])
      assert.isTrue(Exit.isSuccess(right.exit))
      assert.deepStrictEqual(jsonLines(right.out)[0]!["connections"], [{ id: "shop", kind: "meta", enabled: true }])
      assert.deepStrictEqual(jsonLines(right.out)[0]!["missing_credentials"], ["store:shop"])
      const wrong = yield* inside(["lint", wrongFile])
      assert.strictEqual(failureOf(wrong)?.exitCode, 1)
      assert.include(wrong.out, 'wrong.yaml:3:11: error: connections[0].id: "Shop" is not a connection id')
      assert.include(wrong.out, "Did you mean meta?")
      const absent = yield* inside(["lint", "absent.yaml"])
      assert.strictEqual(failureOf(absent)?.exitCode, 2)
    })
  )

  it.live("lints the file of notifications too: its mistakes, and connections that do not exist", () =>
    Effect.gen(function* () {
      const notifications = path.join(folder, "notifications.yaml")
      const at = { CAPI_NOTIFICATIONS: notifications }
      const write = (connection: string, receiver: string) =>
        writeFileSync(
          notifications,
          `version: 1\nreceivers:\n  - { id: ops, kind: slack, url: env:SLACK }\nroutes:\n  - { receivers: [${receiver}], connections: [${connection}] }\n`
        )
      write("shop", "ops")
      const right = yield* inside(["lint", "--json"], at)
      assert.isTrue(Exit.isSuccess(right.exit))
      const report = { file: notifications, receivers: 1, routes: 1, problems: [] }
      assert.deepStrictEqual(jsonLines(right.out)[0]!["notifications"], report)
      write("shoop", "opps")
      const wrong = yield* inside(["lint"], at)
      assert.strictEqual(failureOf(wrong)?.exitCode, 1)
      assert.include(wrong.out, "connections.yaml is right")
      assert.match(
        wrong.out,
        /notifications\.yaml:5:19: error: routes\[0\].receivers\[0\]: .*"opps".*Did you mean ops\?/
      )
      assert.match(
        wrong.out,
        /:5:40: warning: routes\[0\].connections\[0\]: No connection fits "shoop". Did you mean shop\?/
      )
      // By its name alone, whatever it is called.
      const named = yield* inside(["lint", notifications])
      assert.strictEqual(failureOf(named)?.exitCode, 1)
      assert.notInclude(named.out, "connections.yaml is right")
      const absent = yield* inside(["lint"], { CAPI_NOTIFICATIONS: path.join(folder, "absent.yaml") })
      assert.isTrue(Exit.isSuccess(absent.exit))
      assert.include(absent.out, "absent.yaml:1:1: warning: The file cannot be read: no one is notified.")
    })
  )

  it.live("lists, checks and removes credentials, and needs the right key", () =>
    Effect.gen(function* () {
      const store = { CAPI_CREDENTIALS_FILE: path.join(folder, "other.json") }
      const before = yield* inside(["credentials", "check"], store)
      assert.include(before.out, "does not exist")
      assert.strictEqual(failureOf(before)?.code, "incomplete")
      const list = yield* inside(["credentials", "list", "--json"])
      assert.deepInclude(jsonLines(list.out)[0] as unknown as ReadonlyArray<unknown>, {
        ...(jsonLines(list.out)[0] as unknown as ReadonlyArray<object>)[0],
        name: "piped",
        fields: ["access_token"]
      })
      const stranger = yield* inside(["credentials", "remove", "piped"], {
        CAPI_MASTER_KEY: "YW5vdGhlci0wMTIzNDU2Nzg5YWJjZGVmZ2hpamtsbW4="
      })
      assert.strictEqual(failureOf(stranger)?.code, "wrong_key")
      assert.isTrue(Exit.isSuccess((yield* inside(["credentials", "remove", "piped"])).exit))
      assert.strictEqual(failureOf(yield* inside(["credentials", "remove", "piped"]))?.code, "not_found")
    })
  )

  it.live("suggests a mapping, and writes it into the file when it is accepted", () =>
    Effect.gen(function* () {
      const file = path.join(folder, "mapped.yaml")
      writeFileSync(file, `# mine\n${minimal}`)
      const at = { CAPI_CONNECTIONS: file }
      const suggested = yield* inside(["map", "suggest", "achat", "--json"])
      assert.include(suggested.out, '"canonicalEvent":"purchase"')
      const accepted = yield* inside(["map", "accept", "achat", "Purchase", "--connection", "shop"], at)
      assert.isTrue(Exit.isSuccess(accepted.exit))
      assert.match(readFileSync(file, "utf8"), /# mine[\s\S]*achat: Purchase/)
      const before = readFileSync(file, "utf8")
      const refused = Effect.fnUntraced(function* (variables: Record<string, string>, ...args: ReadonlyArray<string>) {
        const failure = failureOf(yield* inside(["map", "accept", ...args], variables))
        assert.strictEqual(failure?.exitCode, 2)
        return failure?.code
      })
      assert.strictEqual(yield* refused(at, "achat", "Lead", "--connection", "absent"), "unknown_connection")
      assert.strictEqual(yield* refused(at, "devis", "Purchse", "--connection", "shop"), "unknown_event")
      // The example that the checkout tracks, by its path and by a link to it.
      const example = path.join(repository, "examples/connections.yaml")
      const tracked = readFileSync(example, "utf8")
      const link = path.join(folder, "link.yaml")
      symlinkSync(example, link)
      for (const named of [example, link])
        assert.strictEqual(
          yield* refused({ CAPI_CONNECTIONS: named }, "achat", "Purchase", "--connection", "meta-shop"),
          "example_file"
        )
      assert.deepStrictEqual([readFileSync(example, "utf8"), readFileSync(file, "utf8")], [tracked, before])
      const custom = yield* inside(["map", "accept", "devis", "Quote", "--connection", "shop", "--custom"], at)
      assert.isTrue(Exit.isSuccess(custom.exit))
      assert.match(readFileSync(file, "utf8"), /devis: Quote/)
    })
  )

  it.live("prepares events in order without broker and configuration", () =>
    Effect.gen(function* () {
      const file = path.join(folder, "events.jsonl")
      const head = { event_name: "purchase", properties: { value: 1, currency: "USD" } }
      const good = { event_id: "o-1", event_time: 1_795_424_000_000, user: { email: "a@example.com" }, ...head }
      writeFileSync(file, `${JSON.stringify(good)}\n${JSON.stringify({ event_id: "o-2", ...head })}`)
      const nothing = { KAFKA_BROKERS: "", SCHEMA_REGISTRY_URL: "", CAPI_MASTER_KEY: "", CAPI_CONNECTIONS: "" }
      const prepared = yield* inside(["prepare", file, "--platform", "meta"], nothing)
      assert.isTrue(Exit.isSuccess(prepared.exit))
      assert.deepStrictEqual(
        jsonLines(prepared.out).map((line) => [line["event_id"], line["outcome"]]),
        [
          ["o-1", "payload"],
          ["o-2", "rejected"]
        ]
      )
      assert.strictEqual(failureOf(yield* inside(["prepare", "absent.jsonl", "--platform", "meta"]))?.exitCode, 2)
    })
  )

  it.live("says in one line that the broker does not answer", () =>
    Effect.gen(function* () {
      const failure = failureOf(yield* inside(["topics"]))
      assert.strictEqual(failure?.exitCode, 3)
      assert.include(failure?.nextStep, "broker")
    })
  )
})
