/** A platform is a folder and two lines: a made-up one in a copy of the tree is mapped, delivered and listed like the others. */
import { execFileSync } from "node:child_process"
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import os from "node:os"
import path from "node:path"
import process from "node:process"
import { fileURLToPath } from "node:url"
import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "..")
let folder = ""

beforeAll(() => {
  folder = mkdtempSync(path.join(os.tmpdir(), "made-up-platform-"))
  for (const part of ["schemas", "shared", "processors", "infra", "examples", "package.json"])
    cpSync(path.join(root, part), path.join(folder, part), { recursive: true })
  symlinkSync(path.join(root, "node_modules"), path.join(folder, "node_modules"))
  mkdirSync(path.join(folder, "shared/connectors/acme"))
  write("shared/connectors/acme/connector.ts", connector)
  insert("shared/connectors/registry.ts", "\n", 'import { acme } from "./acme/connector.ts"\n')
  insert("shared/connectors/registry.ts", "connectors: Readonly<Record<ConnectorKind, Connector>> = {\n", "  acme,\n")
  insert("shared/model/platform.ts", "const kinds = {\n", '  acme: "acme",\n')
  write("try.ts", script)
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const write = (file: string, text: string): void => writeFileSync(path.join(folder, file), text)

const insert = (file: string, after: string, line: string): void => {
  const text = readFileSync(path.join(folder, file), "utf8")
  assert.include(text, after)
  write(file, text.replace(after, after + line))
}

/** All of the platform: it takes `{ name, id, who }` and answers `{ taken: [true, false] }`. */
const connector = `
import { limits } from "../connector.ts"
import { bodyObject, jsonBody, listOf, originOf, postJson } from "../http/json.ts"
import { catalogOf } from "../mapping/catalog.ts"
import { mapping } from "../mapping/start.ts"
import { classification, itemVerdicts, verdictMeta } from "../verdicts.ts"

const row = (status, flag, name) =>
  ({ match: { status: [status], flag: [flag] }, class: name, reason: name, next_step: "", source: "Acme API" })
const table = classification({ doc: "Acme", rows: [row("200", "taken", "delivered"), row("200", "refused", "invalid_event")] })
const send = (events, { connection }) => postJson(originOf(connection) + "/v1/events", jsonBody("events", events, {}), { connection, secret: {} })

export const acme = {
  kind: "acme",
  platform: "acme",
  name: "Acme API",
  account: { required: ["shop"], optional: [] },
  exampleAccount: { shop: "1" },
  credential: { required: ["access_token"], optional: [] },
  endpoint: { host: "https://acme.example", version: "v1" },
  limits: { documented: limits({ eventsPerRequest: 10 }), specification: limits({ eventsPerRequest: 10 }) },
  catalog: catalogOf({
    events: { purchase: "Bought" },
    standard_events: ["Bought"],
    custom_events: false,
    parameters: { open: false, names: [] },
    match_quality: { email: 0.5, acid: 0.4 },
    age_limit_days: { default: 7 },
    future_limit_seconds: 0
  }),
  clickIds: [{ parameter: "acid", field: null, form: "token" }],
  personalKeys: ["who"],
  restrictedUse: false,
  classifications: [table],
  idempotent: true,
  formatUserData: (user) => ({ email: user.email, click: user.click_ids?.acid ?? null }),
  mapEvent: mapping({
    target: () => "default",
    payload: (event, { named, connection, deadline, restricted }) => ({
      _tag: "Payload",
      platformEvent: named.name,
      payload: { name: named.name, id: event.event_id, who: acme.formatUserData(event.user, connection) },
      batchGroup: "",
      deadline,
      dropped: [],
      sealedRecipient: null
    })
  }),
  request: send,
  verdict: (response, events) =>
    itemVerdicts(
      verdictMeta,
      new Map(listOf(bodyObject(response)?.taken).map((taken, index) => [index, table.classify({ status: response.status, flags: [taken ? "taken" : "refused"] })])),
      events.length
    ),
  probe: (context) => send([], context),
  probeVerdict: (response) => table.classify({ status: response.status, flags: ["taken"] })
}
`

/** Asks the copy what it makes of the platform, and prints the answers. */
const script = `
import { createServer } from "node:http"
import * as Effect from "effect/Effect"
import { programNames } from "./infra/cli/programs.ts"
import { previewEvent } from "./processors/normalizer/preview/preview-event.ts"
import { generatedLines } from "./infra/images/deploy-files.ts"
import { declaredTopics } from "./infra/topics/declared-topics.ts"
import { checkConnections } from "./shared/connectors/load-connections.ts"
import { connectorClient } from "./shared/connectors/connector-client.ts"
import { opensNothing } from "./shared/connectors/connector.ts"
import { layerHttpTransport } from "./shared/connectors/http/http-client.ts"
import { connectorFor } from "./shared/connectors/registry.ts"

const bodies = []
const server = createServer((request, response) => {
  let body = ""
  request.on("data", (chunk) => (body += chunk))
  request.on("end", () => {
    const { events } = JSON.parse(body)
    bodies.push(events)
    response.end(JSON.stringify({ taken: events.map(({ id }) => id !== "e-2") }))
  })
}).listen(0, "127.0.0.1", async () => {
  const host = "http://127.0.0.1:" + server.address().port
  const file = (platform) => "version: 1\\nconnections: [{ id: acme-shop, platform: " + platform + ", account: { shop: 7 }, credential: env:ACME, endpoint: { host: '" + host + "' } }]"
  const connection = checkConnections("c.yaml", file("acme"), {}).success.connections[0]
  const misspelt = checkConnections("c.yaml", file("acmee"), {}).failure.message
  const raw = (id, event_name) => ({ event_id: id, event_name, event_time: 1795000000000, action_source: "website", event_source_url: "https://shop.example/?acid=click-1", user: { email: "jane@example.com" } })
  const previews = [raw("e-1", "Order Completed"), raw("e-3", "refund")].map((event) => previewEvent(event, connection))
  const events = ["e-1", "e-2"].map((id) => ({ event_id: id, batch_group: "", payload: JSON.stringify({ ...previews[0].payload, id }) }))
  const context = { connection, secret: { access_token: "t" }, open: opensNothing }
  const run = (use) => Effect.runPromise(Effect.scoped(Effect.flatMap(connectorClient(connectorFor("acme"), context), use).pipe(Effect.provide(layerHttpTransport()))))
  const connected = await run((client) => client.connect)
  const sent = await run((client) => client.sendEvents(events))
  server.close()
  console.log(JSON.stringify({
    misspelt, previews, connected, sent, bodies,
    programs: programNames,
    topics: declaredTopics("", 1).map(({ name }) => name),
    deployed: Object.values(generatedLines).map((lines) => lines.join())
  }))
})
`

describe("a made-up platform", () => {
  it("is mapped, delivered and listed like the others", () => {
    const seen = JSON.parse(
      execFileSync(process.execPath, [path.join(folder, "try.ts")], { encoding: "utf8", cwd: folder })
    )
    // Mapped: by a name of another tool, with the click id from the page's URL; what has no name is skipped.
    assert.deepInclude(seen.previews[0], { event_id: "e-1", outcome: "payload" })
    assert.strictEqual(seen.previews[0].payload.name, "Bought")
    assert.strictEqual(seen.previews[0].payload.who.click, "click-1")
    assert.deepInclude(seen.previews[1], { outcome: "skipped", reason: "no_mapping" })
    // Delivered: over HTTP, with a verdict for each event.
    assert.strictEqual(seen.connected.status, "connected")
    assert.deepInclude(seen.sent, { success: false, events_received: 2, events_processed: 1, platform: "acme" })
    assert.deepStrictEqual(
      seen.sent.errors.map(({ event_id }: { readonly event_id: string }) => event_id),
      ["e-2"]
    )
    assert.deepStrictEqual(seen.bodies.at(-1).length, 2)
    // Listed: programs, topics, deployment files, and the loader's suggestions.
    assert.include(seen.programs, "delivery-acme")
    assert.includeMembers(seen.topics, ["mapped-events.acme", "delivery-retry.acme"])
    for (const lines of seen.deployed) assert.include(lines, "delivery-acme")
    assert.include(seen.misspelt, "Did you mean acme?")
  })
})
