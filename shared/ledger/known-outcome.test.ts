import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import {
  bestOf,
  factOf,
  type KnownOutcome,
  learn,
  nothingKnown,
  type ResultFact,
  terminalOutcomes
} from "./known-outcome.ts"

const reasons = ["", "duplicate", "consent", "131026"] as const
const facts: fc.Arbitrary<ResultFact> = fc
  .record({
    outcome: fc.constantFrom(...terminalOutcomes),
    reason: fc.constantFrom(...reasons),
    at: fc.integer({ min: 0, max: 6 }),
    attempted: fc.boolean(),
    acceptedAt: fc.option(fc.integer({ min: 0, max: 6 }))
  })
  .map(({ outcome, reason, at, attempted, acceptedAt }) => {
    const isFinal = acceptedAt !== null && ["delivered", "accepted", "rejected"].includes(outcome)
    const fact = factOf({
      outcome,
      reason_code: reason,
      timestamp: at,
      attempted_at: attempted || isFinal ? at : null,
      accepted_at: isFinal ? acceptedAt : null
    })
    return fact ?? assert.fail("It is final.")
  })

const knownOf = (all: ReadonlyArray<ResultFact>): KnownOutcome => all.reduce(learn, nothingKnown)
const outcomeOf = (all: ReadonlyArray<ResultFact>) => bestOf(knownOf(all))?.outcome ?? null

const sent = (outcome: ResultFact["outcome"], at: number, acceptedAt: number | null = null): ResultFact => ({
  outcome,
  reason: "",
  at,
  isSent: true,
  acceptedAt
})
const unsent = (outcome: ResultFact["outcome"], at: number, reason = ""): ResultFact => ({
  outcome,
  reason,
  at,
  isSent: false,
  acceptedAt: null
})

describe("what is known of an event at a connection", () => {
  it("does not depend on the order in which its results are read, nor on how often", () => {
    fc.assert(
      fc.property(fc.array(facts, { maxLength: 8 }), fc.infiniteStream(fc.nat()), (all, order) => {
        const shuffled = all
          .flatMap((fact) => (order.next().value % 2 === 0 ? [fact, fact] : [fact]))
          .map((fact) => ({ fact, key: order.next().value }))
          .sort((left, right) => left.key - right.key)
          .map(({ fact }) => fact)
        assert.deepStrictEqual(knownOf(shuffled), knownOf(all))
      }),
      { numRuns: 2000 }
    )
  })

  it("is delivered as soon as one result says so", () => {
    fc.assert(
      fc.property(fc.array(facts, { maxLength: 6 }), (all) => {
        if (all.some(({ outcome }) => outcome === "delivered")) assert.strictEqual(outcomeOf(all), "delivered")
      })
    )
  })

  it("is never changed by a repeat that was skipped, nor by anything that was not sent where something was", () => {
    fc.assert(
      fc.property(fc.array(facts, { minLength: 1, maxLength: 6 }), fc.nat({ max: 9 }), facts, (all, at, other) => {
        const before = bestOf(knownOf(all))
        assert.deepStrictEqual(
          before?.reason.startsWith("duplicate") === true && before.outcome === "skipped"
            ? "skipped"
            : bestOf(knownOf([...all, unsent("skipped", at, "duplicate")]))?.outcome,
          before?.outcome
        )
        if (all.some(({ isSent }) => isSent) && !other.isSent)
          assert.deepStrictEqual(bestOf(knownOf([...all, other])), before)
      })
    )
  })

  it("is accepted, or better, as long as an acceptance has no final outcome", () => {
    fc.assert(
      fc.property(fc.array(facts, { maxLength: 6 }), (all) => {
        const newest = Math.max(
          -1,
          ...all.flatMap(({ acceptedAt, outcome }) => (outcome === "accepted" ? [] : (acceptedAt ?? [])))
        )
        const isOpen = all.some(({ outcome, acceptedAt, at }) => outcome === "accepted" && (acceptedAt ?? at) > newest)
        if (isOpen) assert.include(["delivered", "accepted"], outcomeOf(all))
      })
    )
  })

  for (const [what, all, expected] of [
    ["a replay of what was accepted", [sent("accepted", 1), unsent("skipped", 9, "duplicate")], "accepted"],
    ["a replay of what is unknown", [sent("unknown", 1), unsent("skipped", 9, "duplicate")], "unknown"],
    ["a replay of what is unknown, too late", [sent("unknown", 1), unsent("expired", 9)], "unknown"],
    ["a refusal that was redriven and accepted", [sent("rejected", 1), sent("accepted", 2)], "accepted"],
    ["… and refused in the end", [sent("rejected", 1), sent("accepted", 2), sent("rejected", 3, 2)], "rejected"],
    ["… and redriven again", [sent("accepted", 2), sent("rejected", 3, 2), sent("accepted", 4)], "accepted"],
    ["… and lost its answer then", [sent("accepted", 2), sent("rejected", 3, 2), sent("unknown", 4)], "unknown"],
    ["what was sent again by a person and refused", [sent("unknown", 1), sent("rejected", 2)], "rejected"],
    ["what was sent again by a person and taken", [sent("unknown", 1), sent("accepted", 2)], "accepted"],
    ["a final outcome that is read first", [sent("delivered", 3, 2), sent("accepted", 2)], "delivered"],
    ["a final refusal that is read first", [sent("rejected", 3, 2), sent("accepted", 2)], "rejected"],
    ["an acceptance without a final answer", [sent("accepted", 2), sent("accepted", 9, 2)], "accepted"],
    ["a delivery that a replay found too old", [sent("delivered", 1), sent("rejected", 9)], "delivered"],
    ["a refusal beforehand that was repaired", [unsent("rejected", 1), sent("delivered", 2)], "delivered"],
    ["consent that was revoked before a redrive", [unsent("rejected", 1), unsent("skipped", 2, "consent")], "skipped"]
  ] as const)
    it(`of ${what} is ${expected}`, () => assert.strictEqual(outcomeOf(all), expected))

  it("gives nothing for a delayed retry", () => {
    const log = { outcome: "retry_scheduled", reason_code: null, timestamp: 1, attempted_at: 1, accepted_at: null }
    assert.isNull(factOf(log))
    assert.isNull(bestOf(nothingKnown))
  })
})
