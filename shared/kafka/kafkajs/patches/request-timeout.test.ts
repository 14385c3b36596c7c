import { createRequire } from "node:module"
import { afterEach, assert, describe, it, vi } from "@effect/vitest"
import "./index.ts"

describe("a request", () => {
  afterEach(() => void vi.useRealTimers())

  const RequestQueue = createRequire(import.meta.url)("kafkajs/src/network/requestQueue") as new (
    options: object
  ) => {
    readonly scheduleRequestTimeoutCheck: () => void
    readonly push: (request: object) => void
    readonly fulfillRequest: (response: object) => void
    readonly destroy: () => void
  }
  const queueOf = () => {
    const logger = { debug: () => undefined, warn: () => undefined }
    const queue = new RequestQueue({ requestTimeout: 30_000, enforceRequestTimeout: true, logger })
    const failed: Array<number> = []
    const send = (correlationId: number, requestTimeout: number | null = null) =>
      queue.push({
        entry: { correlationId, resolve: () => undefined, reject: () => failed.push(correlationId) },
        expectResponse: true,
        requestTimeout,
        sendRequest: () => undefined
      })
    queue.scheduleRequestTimeoutCheck()
    return { queue, failed, send }
  }

  // Red without `timeOutWhileInFlight`: a timer then runs for as long as the connection is open.
  it("without a response fails when its time is over, and only requests in flight set a timer", async () => {
    vi.useFakeTimers()
    const { queue, failed, send } = queueOf()
    assert.strictEqual(vi.getTimerCount(), 0)
    send(1)
    await vi.advanceTimersByTimeAsync(20_000)
    send(2)
    send(3, 60_000)
    await vi.advanceTimersByTimeAsync(10_001)
    assert.deepStrictEqual(failed, [1])
    await vi.advanceTimersByTimeAsync(20_000)
    assert.deepStrictEqual(failed, [1, 2])
    queue.fulfillRequest({ correlationId: 3, size: 0, payload: Buffer.alloc(0) })
    await vi.advanceTimersByTimeAsync(60_000)
    assert.deepStrictEqual([failed, vi.getTimerCount()], [[1, 2], 0])
  })

  it("has its timer after its connection was opened again", async () => {
    vi.useFakeTimers()
    const { queue, failed, send } = queueOf()
    send(1)
    queue.destroy()
    queue.scheduleRequestTimeoutCheck()
    send(2)
    await vi.advanceTimersByTimeAsync(30_001)
    assert.includeMembers(failed, [2])
  })
})
