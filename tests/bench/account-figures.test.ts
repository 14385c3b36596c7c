import { assert, describe, it } from "@effect/vitest"
import { type AccountsRun, countReceipts, cpuRatioMax, figuresOf, rowsOf } from "./account-figures.ts"

const run = (connections: number, changes: Partial<AccountsRun> = {}): AccountsRun => ({
  connections,
  results: 20_000,
  requests: 20,
  deliverySeconds: 2,
  brokerSeconds: 4,
  workSeconds: 9,
  startSeconds: 1,
  startCpuSeconds: 1,
  peakMebibytes: 200,
  idleDelivery: 1,
  idleBroker: 1,
  receipts: { missing: 0, repeated: 0, misplaced: 0 },
  ...changes
})

/** The figures that miss their goals, without their number of connections. */
const missed = (other: AccountsRun): ReadonlyArray<string> =>
  figuresOf([run(1), other], "event")
    .filter(({ value, goal }) => value > (goal?.atMost ?? Number.POSITIVE_INFINITY))
    .map(({ figure }) => figure.replace(`${other.connections} connections: `, ""))

describe("the goals of many accounts", () => {
  it("compare an event's CPU with the first run: 1.3 times to 200 connections, 2 times above", () => {
    assert.deepStrictEqual(
      [1, 20, 200, 201, 1000].map((connections) => cpuRatioMax({ connections })),
      [1.3, 1.3, 1.3, 2, 2]
    )
    assert.deepStrictEqual(missed(run(200, { deliverySeconds: 2.6, brokerSeconds: 5.2 })), [])
    assert.deepStrictEqual(missed(run(200, { deliverySeconds: 2.62 })), ["delivery's CPU over the first"])
    assert.deepStrictEqual(missed(run(200, { brokerSeconds: 5.22 })), ["the broker's CPU over the first"])
    assert.deepStrictEqual(missed(run(1000, { deliverySeconds: 3.9 })), [])
    assert.deepStrictEqual(missed(run(1000, { deliverySeconds: 4.1 })), ["delivery's CPU over the first"])
  })

  it("count by the result, so that a run of more results is comparable", () => {
    assert.deepStrictEqual(missed(run(200, { deliverySeconds: 20, brokerSeconds: 40, results: 200_000 })), [])
  })

  it("allow half a MiB for each further connection, where there are enough to measure", () => {
    assert.deepStrictEqual(missed(run(200, { peakMebibytes: 299 })), [])
    assert.deepStrictEqual(missed(run(200, { peakMebibytes: 300 })), ["memory of a further connection"])
    assert.deepStrictEqual(missed(run(20, { peakMebibytes: 300 })), [])
  })

  it("allow a start of 200 connections 5 s more", () => {
    assert.deepStrictEqual(missed(run(200, { startSeconds: 6 })), [])
    assert.deepStrictEqual(missed(run(200, { startSeconds: 6.1 })), ["longer start"])
    assert.deepStrictEqual(missed(run(1000, { startSeconds: 20 })), [])
  })

  it("allow no event that is missing, came again or came to another connection", () => {
    assert.deepStrictEqual(missed(run(20, { receipts: { missing: 1, repeated: 1, misplaced: 1 } })), [
      "events missing",
      "events received again",
      "events at a wrong connection"
    ])
  })

  it("judge the first run by its receipts alone", () => {
    const goals = figuresOf([run(1, { receipts: { missing: 1, repeated: 0, misplaced: 0 } })], "event").filter(
      ({ goal }) => goal !== undefined
    )
    assert.deepStrictEqual(
      goals.map(({ value }) => value),
      [1, 0, 0]
    )
  })

  it("are shown beside each cost and its ratio", () => {
    const [first, second] = rowsOf([run(1), run(200, { deliverySeconds: 3 })], "event")
    assert.strictEqual(first!["delivery, us/event"], "100 (1.00)")
    assert.strictEqual(second!["delivery, us/event"], "150 (1.50)")
    assert.strictEqual(second!["broker, us/event"], "200 (1.00)")
  })
})

describe("the receipts", () => {
  const expected = new Map([
    ["e-1", new Set(["1"])],
    ["e-2", new Set(["1", "2"])]
  ])

  it("are complete if each event came once to each connection that it is for", () => {
    const complete = {
      "1": [
        ["e-1", 1, 0],
        ["e-2", 1, 0]
      ],
      "2": [["e-2", 1, 0]]
    } as const
    assert.deepStrictEqual(countReceipts(expected, complete), { missing: 0, repeated: 0, misplaced: 0 })
  })

  it("say what is missing, came again, and came to a connection that it is not for", () => {
    const wrong = {
      "1": [["e-2", 3, 0]],
      "2": [
        ["e-1", 2, 0],
        ["e-9", 1, 0]
      ]
    } as const
    assert.deepStrictEqual(countReceipts(expected, wrong), { missing: 2, repeated: 2, misplaced: 3 })
    assert.deepStrictEqual(countReceipts(expected, {}), { missing: 3, repeated: 0, misplaced: 0 })
  })
})
