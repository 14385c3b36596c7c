import { createRequire } from "node:module"
import { assert, describe, it, vi } from "@effect/vitest"
import "./index.ts"

const ConsumerGroup = createRequire(import.meta.url)("kafkajs/src/consumer/consumerGroup") as {
  readonly prototype: object
}

describe("a member that joins again", () => {
  /** A member whose joins are noted in `done`, among its heartbeats. */
  const joining = (beforeJoining: () => Promise<void>, done: Array<string>) =>
    Object.assign(Object.create(ConsumerGroup.prototype), {
      assigners: [{ beforeJoining }, {}],
      sessionTimeout: 50,
      memberId: "member",
      // As a broker answers amid a rebalance.
      coordinator: {
        heartbeat: async () => {
          done.push("heartbeat")
          throw new Error("REBALANCE_IN_PROGRESS")
        }
      },
      retrier: async () => void done.push("join")
    })

  // Red without `finishBeforeJoining`.
  it("finishes first what is in flight, and sends heartbeats meanwhile", async () => {
    const done: Array<string> = []
    const { promise, resolve } = Promise.withResolvers<void>()
    const joined = joining(() => promise, done).joinAndSync()
    await vi.waitFor(() => assert.isAtLeast(done.length, 2), 10_000)
    assert.notInclude(done, "join")
    resolve()
    await joined
    assert.strictEqual(done.pop(), "join")
    const beats = done.length
    await new Promise((wait) => setTimeout(wait, 30))
    assert.lengthOf(done, beats)
  })

  it("joins at once where nothing is", async () => {
    const done: Array<string> = []
    await joining(async () => undefined, done).joinAndSync()
    assert.deepStrictEqual(done, ["join"])
  })
})
