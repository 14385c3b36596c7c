/** `./capi connect test` against the sandbox of each platform, with credentials that are right, wrong and absent; and no secret shown anywhere. */
import { readFileSync } from "node:fs"
import path from "node:path"
import process from "node:process"
import { fileURLToPath } from "node:url"
import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import { describeFailure, formatFailure } from "../../shared/runtime/exit.ts"
import { temporaryFolder } from "../../tests/harness/temporary-folder.ts"
import { demoEnvironment } from "../demo/environment.ts"
import { startSandbox } from "../sandbox/sandbox.ts"
import { loadRoot } from "./root.ts"
import { jsonLines, type RanCommand, runCommand } from "./testing.ts"

const example = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "../../examples/connections.yaml")
/** Of the example, which has a connection of every kind. */
const ids = [...readFileSync(example, "utf8").matchAll(/^ {2}- id: (\S+)$/gm)].map(([, id]) => id!)
const credentialNames = /_(TOKEN|CREDENTIAL)$/

let before: NodeJS.ProcessEnv = {}
let variables: Readonly<Record<string, string>> = {}
const scope = Scope.makeUnsafe()
beforeAll(async () => {
  before = { ...process.env }
  process.env["CAPI_MASTER_KEY"] = planted.masterKey
  const sandbox = await Effect.runPromise(startSandbox({}).pipe(Scope.provide(scope)))
  const addresses = {
    brokers: "127.0.0.1:1",
    registryUrl: "http://127.0.0.1:1",
    sandbox,
    webhookPort: 0,
    indexerPort: 0
  }
  variables = { ...demoEnvironment(addresses), CAPI_CONNECTIONS: example }
})
afterAll(async () => {
  setEnvironment(before)
  await Effect.runPromise(Scope.close(scope, Exit.void))
})

/** In place: who imported `env` has this very object. */
const setEnvironment = (next: NodeJS.ProcessEnv): void => {
  for (const name of Object.keys(process.env)) if (!(name in next)) delete process.env[name]
  Object.assign(process.env, next)
}

/** Credentials come from the process's environment, the other settings from the provider. */
const capi = (args: ReadonlyArray<string>, more: Readonly<Record<string, string>> = {}) => {
  const all = { ...variables, ...more }
  setEnvironment({ ...before, ...all })
  return Effect.runPromise(runCommand(args, all))
}

interface Tested {
  readonly status: string
  readonly message: string
  readonly details: { readonly connection_id: string }
}

const statuses = ({ out }: RanCommand) => {
  const results = (jsonLines(out)[0] ?? []) as unknown as ReadonlyArray<Tested>
  return Object.fromEntries(results.map(({ details, status }) => [details.connection_id, status]))
}
const each = (status: string) => Object.fromEntries(ids.map((id) => [id, status]))

/** Everything that a command shows, its failure as people and machines see it, and what a log would hold. */
const shown = ({ exit, out, notes }: RanCommand): string => {
  const failure = Exit.isFailure(exit) ? describeFailure(exit.cause) : null
  const log = Exit.isFailure(exit) ? Cause.pretty(exit.cause) : ""
  return [out, ...notes, failure === null ? "" : formatFailure("capi", failure), JSON.stringify(failure), log].join(
    "\n"
  )
}

const planted = {
  masterKey: "cGxhbnRlZC03YzFlLTAxMjM0NTY3ODlhYmNkZWZnaGk=",
  wrong: "planted-wrong-token-55d0",
  sasl: "planted-sasl-9af3"
}
const wrongCredentials = () =>
  Object.fromEntries(
    Object.entries(variables)
      .filter(([name]) => credentialNames.test(name))
      .map(([name, value]) => [
        name,
        value.replaceAll(/(?<=^|":")(?!sandbox-(?:app-secret|verify))[^"{}]+(?="|$)/g, planted.wrong)
      ])
  )

describe("capi connect test", { timeout: 120_000 }, () => {
  it("connects to every platform with the right credential", async () => {
    const ran = await capi(["connect", "test", "--json"])
    assert.deepStrictEqual(statuses(ran), each("connected"), ran.out)
    assert.isTrue(Exit.isSuccess(ran.exit))
    const one = await capi(["connect", "test", "meta-shop"])
    assert.match(one.out, /^meta-shop: connected: /)
  })

  it("distinguishes a wrong credential from a platform that does not answer", async () => {
    const wrong = await capi(["connect", "test", "--json"], wrongCredentials())
    assert.deepStrictEqual(statuses(wrong), each("error"), wrong.out)
    assert.notInclude(wrong.out, "not_found")
    assert.strictEqual(Exit.isFailure(wrong.exit) ? describeFailure(wrong.exit.cause)?.exitCode : 0, 1)
    const hosts = Object.keys(variables).filter((name) => name.endsWith("_HOST"))
    const silent = Object.fromEntries(hosts.map((name) => [name, "http://127.0.0.1:1"]))
    const down = await capi(["connect", "test", "--json"], silent)
    assert.deepStrictEqual(statuses(down), each("disconnected"), down.out)
    assert.strictEqual(Exit.isFailure(down.exit) ? describeFailure(down.exit.cause)?.exitCode : 0, 3)
  })

  it("names the variable of a credential that is absent", async () => {
    const ran = await capi(["connect", "test", "tiktok-shop"], { TIKTOK_TOKEN: "" })
    assert.include(ran.out, "TIKTOK_TOKEN")
  })
})

describe("no command shows a secret", { timeout: 120_000 }, () => {
  const secrets = () => [
    ...Object.values(planted),
    "sandbox-app-secret",
    "sandbox-verify-token",
    ...Object.entries(variables)
      .filter(([name]) => credentialNames.test(name))
      .flatMap(([, value]) =>
        value.startsWith("{") ? Object.values(JSON.parse(value) as Record<string, string>) : [value]
      )
      // A client id is public: it stands in the address of every consent page.
      .filter((value) => !value.includes("client-id") && !value.endsWith(".apps.googleusercontent.com"))
  ]

  const leakIn = (text: string) => secrets().filter((secret) => text.includes(secret))

  it("with right and wrong credentials", async () => {
    for (const json of [[], ["--json"]])
      for (const more of [{}, wrongCredentials()]) {
        const text = shown(await capi(["connect", "test", ...json], more))
        assert.isNotEmpty(text)
        assert.deepStrictEqual(leakIn(text), [])
      }
  })

  it("of the whole tree, with a broker that does not answer", async () => {
    const more = {
      CAPI_CREDENTIALS_FILE: path.join(temporaryFolder(), "credentials.json"),
      KAFKA_SASL_USERNAME: "someone",
      KAFKA_SASL_PASSWORD: planted.sasl,
      SCHEMA_REGISTRY_USERNAME: "someone",
      SCHEMA_REGISTRY_PASSWORD: planted.sasl
    }
    const root = await loadRoot([])
    const leaves = root.subcommands
      .flatMap(({ commands }) => commands)
      .filter(({ name }) => !["up", "down", "run"].includes(name))
      .flatMap((command) => {
        const below = command.subcommands.flatMap(({ commands }) => commands)
        return below.length === 0 ? [[command.name]] : below.map(({ name }) => [command.name, name])
      })
    const rest: Readonly<Record<string, ReadonlyArray<string>>> = {
      send: ["--samples"],
      tail: ["raw-events", "--last", "1"],
      redrive: ["--all", "--dry-run"],
      replay: ["--stage", "mapper", "--from", "beginning", "--dry-run"],
      prepare: ["absent.jsonl", "--platform", "meta"],
      "dead-letters show": ["0:0", "--reveal"],
      "unknown resend": ["--all", "--yes"],
      "credentials remove": ["absent"],
      "map suggest": ["achat"],
      "map accept": ["achat", "Purchase", "--connection", "absent"]
    }
    // `credentials set` reads standard input: see cli.test.ts.
    const commands = leaves.filter((words) => words.join(" ") !== "credentials set")
    const ran = await Promise.all(
      commands
        .map((words) => [...words, ...(rest[words.join(" ")] ?? [])])
        .flatMap((args) => [args, [...args, "--json"]])
        .map(async (args) => [args.join(" "), leakIn(shown(await capi(args, more)))] as const)
    )
    assert.isAbove(ran.length, 30)
    assert.deepStrictEqual(leakIn(`a ${planted.sasl} is found`), [planted.sasl])
    assert.deepStrictEqual(
      ran.filter(([, leaks]) => leaks.length > 0),
      []
    )
  })
})
