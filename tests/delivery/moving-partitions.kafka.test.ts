/**
 * Instances of deliveries join and leave while requests are slow: what is in flight is finished before its partition moves, so no event is
 * sent twice, no message's outcome is unknown, and nothing is lost.
 */
import path from "node:path"
import { fileURLToPath } from "node:url"
import { assert, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { startSandbox } from "../../infra/sandbox/sandbox.ts"
import { makeLoad } from "../chaos/load.ts"
import { startChain } from "../harness/chain.ts"
import { startablePrograms } from "../harness/programs.ts"
import { readBack } from "../harness/records.ts"
import { scopedFolder } from "../harness/scoped-folder.ts"
import { testBrokers, testRegistryUrl, uniquePrefix } from "../harness/test-services.ts"
import { waitUntil } from "../harness/wait-until.ts"

const deliveries = ["delivery-meta", "delivery-whatsapp"]

const story = Effect.gen(function* () {
  const sandbox = yield* startSandbox({ store: { bodiesMax: 50_000, idsMax: 50_000 } })
  const prefix = uniquePrefix("moving")
  const folder = yield* scopedFolder("moving")
  const chain = yield* startChain({
    name: "moving-1",
    prefix,
    sandbox,
    connections: { file: fileURLToPath(new URL("../chaos/connections.yaml", import.meta.url)) },
    environment: {
      ...{ RUN_META: "true", RUN_WHATSAPP: "true", RUN_GOOGLE: "false", RUN_TIKTOK: "false", RUN_SNAPCHAT: "false" },
      LOG_LEVEL: "Info"
    },
    programs: ["normalizer", "mapper", ...deliveries],
    services: { brokers: testBrokers().join(","), registryUrl: testRegistryUrl() }
  })
  const { control } = chain
  const instance = (name: string) =>
    startablePrograms({ folder: path.join(folder, name), environment: chain.environment })
  const [second, third] = [yield* instance("second"), yield* instance("third")]
  yield* control.add([
    { kind: "latency", platform: "meta", delay_ms: 1_500 },
    { kind: "latency", platform: "whatsapp", delay_ms: 700 }
  ])
  const received = Effect.map(control.counts, (counts) => counts["meta"]?.events ?? 0)
  const untilMore = Effect.gen(function* () {
    const before = yield* received
    yield* Effect.promise(() =>
      waitUntil("more events arrive", async () => (await Effect.runPromise(received)) > before + 100, 120_000)
    )
  })

  const load = makeLoad(prefix, 1, 80)
  const publishing = yield* Effect.forkScoped(Effect.provide(load.publish, chain.services))
  yield* untilMore
  yield* second.start(deliveries)
  yield* untilMore
  yield* third.start(deliveries)
  yield* untilMore
  yield* second.stop(deliveries)
  yield* untilMore
  yield* Fiber.interrupt(publishing)
  yield* Effect.promise(() =>
    waitUntil(
      "nothing is in flight",
      async () => {
        const { exitCode, out } = await Effect.runPromise(chain.capi("ledger", "--json"))
        const ledger = JSON.parse(out.split("\n")[0]!) as {
          readonly in_flight_raw: number
          readonly connections: ReadonlyArray<{ readonly in_flight: number }>
        }
        return exitCode === 0 && ledger.in_flight_raw === 0 && ledger.connections.every((one) => one.in_flight === 0)
      },
      120_000
    )
  )

  const ids = yield* control.ids("meta")
  assert.deepStrictEqual(
    [...ids].filter(([, times]) => times > 1),
    [],
    "received twice"
  )
  assert.deepStrictEqual(
    [...load.acknowledged].filter((id) => !ids.has(id)),
    [],
    "lost"
  )
  const results = yield* Effect.promise(() => chain.run(readBack(`${prefix}delivery-results`, "event-delivery-log")))
  assert.deepStrictEqual(
    results.filter(({ outcome }) => outcome === "unknown").map(({ event_id }) => event_id),
    []
  )
  const messages = results.filter(({ platform, outcome }) => platform === "whatsapp" && outcome === "accepted")
  assert.isAbove(messages.length, 20)
  assert.strictEqual((yield* control.counts)["whatsapp"]?.events, messages.length)
})

it("sends nothing twice while instances join and leave amid slow requests", { timeout: 600_000 }, () =>
  Effect.runPromise(Effect.scoped(story))
)
