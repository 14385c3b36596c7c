// `make clean`: removes what local runs left in the state folder, and keeps what is the user's: the credential store, the
// master key, and whatever else lies there. CREDENTIALS=delete removes that too. Refuses while a run is up. Needs no packages.
import { execFileSync } from "node:child_process"
import { createHash } from "node:crypto"
import { existsSync, readdirSync, readFileSync, rmSync } from "node:fs"
import path from "node:path"
import { fileURLToPath } from "node:url"
import { commandLine } from "./command-line.mjs"

const repository = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "../..")
const state = path.join(repository, ".capi")

/** What runs, benchmarks and tests make, and make again. Anything else in the folder is the user's. */
const folders = /^(jars|images|tools|logs|compile-cache|registry|broker-\d+|e2e-programs)$/
const files = /\.pid$|^(addresses|environment|cluster|ports|schema-ids(-\w+)?)\.json$|\.json\.\d+\.new$/
const isMade = ({ name, isFolder }) => (isFolder ? folders : files).test(name)

const all = process.env.CREDENTIALS === "delete"
const entries = existsSync(state)
  ? readdirSync(state, { withFileTypes: true }).map((entry) => ({ name: entry.name, isFolder: entry.isDirectory() }))
  : []

const running = whatRuns()
if (running !== null) {
  process.stderr.write(`make clean: ${running} Nothing was removed.\n`)
  process.exit(1)
}
for (const { name } of entries) if (name.endsWith(".pid")) endIfOurs(path.join(state, name))
const users = entries.filter((entry) => !isMade(entry)).map(({ name }) => `.capi/${name}`)
for (const entry of entries) if (all || isMade(entry)) remove(path.join(state, entry.name))
if (users.length === 0 || all) remove(state)
for (const folder of [".bench", "coverage"]) remove(path.join(repository, folder))
removeVolumes()
if (users.length > 0)
  process.stdout.write(
    all
      ? `Deleted ${users.join(", ")} too.\n`
      : `Kept ${users.join(", ")}: credentials and keys cannot be made again. \`make clean CREDENTIALS=delete\` deletes them too.\n`
  )

function remove(target) {
  rmSync(target, { recursive: true, force: true, maxRetries: 20, retryDelay: 250 })
}

// The program that started the broker, or a demonstration that uses it.
function whatRuns() {
  const addresses = readJson("addresses.json")
  if (addresses !== null && addresses.command !== undefined && commandLine(addresses.owner) === addresses.command)
    return `\`${addresses.startedBy}\` is running (pid ${addresses.owner}). ${addresses.howToEnd}`
  const demo = readJson("demo.pid")
  if (demo !== null && commandLine(demo.pid).includes(path.join("infra", "demo", "main.ts")))
    return `\`make run\` is running (pid ${demo.pid}). End it with Ctrl-C.`
  // A program that is still starting has told no addresses yet.
  for (const { pid, owner } of pidFiles())
    if (commandLine(pid).includes(state) && commandLine(owner) !== "")
      return `A program (pid ${owner}) is starting or ending here: ${commandLine(owner)}. Wait for it, or end it.`
  return null
}

function pidFiles() {
  return entries.filter(({ name }) => name.endsWith(".pid")).map(({ name }) => readJson(name) ?? {})
}

function readJson(name) {
  try {
    return JSON.parse(readFileSync(path.join(state, name), "utf8"))
  } catch {
    return null
  }
}

// What a run on Docker keeps is in volumes, named as infra/local/docker.ts names them.
function removeVolumes() {
  const key = createHash("sha256").update(state).digest("hex").slice(0, 12)
  for (const service of ["broker", "registry"]) {
    try {
      execFileSync("docker", ["volume", "rm", "-f", `capi-${key}-${service}`], { stdio: "ignore", timeout: 10_000 })
    } catch {
      // No Docker here, so no volume either.
    }
  }
}

// The pid may have been given to a stranger since: only a process that works on the state folder is ended.
function endIfOurs(file) {
  try {
    const { pid } = JSON.parse(readFileSync(file, "utf8"))
    if (!commandLine(pid).includes(state)) return
    process.kill(pid, "SIGTERM")
    // One that has ended and is not waited for yet has no command line.
    for (let waited = 0; waited < 20_000 && commandLine(pid) !== ""; waited += 100) {
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 100)
    }
  } catch {
    // It has ended, or never was: there is nothing to wait for.
  }
}
