/**
 * `docs/production.md` from its first command to its last, pasted as a person would: a shell in an empty folder, a real broker and registry, the
 * sandboxes in the platforms' places. Only addresses, ports and secrets are others than on the page.
 */
import { execFileSync } from "node:child_process"
import { readFileSync, symlinkSync, writeFileSync } from "node:fs"
import path from "node:path"
import process from "node:process"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { freePort } from "../../infra/local/ports.ts"
import { repository } from "../../infra/local/state.ts"
import { sandboxCredentials, startSandbox } from "../../infra/sandbox/sandbox.ts"
import { connectors } from "../../shared/connectors/registry.ts"
import { runProcess } from "../harness/run-command.ts"
import { temporaryFolder } from "../harness/temporary-folder.ts"
import { testBrokers, testRegistryUrl, uniquePrefix } from "../harness/test-services.ts"

const page = readFileSync(path.join(repository, "docs/production.md"), "utf8")
const blocks = [...page.matchAll(/^```(\S+)(?: (\S+))?\n([\s\S]*?)\n```$/gm)].map(([, language, name, text]) => ({
  language: language!,
  name: name ?? null,
  text: text!
}))
const credentials = new Map(
  blocks.flatMap(({ language, name, text }) =>
    language === "json" && name !== null ? [[name, JSON.parse(text) as Record<string, string>] as const] : []
  )
)
const platforms = Object.values(connectors).map(({ kind }) => kind)

describe("docs/production.md", () => {
  it("shows the credential of each kind of connection with the fields that it has", () => {
    assert.sameMembers([...credentials.keys()], platforms)
    for (const [kind, shown] of credentials) {
      const { required, optional } = connectors[kind as keyof typeof connectors].credential
      assert.includeMembers(Object.keys(shown), [...required], kind)
      assert.includeMembers([...required, ...optional], Object.keys(shown), kind)
    }
  })

  it("has only commands that are run here", () => {
    const languages = new Set(blocks.map(({ language }) => language))
    assert.sameMembers([...languages], ["sh", "json", "yaml"])
  })

  it("leads from nothing to a delivery at every platform", { timeout: 600_000 }, () =>
    Effect.runPromise(Effect.scoped(pasted(temporaryFolder())))
  )
})

const pasted = Effect.fnUntraced(function* (folder: string) {
  const webhookPort = yield* freePort
  const port = yield* freePort
  const url = `http://127.0.0.1:${webhookPort}/webhooks/whatsapp/whatsapp-orders`
  const appSecret = credentials.get("whatsapp")!["app_secret"]!
  const sandbox = yield* startSandbox({ whatsapp: { webhook: { url, appSecret } } })
  symlinkSync(path.join(repository, "capi"), path.join(folder, "capi"))
  for (const [kind, { secret }] of Object.entries(sandboxCredentials()))
    writeFileSync(path.join(folder, `${kind}.json`), JSON.stringify({ ...credentials.get(kind), ...secret }))
  for (const { language, name, text } of blocks)
    if (language === "yaml") writeFileSync(path.join(folder, name!), `${text}\n`)

  const ready = `for i in $(seq 900); do curl -sf http://127.0.0.1:${port}/readyz > /dev/null && break; sleep 0.2; done`
  const script = blocks.flatMap(({ language, name, text }, index) => {
    if (language !== "sh") return []
    const lines = text
      .replace(/^export (?:KAFKA_BROKERS|SCHEMA_REGISTRY_URL)=.*$/gm, "")
      .replace("PORT=9464", `PORT=${port}`)
      .replace("CAPI_WEBHOOK_PORT=8088", `CAPI_WEBHOOK_PORT=${webhookPort}`)
    const mark = `echo "## ${index}"`
    return name === "background" ? [mark, `${lines} > programs.log 2>&1 &`, "programs=$!", ready] : [mark, lines]
  })
  writeFileSync(
    path.join(folder, "pasted.sh"),
    [
      "set -euo pipefail",
      "programs=",
      "trap '[ -z \"$programs\" ] || { kill $programs; wait $programs || true; }' EXIT",
      ...script,
      'echo "## results"',
      './capi results --event "$id" --json'
    ].join("\n")
  )
  const { PATH = "", HOME = folder } = process.env
  const environment = {
    PATH: `${path.join(repository, "node_modules/.bin")}:${PATH}`,
    HOME,
    KAFKA_BROKERS: testBrokers().join(","),
    SCHEMA_REGISTRY_URL: testRegistryUrl(),
    CAPI_TOPIC_PREFIX: uniquePrefix("production"),
    ...Object.fromEntries(Object.entries(sandbox.environment).filter(([name]) => name.endsWith("_HOST")))
  }
  const { exitCode, out, errors } = yield* Effect.promise(() =>
    runProcess("bash", ["-c", `cd '${folder}' && exec env -i ${quoted(environment)} bash pasted.sh`])
  )
  const log = () => execFileSync("sh", ["-c", `tail -n 20 '${folder}/programs.log' 2>/dev/null || true`]).toString()
  assert.strictEqual(exitCode, 0, `${out}\n${errors}\n${log()}`)
  const { results } = JSON.parse(out.split("## results\n")[1]!) as {
    readonly results: ReadonlyArray<{ readonly connection_id: string; readonly outcome: string }>
  }
  const reached = new Set(
    results.filter(({ outcome }) => /delivered|accepted/.test(outcome)).map((one) => one.connection_id)
  )
  assert.sameMembers(
    [...reached],
    ["meta-shop", "google-shop", "tiktok-shop", "snapchat-shop", "pinterest-shop", "whatsapp-orders"],
    out
  )
  // The reminder of a test, where the page promises it.
  assert.include(out + errors, "Events are sent as tests")
})

const quoted = (environment: Readonly<Record<string, string>>): string =>
  Object.entries(environment)
    .map(([name, value]) => `${name}='${value.replaceAll("'", "'\\''")}'`)
    .join(" ")
