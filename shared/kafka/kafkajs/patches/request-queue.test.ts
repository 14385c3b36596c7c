import { createRequire } from "node:module"
import { afterEach, assert, beforeEach, it, vi } from "@effect/vitest"
import "./index.ts"

const RequestQueue = createRequire(import.meta.url)("kafkajs/src/network/requestQueue")

const quiet = { debug: () => undefined, warn: () => undefined }

/** A queue that sends one request at a time; it notes what it sent. */
const queueOf = () => {
  const queue = new RequestQueue({
    maxInFlightRequests: 1,
    requestTimeout: 1_000,
    clientId: "c",
    broker: "b",
    logger: quiet
  })
  const sent: Array<number> = []
  const push = (correlationId: number) =>
    queue.push({
      entry: { correlationId, resolve: () => undefined, reject: () => undefined },
      expectResponse: true,
      sendRequest: () => void sent.push(correlationId)
    })
  return { queue, sent, push }
}

beforeEach(() => {
  vi.useFakeTimers()
})
afterEach(() => {
  vi.useRealTimers()
})

// Red without `checkWhilePending`: the timer then runs for ever, with a negative delay.
it("sets no timer while no request is pending", () => {
  const { queue, sent, push } = queueOf()
  push(1)
  queue.fulfillRequest({ correlationId: 1, payload: Buffer.alloc(0), size: 0 })
  assert.deepStrictEqual(sent, [1])
  assert.strictEqual(vi.getTimerCount(), 0)
})

it("sends what is pending when a response or the end of a throttling allows it", () => {
  const { queue, sent, push } = queueOf()
  push(1)
  push(2)
  assert.deepStrictEqual(sent, [1])
  queue.fulfillRequest({ correlationId: 1, payload: Buffer.alloc(0), size: 0 })
  assert.deepStrictEqual(sent, [1, 2])
  queue.fulfillRequest({ correlationId: 2, payload: Buffer.alloc(0), size: 0 })
  queue.maybeThrottle(500)
  push(3)
  vi.advanceTimersByTime(400)
  assert.deepStrictEqual(sent, [1, 2])
  vi.advanceTimersByTime(200)
  assert.deepStrictEqual(sent, [1, 2, 3])
})
