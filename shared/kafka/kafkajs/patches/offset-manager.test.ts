import { createRequire } from "node:module"
import { assert, it } from "@effect/vitest"
import "./index.ts"

const OffsetManager = createRequire(import.meta.url)("kafkajs/src/consumer/offsetManager")

// Red without `keepCommittedOffset`: kafkajs commits -2.
it("continues at the start of the log if the offset is out of range, and commits nothing", async () => {
  const commits: Array<unknown> = []
  const cluster = {
    defaultOffset: () => -2,
    fetchTopicsOffset: async (topics: ReadonlyArray<{ readonly fromBeginning: boolean }>) =>
      topics.map((topic) => ({
        ...topic,
        partitions: [{ partition: 3, offset: topic.fromBeginning ? "70" : "90" }]
      }))
  }
  const coordinator = { offsetCommit: async (request: unknown) => void commits.push(request) }
  const manager = Object.assign(Object.create(OffsetManager.prototype), {
    cluster,
    topicConfigurations: { t: { fromBeginning: true } },
    getCoordinator: async () => coordinator,
    resolvedOffsets: { t: { 3: "10", 4: "11" } },
    clearOffsets: () => undefined
  })
  await manager.setDefaultOffset({ topic: "t", partition: 3 })
  assert.deepStrictEqual(manager.resolvedOffsets, { t: { 3: "70", 4: "11" } })
  assert.deepStrictEqual(commits, [])
})
