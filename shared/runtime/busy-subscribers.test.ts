import { assert, it } from "@effect/vitest"
import { BusySubscribers } from "./busy-subscribers.ts"

class Counted {
  isBusy = true
  private progressAt = 0
  readonly name: string

  constructor(name: string) {
    this.name = name
  }

  at(now: number): this {
    this.progressAt = now
    return this
  }

  readonly isStalled = (now: number): boolean => this.isBusy && now - this.progressAt > 10
}

it("finds those that got no further for a while, without asking the others", () => {
  const busy = new BusySubscribers<Counted>()
  const [a, b, c] = ["a", "b", "c"].map((name) => new Counted(name)) as [Counted, Counted, Counted]
  const stalled = (now: number) => busy.stalled(now).map(({ name }) => name)
  busy.begun(a.at(0))
  busy.begun(b.at(2))
  busy.begun(c.at(4))
  assert.deepStrictEqual([busy.size, stalled(10), stalled(13)], [3, [], ["a", "b"]])
  // One has committed a step and has another; one has none left.
  busy.committed(a.at(13))
  b.isBusy = false
  busy.committed(b.at(13))
  assert.deepStrictEqual([busy.size, stalled(15), stalled(24)], [2, ["c"], ["c", "a"]])
  busy.delete(c)
  b.isBusy = true
  busy.begun(b.at(24))
  assert.deepStrictEqual([busy.size, stalled(30)], [2, ["a"]])
})

it("does not count who commits without a step", () => {
  const busy = new BusySubscribers<Counted>()
  const idle = new Counted("idle")
  idle.isBusy = false
  busy.committed(idle)
  assert.strictEqual(busy.size, 0)
})
