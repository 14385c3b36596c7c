/** What a soak reads: metrics, logs, the samples of programs, and the connections that it writes. */
import { assert, describe, it } from "@effect/vitest"
import { connectionsMin, connectionsText } from "./connections.ts"
import { gaugesIn } from "./gauges.ts"
import { troubledLines } from "./log-lines.ts"
import type { Sample } from "./probe.ts"
import { seriesOf } from "./series.ts"

describe("metrics", () => {
  const gauges = gaugesIn(`# TYPE capi_lag_records gauge
capi_lag_records{partition="0",processor="mapper"} 3
capi_lag_records{partition="1",processor="mapper"} 4
capi_delivery_paused{platform="meta",connection="meta-shop"} 1
capi_delivery_paused{platform="meta",connection="meta-vip"} 0
capi_process_resident_memory_bytes 1.5e8
`)

  it("are counted, and summed over their labels", () => {
    assert.strictEqual(gauges.count, 5)
    assert.strictEqual(gauges.sum("capi_lag_records"), 7)
    assert.strictEqual(gauges.sum("capi_process_resident_memory_bytes"), 150_000_000)
    assert.strictEqual(gauges.sum("capi_lag"), 0)
  })

  it("name the connections whose value is such", () => {
    assert.deepStrictEqual(
      gauges.labelsWhere("capi_delivery_paused", "connection", (value) => value > 0),
      ["meta-shop"]
    )
  })
})

describe("logs", () => {
  it("are counted by program, level and message, without what is normal, and text that is no JSON", () => {
    const line = (level: string, message: string, n: number) => JSON.stringify({ level, message, n })
    const log = [
      line("INFO", "Ready.", 1),
      line("WARN", "Slow.", 1),
      line("ERROR", "Refused.", 1),
      line("WARN", "Slow.", 2),
      "FATAL ERROR: heap",
      ""
    ].join("\n")
    assert.deepStrictEqual(
      troubledLines("mapper", log).map(({ count, level, message }) => `${count} ${level} ${message}`),
      ["2 WARN Slow.", "1 ERROR Refused.", "1 TEXT FATAL ERROR: heap"]
    )
    assert.include(troubledLines("mapper", log)[0]!.example, '"n":2')
  })
})

describe("series", () => {
  it("hold the readings of the last process alone", () => {
    const sample = (pid: number, at: number, heap: number) => ({ pid, at, heap }) as Sample
    const fleet = {
      running: () => new Map([["mapper", { pid: 2 } as never]]),
      samples: () => [sample(1, 60_000, 900), sample(2, 120_000, 10), sample(2, 180_000, 11)]
    }
    const seen = [
      { minute: 1, instance: "broker", pid: 8, values: { descriptors: 99 } },
      { minute: 2, instance: "broker", pid: 9, values: { descriptors: 5 } }
    ]
    const all = seriesOf(fleet, seen, 60_000)
    assert.deepStrictEqual(all.find(({ quantity }) => quantity === "heap")?.readings, [
      { minute: 1, value: 10 },
      { minute: 2, value: 11 }
    ])
    assert.deepStrictEqual(all.find(({ program }) => program === "broker")?.readings, [{ minute: 2, value: 5 }])
  })
})

describe("the connections of a soak", () => {
  const text = (added: boolean, paused: boolean) =>
    connectionsText({ count: connectionsMin + 2, host: "http://sandbox", tokenFile: "/tmp/token", added, paused })

  it("are the example's and further ones, with one more while it is added", () => {
    const ids = (yaml: string) => yaml.match(/^ {2}- id: .*/gm)?.length
    assert.deepStrictEqual([ids(text(false, false)), ids(text(true, false))], [connectionsMin + 2, connectionsMin + 3])
  })

  it("pause one and change another, and give one a token that is renewed", () => {
    assert.include(text(false, false), 'credential: "file:/tmp/token"')
    assert.notInclude(text(false, false), "enabled: false")
    assert.include(text(false, true), "platform: tiktok\n    enabled: false\n")
    assert.include(text(false, true), "platform: pinterest\n    limits: { linger: 2 seconds }\n")
  })
})
