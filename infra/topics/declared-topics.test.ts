import { assert, it } from "@effect/vitest"
import { platforms } from "../../shared/model/platform.ts"
import { declaredTopics } from "./declared-topics.ts"

it("names carry the prefix, and there is one mapped topic for each platform", () => {
  const names = declaredTopics("shop.", 1).map(({ name }) => name)
  assert.include(names, "shop.raw-events")
  for (const platform of platforms) assert.include(names, `shop.mapped-events.${platform}`)
  assert.strictEqual(new Set(names).size, names.length)
  assert.notInclude(names.join(), "{")
})

it("replication follows the cluster's size, three at most", () => {
  const replication = (brokers: number) => new Set(declaredTopics("", brokers).map((topic) => topic.replication))
  assert.deepEqual([...replication(1)], [1])
  assert.deepEqual([...replication(2)], [2])
  assert.deepEqual([...replication(9)], [3])
})

it("what is a state by key is compacted, what is a log is not", () => {
  const cleanup = new Map(declaredTopics("", 1).map(({ name, config }) => [name, config["cleanup.policy"]]))
  assert.strictEqual(cleanup.get("connector-health"), "compact")
  assert.strictEqual(cleanup.get("raw-events"), "delete")
  assert.strictEqual(cleanup.get("dead-letters"), "delete")
})

it("an acknowledged record is on two brokers, where there are three", () => {
  const inSync = (brokers: number) =>
    new Set(declaredTopics("", brokers).map(({ config }) => config["min.insync.replicas"]))
  assert.deepEqual([...inSync(1)], ["1"])
  assert.deepEqual([...inSync(3)], ["2"])
})
