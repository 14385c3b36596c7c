import process from "node:process"
import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"
import { assert, describe, it } from "@effect/vitest"
import { DecidedConnections } from "./decided-connections.ts"

/** New texts each time, as they are decoded. */
const connectionsOf = (numbers: ReadonlyArray<number>) =>
  numbers.map((number) => ({ id: Buffer.from(`account-of-a-fleet-${number}`).toString(), platform: "meta" }))

const numbersTo = (count: number) => Array.from({ length: count }, (_, number) => number)

describe("what the mapper decided for which connections", () => {
  it("takes little memory after years of changes of a fleet", () => {
    setFlagsFromString("--expose-gc")
    const collect = runInNewContext("gc") as () => void
    const heap = () => {
      collect()
      return process.memoryUsage().heapUsed
    }
    const before = heap()
    const decided = new DecidedConnections()
    for (let change = 0; change < 300; change++)
      for (let partition = 0; partition < 4; partition++) {
        const connections = connectionsOf(numbersTo(500 + change))
        decided.add({ partition, offset: change * 10, timestamp: change, connections })
      }
    assert.isBelow(heap() - before, 15_000_000)
    assert.strictEqual(decided.at({ partition: 3, offset: 25 })?.size, 502)
    assert.strictEqual(decided.known.size, 799)
  })

  it("says again what a replay decides for, which begins before a later change", () => {
    const decided = new DecidedConnections()
    decided.add({ partition: 0, offset: 0, timestamp: 1, connections: connectionsOf([1]) })
    decided.add({ partition: 0, offset: 10, timestamp: 2, connections: connectionsOf([1, 2]) })
    assert.isTrue(decided.isSaid({ partition: 0, offset: 12 }, connectionsOf([2, 1])))
    assert.isFalse(decided.isSaid({ partition: 0, offset: 12 }, connectionsOf([1])))
    assert.isFalse(decided.isSaid({ partition: 1, offset: 12 }, connectionsOf([1, 2])))
    assert.isFalse(decided.isSaid({ partition: 0, offset: 5 }, connectionsOf([1])), "what follows is said otherwise")
    decided.add({ partition: 0, offset: 5, timestamp: 3, connections: connectionsOf([1]) })
    assert.strictEqual(decided.at({ partition: 0, offset: 15 })?.size, 1)
  })

  it("names the records that say nothing of a later event any more, and none that a replay wrote again", () => {
    const decided = new DecidedConnections()
    for (const [offset, timestamp] of [
      [0, 10],
      [5, 20],
      [9, 30],
      [5, 40]
    ] as const)
      decided.add({ partition: 0, offset, timestamp, connections: connectionsOf([offset, timestamp]) })
    assert.deepStrictEqual(
      [0, 20, 21, 31, 41, 1_000].map((since) => decided.outdated(0, since)),
      [[], [], [0], [0], [0, 9], [0, 9]]
    )
    assert.deepStrictEqual(decided.outdated(1, 1_000), [])
  })

  it("knows each platform of an id, and until when it was that of a connection", () => {
    const decided = new DecidedConnections()
    const shop = (platform: string) => [{ id: "shop", platform }]
    decided.add({ partition: 0, offset: 0, timestamp: 1, connections: shop("meta") })
    assert.isFalse(decided.isSaid({ partition: 0, offset: 9 }, shop("tiktok")))
    decided.add({ partition: 0, offset: 9, timestamp: 2, connections: shop("tiktok") })
    assert.deepStrictEqual([...decided.earlierPlatformsOf("shop")], ["meta"])
    assert.deepStrictEqual([decided.endOf("shop", "meta"), decided.endOf("shop")], [2, Infinity])
    decided.add({ partition: 0, offset: 12, timestamp: 3, connections: [] })
    assert.deepStrictEqual([decided.endOf("shop", "meta"), decided.endOf("shop", "tiktok")], [2, 3])
    assert.strictEqual(decided.current?.size, 0)
  })

  it("distinguishes changes of one size, whoever writes them in turn", () => {
    const decided = new DecidedConnections()
    const sets = [
      [1, 2],
      [1, 3],
      [1, 2],
      [2, 3]
    ]
    sets.forEach((numbers, index) => {
      decided.add({ partition: index % 2, offset: index, timestamp: index, connections: connectionsOf(numbers) })
    })
    const at = (partition: number, offset: number) =>
      [...(decided.at({ partition, offset }) ?? [])].map((id) => Number(id.split("-").at(-1)))
    assert.deepStrictEqual(
      [at(0, 1), at(1, 2), at(0, 2), at(1, 3)],
      [
        [1, 2],
        [1, 3],
        [1, 2],
        [2, 3]
      ]
    )
    assert.deepStrictEqual([...(decided.around(2) ?? [])], [])
  })
})
