/** Every metric that the real programs serve, checked by Prometheus' own linter. */
import { spawnSync } from "node:child_process"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { startSandbox } from "../../infra/sandbox/sandbox.ts"
import { until } from "../../shared/testing/kafka-probe.ts"
import { startChain } from "../harness/chain.ts"
import { publish } from "../harness/records.ts"
import { testBrokers, testRegistryUrl, uniquePrefix } from "../harness/test-services.ts"
import { rawEvent } from "../outage/plan.ts"

const lint = (metrics: string) => spawnSync("promtool", ["check", "metrics"], { input: metrics, encoding: "utf8" })
const isInstalled = spawnSync("promtool", ["--version"]).status === 0
const leftOut = isInstalled ? "" : " (left out: promtool is not installed; Debian: apt-get install prometheus)"

const connections = `version: 1
connections:
  - { id: shop, platform: meta, account: { dataset_id: 1 }, credential: env:META_TOKEN, endpoint: { host: "\${META_HOST}" } }
`
const names = ["normalizer", "mapper", "delivery-meta", "health", "notifier", "indexer"]

describe("the metrics of the programs", { timeout: 240_000 }, () => {
  it.runIf(isInstalled)(`have names, types and texts as Prometheus wants them${leftOut}`, () =>
    Effect.gen(function* () {
      const prefix = uniquePrefix("metrics")
      const chain = yield* startChain({
        name: "metrics",
        prefix,
        sandbox: yield* startSandbox({}),
        connections: { text: connections },
        services: { brokers: testBrokers().join(","), registryUrl: testRegistryUrl() }
      })
      for (const name of names) {
        yield* chain.programs.start([name])
        if (name !== "normalizer") continue
        const value = Buffer.from(rawEvent(1, Date.now()))
        yield* Effect.provide(publish(prefix, [{ key: "u", value }]), chain.services)
      }
      yield* until("an event is counted", () =>
        Effect.map(chain.programs.metrics, (text) => text.includes("capi_health_status"))
      )
      const text = yield* chain.programs.metrics
      // Programs serve the same metrics: each is checked once.
      const found = lint(onlyOnce(text))
      assert.strictEqual(found.status, 0, found.stdout + found.stderr)
      assert.notStrictEqual(lint("# HELP capi_x_total A gauge.\n# TYPE capi_x_total gauge\ncapi_x_total 1\n").status, 0)
    }).pipe(Effect.scoped, Effect.runPromise)
  )
})

/** The first block of each metric's HELP, TYPE and samples, without what is no metric. */
const onlyOnce = (text: string): string => {
  const blocks = text.split(/^(?=# HELP )/m).filter((block) => block.startsWith("# HELP "))
  const byName = new Map(blocks.map((block) => [block.split(" ", 3)[2]!, block]))
  return [...byName.values()]
    .map((block) =>
      block
        .split("\n")
        .filter((line) => line.startsWith("#") || line.startsWith("capi_"))
        .join("\n")
    )
    .join("\n")
    .concat("\n")
}
