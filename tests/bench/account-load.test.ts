/** The connections are read by the loader of the programs, and the records by the codec that delivery reads them with. */
import { readFileSync } from "node:fs"
import { assert, describe, it } from "@effect/vitest"
import * as Result from "effect/Result"
import { sampleConnections } from "../../infra/demo/environment.ts"
import { checkConnections } from "../../shared/connectors/load-connections.ts"
import { makeMemoryCodecs } from "../../shared/testing/memory-codecs.ts"
import { accountsOf, connectionsOf, loadEvents, withAccounts } from "./account-load.ts"

const host = "http://127.0.0.1:1"
const load = (text: string) => Result.getOrThrow(checkConnections("connections.yaml", text, { BENCH_TOKEN: "token" }))
const now = 1_795_000_000_000

describe("many accounts", () => {
  it("are connections without problems, each with another dataset", () => {
    const accounts = accountsOf(200)
    const { connections, warnings } = load(
      connectionsOf(accounts, host, { linger: "20 millis", events_per_request: 1 }, "{ pool: { timeout: 2 seconds } }")
    )
    assert.deepStrictEqual(warnings, [])
    assert.deepStrictEqual(
      connections.map(({ id, account }) => [id, account["dataset_id"]]),
      accounts.map(({ dataset, connection }) => [connection.id, dataset])
    )
    assert.strictEqual(new Set(accounts.map(({ dataset }) => dataset)).size, 200)
    assert.isTrue(connections.every(({ limits }) => limits.eventsPerRequest === 1 && limits.linger !== null))
  })

  it("come after those of the example up to the number asked for", () => {
    const example = readFileSync(sampleConnections, "utf8")
    const before = load(example).connections
    const { connections } = load(withAccounts(example, 30, host))
    assert.strictEqual(connections.length, 30)
    assert.deepStrictEqual(connections.slice(0, before.length), before)
    assert.deepStrictEqual(load(withAccounts(example, before.length, host)).connections, before)
    assert.throws(() => withAccounts(example, before.length - 1, host), /more than/)
  })
})

describe("the load", () => {
  const codecs = makeMemoryCodecs()
  const accounts = accountsOf(3)

  it("is what the mapper writes: a record for each account, with the event's key and the connection's header", () => {
    const { id, records } = loadEvents(codecs, "run.", now)(7, accounts)
    assert.deepStrictEqual(
      records.map(({ topic, key, headers }) => [topic, key, headers?.["connection"]]),
      accounts.map(({ connection }) => ["run.mapped-events.meta", id, connection.id])
    )
    for (const [index, { value }] of records.entries()) {
      const decoded = codecs.decode("mapped-event", value)
      assert.strictEqual(decoded._tag, "Decoded")
      if (decoded._tag !== "Decoded") return
      assert.strictEqual(decoded.value.connection_id, accounts[index]!.connection.id)
      assert.strictEqual(JSON.parse(String(decoded.value.payload)).event_id, id)
    }
  })

  it("differs from event to event, and is the same for the same number", () => {
    const event = loadEvents(codecs, "", now)
    assert.notStrictEqual(event(1, accounts).id, event(2, accounts).id)
    assert.deepStrictEqual(event(1, accounts), event(1, accounts))
  })
})
