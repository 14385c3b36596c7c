import { createRequire } from "node:module"
import { assert, it } from "@effect/vitest"
import "./index.ts"

const require = createRequire(import.meta.url)
const createFetchManager = require("kafkajs/src/consumer/fetchManager")
const Runner = require("kafkajs/src/consumer/runner")

const quiet = { debug: () => undefined, info: () => undefined, namespace: () => quiet }

// Red without `endFetchers`: the fetchers then ask for ever.
it("ends fetchers that begin after the member was stopped", async () => {
  let asked = 0
  const runner = {
    get running() {
      asked++
      if (asked > 100) throw new Error("The fetchers spin.")
      return false
    },
    logger: quiet,
    consumerGroup: { groupId: "g", memberId: "m" },
    fetchManager: null as { readonly start: () => Promise<void>; readonly stop: () => Promise<void> } | null
  }
  runner.fetchManager = createFetchManager({
    logger: quiet,
    getNodeIds: () => ["1", "2"],
    fetch: (nodeId: string) => Runner.prototype.fetch.call(runner, nodeId),
    handler: () => undefined,
    concurrency: 1
  })
  await runner.fetchManager!.start()
  assert.isAtMost(asked, 8)
})
