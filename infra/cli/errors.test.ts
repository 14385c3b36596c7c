/**
 * What goes wrong on a newcomer's machine, by the real programs: one line with the next step on standard error, an exit code
 * that is not 0, and never a stack trace. The programs run from a copy of the tree, which has no state.
 */
import { once } from "node:events"
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync
} from "node:fs"
import { createServer, type Server } from "node:http"
import os from "node:os"
import path from "node:path"
import process from "node:process"
import { fileURLToPath } from "node:url"
import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
import { spawnGuarded } from "../local/guarded-spawn.mjs"
import { folderAndArguments } from "../local/program-files.ts"

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "../..")
const folder = realpathSync(mkdtempSync(path.join(os.tmpdir(), "capi-errors-")))
const copy = path.join(folder, "tree")
const tools = path.join(folder, "tools")

let registry: Server
let registryUrl = ""
beforeAll(async () => {
  for (const name of [
    "infra",
    "shared",
    "processors",
    "schemas",
    "examples",
    "Makefile",
    "package.json",
    "package-lock.json",
    "tsconfig.json"
  ])
    cpSync(path.join(root, name), path.join(copy, name), { recursive: true })
  symlinkSync(path.join(root, "node_modules"), path.join(copy, "node_modules"))
  // `make install` must find what is installed: through the link it would remove and fetch the packages of the checkout.
  cpSync(path.join(root, "node_modules/.installed-lock"), path.join(copy, "package-lock.json"))
  writeFileSync(path.join(copy, "connections.yaml"), connections("meta"))
  writeFileSync(path.join(copy, "wrong.yaml"), connections("meeta"))
  mkdirSync(tools)
  for (const name of ["bash", "sh", "make", "npm", "cmp", "grep", "env", "uname", "dirname"]) link(name)
  symlinkSync(process.execPath, path.join(tools, "node"))
  // A registry that knows every schema: what then does not answer is the broker.
  registry = createServer((request, response) => {
    request.resume()
    response.writeHead(200, { "content-type": "application/json" }).end(request.method === "GET" ? "[]" : '{"id":1}')
  }).listen(0, "127.0.0.1")
  await once(registry, "listening")
  const address = registry.address()
  registryUrl = `http://127.0.0.1:${typeof address === "object" && address !== null ? address.port : 0}`
})
afterAll(() => {
  registry.closeAllConnections()
  registry.close()
  rmSync(folder, { recursive: true, force: true })
})

const connections = (platform: string) =>
  `version: 1\nconnections:\n  - { id: shop, platform: ${platform}, account: { dataset_id: 1 }, credential: store:shop }\n`

const link = (name: string) => {
  const found = (process.env["PATH"] ?? "").split(":").find((place) => existsSync(path.join(place, name)))
  if (found !== undefined) symlinkSync(path.join(found, name), path.join(tools, name))
}

/** A JAVA_HOME whose java prints this version, and does nothing else. */
const javaHome = (version: string): string => {
  const home = path.join(folder, `java-${version}`)
  mkdirSync(path.join(home, "bin"), { recursive: true })
  const file = path.join(home, "bin/java")
  writeFileSync(file, `#!/bin/sh\necho 'openjdk version "${version}" 2020-01-01' >&2\n`)
  chmodSync(file, 0o755)
  return home
}

interface Ended {
  readonly code: number | null
  readonly err: string
}

/** Runs a command of the copy to its end, with the tools above and nothing else on its path. */
const run = async (command: string, args: ReadonlyArray<string>, more: Record<string, string>): Promise<Ended> => {
  // A separate process group: what a command does to its group must not end the tests.
  const child = spawnGuarded(path.join(tools, command), args, {
    cwd: copy,
    detached: true,
    stdio: ["ignore", "ignore", "pipe"],
    env: { PATH: tools, HOME: folder, HOST: "127.0.0.1", STARTUP_TIMEOUT: "2 seconds", LOG_LEVEL: "None", ...more }
  })
  let err = ""
  child.stderr.on("data", (chunk) => {
    err += chunk
  })
  const [code] = await once(child, "close")
  return { code, err }
}

const capi = (args: string, more: Record<string, string> = {}) =>
  run("node", ["infra/cli/main.ts", ...args.split(" ")], { ...nowhere, ...more })
const processor = (name: string, more: Record<string, string>) =>
  run("node", [...programOf(name)], { ...nowhere, CAPI_MASTER_KEY: masterKey, ...more })

/** The program's file in the copy, and its arguments. */
const programOf = (name: string): ReadonlyArray<string> => {
  const [folder, ...args] = folderAndArguments(name)
  return [`processors/${folder}/main.ts`, ...args]
}

const masterKey = "ZXJyb3JzLTAxMjM0NTY3ODlhYmNkZWZnaGlqa2xtbm8="
const nowhere = { KAFKA_BROKERS: "127.0.0.1:1", SCHEMA_REGISTRY_URL: "http://127.0.0.1:1" }

/** One line that holds all of these. */
const isOneLine = ({ code, err }: Ended, expected: number, ...parts: ReadonlyArray<string>) => {
  const lines = err
    .trimEnd()
    .split("\n")
    .filter((line) => !line.startsWith("make: "))
  assert.strictEqual(lines.length, 1, err)
  for (const part of parts) assert.include(lines[0], part)
  assert.strictEqual(code, expected, err)
}

describe("on a machine that lacks something", { timeout: 180_000 }, () => {
  it("without Java", async () => {
    const missing = "No Java was found"
    isOneLine(await run("node", ["infra/cli/main.ts", "up"], {}), 1, missing, "Install a JDK 17")
    isOneLine(await run("make", ["run"], {}), 2, missing, "Install a JDK 17")
  })

  it("with a Java that is too old", async () => {
    const ended = await run("node", ["infra/cli/main.ts", "up"], { JAVA_HOME: javaHome("11.0.2") })
    isOneLine(ended, 1, "Java 11 is too old", "17 or newer")
  })

  it("without Maven", async () => {
    const ended = await run("node", ["infra/cli/main.ts", "up"], { JAVA_HOME: javaHome("17.0.2") })
    isOneLine(ended, 1, "Maven was not found", "Install")
  })
})

describe("where nothing answers", { timeout: 180_000 }, () => {
  it("commands", async () => {
    isOneLine(await capi("results"), 3, "127.0.0.1:1", "KAFKA_BROKERS")
    isOneLine(await capi("topics --create"), 3, "127.0.0.1:1", "KAFKA_BROKERS")
    const soon = { STARTUP_TIMEOUT: "2 seconds" }
    isOneLine(await capi("topics --create --wait", soon), 3, "127.0.0.1:1", "KAFKA_BROKERS")
  })

  it.each(["normalizer", "delivery-meta"])("the %s", async (name) => {
    isOneLine(
      await processor(name, {}),
      3,
      "schema registry does not answer at http://127.0.0.1:1",
      "SCHEMA_REGISTRY_URL"
    )
    const ended = await processor(name, { SCHEMA_REGISTRY_URL: registryUrl })
    isOneLine(ended, 3, "Kafka does not answer at 127.0.0.1:1", "KAFKA_BROKERS")
  })
})

describe("with a wrong command", { timeout: 180_000 }, () => {
  it("of the delivery program: its platform is missing or unknown", async () => {
    for (const args of [[], ["mta"]])
      isOneLine(await run("node", ["processors/delivery/main.ts", ...args], nowhere), 2, args[0] ?? "missing", "meta, ")
  })
})

describe("with a wrong configuration", { timeout: 180_000 }, () => {
  it("of connections", async () => {
    isOneLine(await processor("mapper", { CAPI_CONNECTIONS: "wrong.yaml" }), 2, "wrong.yaml:3:", "Did you mean meta?")
    isOneLine(await processor("mapper", { CAPI_CONNECTIONS: "absent.yaml" }), 2, "absent.yaml")
  })

  it("of settings", async () => {
    isOneLine(await processor("mapper", { PORT: "http" }), 2, "PORT")
    isOneLine(await processor("mapper", { KAFKA_BROKERS: "" }), 2, "KAFKA_BROKERS is missing", "`./capi up`")
    isOneLine(await capi("results", { KAFKA_SSL: "perhaps" }), 2, "KAFKA_SSL")
  })

  it("of credentials", async () => {
    const store = { CAPI_CREDENTIALS_FILE: path.join(folder, "credentials.json") }
    const set = spawnGuarded(process.execPath, ["infra/cli/main.ts", "credentials", "set", "shop"], {
      cwd: copy,
      env: { ...store, CAPI_MASTER_KEY: masterKey },
      stdio: ["pipe", "ignore", "inherit"]
    })
    set.stdin.end("a-token\n")
    assert.deepStrictEqual((await once(set, "close"))[0], 0)
    const stranger = { ...store, CAPI_MASTER_KEY: "YW5vdGhlci0wMTIzNDU2Nzg5YWJjZGVmZ2hpamtsbW4=" }
    isOneLine(await capi("credentials remove shop", stranger), 1, "CAPI_MASTER_KEY does not open")
    isOneLine(
      await capi("connect test shop", { ...store, CAPI_MASTER_KEY: masterKey, CAPI_CONNECTIONS: "wrong.yaml" }),
      2,
      "wrong.yaml:3:"
    )
  })
})

describe("a slip of the finger", { timeout: 120_000 }, () => {
  it.each([
    ["lnt", "capi: Unknown subcommand", "Did you mean lint?"],
    ["results --evnt o-1", "capi: Unrecognized flag: --evnt", "./capi results --help"],
    ["results --since 1 day", 'capi: Unexpected positional argument: "day".', "in quotes", "./capi results --help"],
    ["replay --stage mapper", "capi: Missing required flag: --from", "./capi replay --help"],
    ["results --limit many", "capi:", "./capi results --help"],
    ["results --limit 0", "capi:", "--limit must be at least 1, not 0"],
    ["results --limit=-5", "capi:", "--limit"],
    ["dead-letters list --limit -1", "capi:", "--limit"],
    ["tail raw-events --last 0", "capi:", "--last must be at least 1, not 0"],
    ["tail raw-events --last -1", "capi:", "--last"],
    ["tail raw-events --last 1 --from beginning", "--from and --last"],
    ["topics --partitions 0", "capi:", "--partitions must be at least 1, not 0"],
    ["results --outcome delivred", 'There is no outcome "delivred".', "Did you mean delivered?", "Known are delivered"],
    ["results --summary --event o-1", "--summary"],
    ["results --event o-1 --wait=-5seconds", "--wait -5seconds is not a duration above zero."],
    ["results --event o-1 --wait 0seconds", "--wait 0seconds is not a duration above zero."],
    ["redrive --stage delivery-mta --all", 'There is no stage "delivery-mta".', "Did you mean delivery-meta?"],
    ["prepare events.jsonl --platform mta", "capi:", "meta"],
    ["tail raw-event --last 1", 'There is no topic "raw-event".', "Did you mean raw-events?"],
    ["run normaliser", 'capi: There is no processor "normaliser".', "normalizer"],
    ["replay --stage maper --from beginning --dry-run", 'There is no stage "maper".', "Did you mean mapper?"]
  ])("%s", async (args, ...parts) => {
    isOneLine(await capi(args), 2, ...parts)
  })

  it("is printed as JSON where asked", async () => {
    const { code, err } = await capi("lnt --json")
    assert.strictEqual(code, 2)
    assert.deepInclude(JSON.parse(err).error, { code: "usage" })
  })
})
