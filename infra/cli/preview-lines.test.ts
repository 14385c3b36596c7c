import { assert, describe, it } from "@effect/vitest"
import { builtinConnection } from "../../shared/connectors/load-connections.ts"
import { previewLines } from "./preview-lines.ts"

const line = (id: string) =>
  `{"event_id":"${id}","event_name":"lead","event_time":1795000000123,"user":{"email":"é@example.com"}}`

const run = async (chunks: ReadonlyArray<string>, reveal = false) => {
  const input = (async function* () {
    yield* chunks
  })()
  let output = ""
  for await (const text of previewLines(input, {
    connection: builtinConnection("meta"),
    now: null,
    samplesAt: 1_795_424_000_000,
    reveal
  }))
    output += text
  return output
    .split("\n")
    .filter((text) => text !== "")
    .map(
      (text) =>
        JSON.parse(text) as {
          event_id: string
          outcome: string
          reason?: string
          payload?: { user_data: Readonly<Record<string, unknown>> }
        }
    )
}

describe("capi prepare", () => {
  it("gives one line for each line, in order, bad ones among them", async () => {
    const lines = await run([`\ufeff${line("1")}\n\n{broken\n${line("2")}\n\n`])
    assert.deepStrictEqual(
      lines.map(({ event_id, outcome, reason }) => [event_id, reason ?? outcome]),
      [
        ["1", "payload"],
        [null, "empty"],
        [null, "undecodable"],
        ["2", "payload"]
      ]
    )
  })

  it("refuses a line of any length without holding it", async () => {
    const long = Array.from({ length: 40 }, () => "x".repeat(100_000))
    const lines = await run([`${line("1")}\n{"a":"`, ...long, `"}\n`, line("2")])
    assert.deepStrictEqual(
      lines.map(({ outcome, reason }) => reason ?? outcome),
      ["payload", "record_too_large", "payload"]
    )
  })

  it("hides what a platform takes in clear, and shows hashes; with --reveal all of it", async () => {
    const user = { email: "é@example.com", ip: "203.0.113.7", user_agent: "Mozilla/5.0" }
    const text = JSON.stringify({ event_id: "1", event_name: "lead", event_time: 1_795_000_000_123, user })
    const [hidden] = await run([text])
    const [shown] = await run([text], true)
    assert.deepStrictEqual(hidden?.payload?.user_data, {
      ...shown?.payload?.user_data,
      client_ip_address: "***",
      client_user_agent: "***"
    })
    assert.strictEqual(shown?.payload?.user_data["client_ip_address"], "203.0.113.7")
  })

  it("doesn't care where chunks end, nor whether the last line does", async () => {
    const text = `${line("1")}\n${line("2")}\r\n${line("3")}`
    assert.deepStrictEqual(await run([...text]), await run([text]))
    assert.strictEqual((await run([text])).length, 3)
  })
})
