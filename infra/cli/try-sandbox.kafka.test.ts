/** `./capi up --sandbox` as its user types it, in a shell that names a real broker. */
import { readdirSync, writeFileSync } from "node:fs"
import path from "node:path"
import { assert, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { runCapi } from "../../tests/harness/run-command.ts"
import { temporaryFolder } from "../../tests/harness/temporary-folder.ts"

const connections = `version: 1
connections:
  - id: my-meta
    platform: meta
    account: { dataset_id: "55" }
    credential: store:that-does-not-exist
  - id: my-google
    platform: google
    account: { operating_account_id: "1234567890", conversion_action_id: "98" }
    credential: env:THAT_IS_NOT_SET
`
const event = (id: string) => ({
  event_id: id,
  event_name: "purchase",
  event_time: new Date().toISOString(),
  action_source: "website",
  event_source_url: "https://shop.example/thanks",
  user: { email: `${id}@shop.example`, ip: "8.8.8.8", user_agent: "Mozilla/5.0", country: "US" },
  consent: { ad_user_data: "granted" },
  properties: { value: 10, currency: "USD", order_id: id }
})

it("shows what becomes of one's events at one's connections, and leaves nothing behind", {
  timeout: 300_000
}, async () => {
  const folder = temporaryFolder()
  const [file, events] = [path.join(folder, "connections.yaml"), path.join(folder, "events.jsonl")]
  writeFileSync(file, connections)
  writeFileSync(events, [event("o-1"), event("o-2"), { event_id: "bad" }].map((one) => JSON.stringify(one)).join("\n"))
  // Others may try a sandbox at the same time: what this one leaves would be in here.
  const temporary = temporaryFolder()
  const { exitCode, out, errors } = await Effect.runPromise(
    runCapi(["up", "--sandbox", "--events", events, "--json"], {
      TMPDIR: temporary,
      CAPI_CONNECTIONS: file,
      KAFKA_BROKERS: "kafka.example:9093",
      KAFKA_SSL: "true",
      KAFKA_SASL_USERNAME: "real",
      SCHEMA_REGISTRY_URL: "https://registry.example"
    })
  )
  assert.strictEqual(exitCode, 0, `${out}\n${errors}`)
  const [sent, { results }, { dead_letters: deadLetters }, summary] = out
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line))
  assert.deepStrictEqual(sent, { sent: 3, refused: 0 })
  const delivered = (results as ReadonlyArray<{ event_id: string; connection_id: string; outcome: string }>)
    .filter(({ outcome }) => outcome === "delivered")
    .map(({ event_id, connection_id }) => `${event_id} ${connection_id}`)
  assert.sameMembers(delivered, ["o-1 my-meta", "o-2 my-meta", "o-1 my-google", "o-2 my-google"])
  assert.deepStrictEqual([deadLetters.length, deadLetters[0].reason_code], [1, "missing_event_name"])
  assert.isTrue(summary.balanced)
  assert.include(errors, "No platform was contacted")
  assert.deepStrictEqual(readdirSync(temporary), [])
})
