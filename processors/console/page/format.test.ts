import { assert, describe, it } from "@effect/vitest"
import {
  formatAge,
  formatChange,
  formatClockMillis,
  formatMillis,
  formatOutcome,
  formatRate,
  formatShare
} from "./format.ts"

describe("figures", () => {
  it("never show 0 % or 100 % where some, or not all, are meant", () => {
    assert.equal(formatShare(1, 1_000_000), "< 0.1 %")
    assert.equal(formatShare(999_999, 1_000_000), "> 99.9 %")
    assert.equal(formatShare(0, 1_000_000), "0 %")
    assert.equal(formatShare(7, 7), "100 %")
    assert.equal(formatShare(0, 0), "–")
    assert.equal(formatShare(1, 8), "12.5 %")
  })

  it("show changes, also from and to nothing", () => {
    assert.equal(formatChange(0, 0), "")
    assert.equal(formatChange(5, 5), "±0 %")
    assert.equal(formatChange(5, 0), "new")
    assert.equal(formatChange(0, 5), "−100 %")
    assert.equal(formatChange(150, 100), "+50 %")
    assert.equal(formatChange(1_001, 1_000), "±0 %")
    assert.equal(formatChange(1_000_000, 1), "×1M")
  })

  it("show times of any length in two units at most", () => {
    assert.deepEqual([-5, 0, 119_000, 120_000, 7_260_000, 86_400_000 * 3 + 4 * 3_600_000].map(formatAge), [
      "0 s",
      "0 s",
      "119 s",
      "2 min",
      "2 h 1 min",
      "3 d 4 h"
    ])
    assert.deepEqual([0, 0.42, 12.4, 1_234, 59_999].map(formatMillis), ["0 ms", "0.4 ms", "12 ms", "1.2 s", "60 s"])
    assert.match(formatClockMillis(1_700_000_000_007), /:20\.007$/)
  })

  it("show rates and the ledger's words", () => {
    assert.deepEqual([0, 0.44, 12.6, 10_000].map(formatRate), ["0/s", "0.4/s", "13/s", "10K/s"])
    assert.deepEqual(["dead_lettered", "retry_scheduled", "delivered"].map(formatOutcome), [
      "dead-lettered",
      "retry scheduled",
      "delivered"
    ])
  })
})
