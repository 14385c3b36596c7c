/**
 * Connections are added, changed, disabled and enabled again while events are published and two instances of each program run: no process
 * is restarted, no event is lost or delivered twice, a wrong file changes nothing.
 */
import { readFileSync, renameSync, writeFileSync } from "node:fs"
import path from "node:path"
import { assert, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { logFileOf } from "../../infra/local/run-programs.ts"
import { startSandbox } from "../../infra/sandbox/sandbox.ts"
import { makeLoad } from "../chaos/load.ts"
import { startChain } from "../harness/chain.ts"
import { startablePrograms } from "../harness/programs.ts"
import { readBack } from "../harness/records.ts"
import { scopedFolder } from "../harness/scoped-folder.ts"
import { testBrokers, testRegistryUrl, uniquePrefix } from "../harness/test-services.ts"
import { waitUntil } from "../harness/wait-until.ts"

const dataset = { a: "1000000001", b: "1000000002", c: "1000000003" }

const meta = (id: keyof typeof dataset, more = "") => `  - id: meta-${id}
    platform: meta
    account: { dataset_id: "${dataset[id]}" }
    credential: env:META_TOKEN
    endpoint: { host: "\${META_HOST}" }
    ${more}
`
const tiktok = `  - id: tiktok
    platform: tiktok
    account: { pixel_code: C0PIXELCODE }
    credential: env:TIKTOK_TOKEN
    endpoint: { host: "\${TIKTOK_HOST}" }
`
const file = (...connections: ReadonlyArray<string>) => `version: 1\nconnections:\n${connections.join("")}${tiktok}`

const first = file(meta("a"), meta("b"))
const wrong = file(meta("a"), meta("b", "limits: { linger: soon }"))
const second = file(meta("a", "limits: { linger: 300 millis }"), meta("b", "enabled: false"), meta("c"))
const third = file(meta("a", "limits: { linger: 300 millis }"), meta("b"), meta("c"))

const story = Effect.gen(function* () {
  const sandbox = yield* startSandbox({ store: { bodiesMax: 50_000, idsMax: 50_000 } })
  const prefix = uniquePrefix("reload")
  const folder = yield* scopedFolder("reload")
  const connections = path.join(folder, "connections.yaml")
  const write = (text: string) =>
    Effect.sync(() => {
      writeFileSync(`${connections}.new`, text)
      renameSync(`${connections}.new`, connections)
    })
  yield* write(first)
  const chain = yield* startChain({
    name: "reload-1",
    prefix,
    sandbox,
    connections: { file: connections },
    environment: { CAPI_CONNECTIONS_EVERY: "300 millis" },
    programs: ["normalizer", "mapper", "delivery-meta", "delivery-tiktok"],
    services: { brokers: testBrokers().join(","), registryUrl: testRegistryUrl() }
  })
  const others = yield* startablePrograms({ folder: path.join(folder, "second"), environment: chain.environment })
  yield* others.start(["mapper", "delivery-meta"])
  const logs = [
    ...["mapper", "delivery-meta"].map((name) => logFileOf(path.join(folder, "second"), name)),
    ...["mapper", "delivery-meta"].map((name) => logFileOf(chain.folder, name))
  ]
  const inLog = (log: string, text: string) => readFileSync(log, "utf8").split(text).length - 1
  const until = (what: string, condition: () => boolean | Promise<boolean>) =>
    Effect.promise(() => waitUntil(what, condition, 120_000))
  const takenAt = async (id: keyof typeof dataset) =>
    (await chain.run(chain.control.receipts("meta"))).filter(({ asset }) => asset === dataset[id]).length
  const isReady = async () =>
    (
      await Promise.all(
        [chain.programs, others].flatMap((all) =>
          ["mapper", "delivery-meta"].map((name) => chain.run(all.readiness(name)))
        )
      )
    ).every((answer) => answer?.ok === true)

  const load = makeLoad(prefix, 1, 40)
  const publishing = yield* Effect.forkScoped(Effect.provide(load.publish, chain.services))
  yield* until("events arrive", async () => (await takenAt("b")) > 50)

  yield* write(wrong)
  yield* until("the wrong file is named", () => logs.every((log) => inLog(log, "are not taken") === 1))
  const before = yield* Effect.promise(() => takenAt("a"))
  yield* until("what was read before stays in use", async () => (await takenAt("a")) > before + 20)

  for (const [round, [text, id]] of (
    [
      [second, "c"],
      [third, "b"]
    ] as const
  ).entries()) {
    yield* write(text)
    yield* until("all take the file", () => logs.every((log) => inLog(log, "taking them") === round + 1))
    const at = yield* Effect.promise(() => takenAt(id))
    yield* until(`events arrive at ${id}`, async () => (await takenAt(id)) > at + 20)
    yield* until("all are ready", isReady)
  }
  yield* Fiber.interrupt(publishing)
  yield* until("nothing is in flight", async () => {
    const { exitCode, out } = await Effect.runPromise(chain.capi("ledger", "--json"))
    const ledger = JSON.parse(out.split("\n")[0]!) as {
      readonly in_flight_raw: number
      readonly connections: ReadonlyArray<{ readonly in_flight: number }>
    }
    return exitCode === 0 && ledger.in_flight_raw === 0 && ledger.connections.every((one) => one.in_flight === 0)
  })

  for (const name of ["normalizer", "mapper", "delivery-meta", "delivery-tiktok"])
    assert.isFalse(chain.programs.hasEnded(name), name)
  assert.strictEqual(inLog(logFileOf(chain.folder, "delivery-tiktok"), "taking them"), 0)
  const mapped = yield* Effect.promise(() => chain.run(readBack(`${prefix}mapped-events.meta`, "mapped-event")))
  assert.deepStrictEqual(repeated(mapped.map(placeOf)), [], "mapped twice")
  const results = yield* Effect.promise(() => chain.run(readBack(`${prefix}delivery-results`, "event-delivery-log")))
  const finals = results.filter(({ outcome, platform }) => platform === "meta" && outcome === "delivered")
  assert.deepStrictEqual(repeated(finals.map(placeOf)), [], "two results")
  assert.strictEqual(finals.length, mapped.length)
  const receipts = yield* chain.control.receipts("meta")
  const received = receipts.map(({ asset, event_id }) => `${asset} ${event_id}`)
  assert.deepStrictEqual(repeated(received), [], "received twice")
  const atA = new Set(receipts.filter(({ asset }) => asset === dataset.a).map(({ event_id }) => event_id))
  assert.deepStrictEqual(
    [...load.acknowledged].filter((id) => !atA.has(id)),
    [],
    "lost"
  )

  yield* write(third.replace(tiktok, ""))
  yield* until("a delivery whose last connection was removed is ready, and says that it has none", async () => {
    const answer = await chain.run(chain.programs.readiness("delivery-tiktok"))
    return answer?.ok === true && answer.text.includes("no connection of this kind is enabled")
  })
})

interface Sourced {
  readonly connection_id: string
  readonly source: { readonly partition: number; readonly offset: number } | null
}

const placeOf = ({ connection_id, source }: Sourced): string =>
  `${connection_id} ${source?.partition ?? "?"}:${source?.offset ?? "?"}`

const repeated = (places: ReadonlyArray<string>): ReadonlyArray<string> => {
  const seen = new Set<string>()
  return places.filter((place) => seen.size === seen.add(place).size)
}

it("takes changed connections while events are published", { timeout: 600_000 }, () =>
  Effect.runPromise(Effect.scoped(story))
)
