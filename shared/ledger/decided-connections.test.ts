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
