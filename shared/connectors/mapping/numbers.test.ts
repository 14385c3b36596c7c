import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import { currencies } from "./catalog.ts"
import { amount, price, quantity, round } from "./commerce.ts"

const value = (result: ReturnType<typeof amount>) => (result._tag === "Amount" ? result.value : result.reason)

describe("amounts", () => {
  it("are rounded half up to the currency's minor unit", () => {
    assert.strictEqual(value(amount(129.954, "USD")), 129.95)
    assert.strictEqual(value(amount(1.005, "USD")), 1.01)
    assert.strictEqual(value(amount(1.115, "EUR")), 1.12)
    assert.strictEqual(value(amount(0.1 + 0.2, "USD")), 0.3)
    assert.strictEqual(value(amount(1250.5, "JPY")), 1251)
    assert.strictEqual(value(amount(1.2345, "KWD")), 1.235)
    assert.strictEqual(value(amount(0.1 + 0.2, null)), 0.3)
    assert.strictEqual(value(amount(129.954, null)), 129.954)
  })

  it("are finite, not negative and not too large; minus zero is zero", () => {
    assert.strictEqual(value(amount(Number.NaN, "USD")), "not_a_number")
    assert.strictEqual(value(amount(Number.POSITIVE_INFINITY, "USD")), "not_a_number")
    assert.strictEqual(value(amount(-0.01, "USD")), "negative")
    assert.strictEqual(value(amount(1e21, "USD")), "too_large")
    for (const zero of [amount(-0, "USD"), amount(-0, null), price(-0)]) assert.isTrue(Object.is(value(zero), 0))
    assert.strictEqual(value(quantity(0)), "not_positive")
    assert.strictEqual(value(quantity(null)), 1)
  })

  it("stay what they are when they have the currency's digits already", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 1e12 }), fc.constantFrom(...currencies), (units, [currency, digits]) => {
        const given = Number(`${units}e-${digits}`)
        assert.strictEqual(value(amount(given, currency)), given)
      })
    )
  })

  it("differ from what was given by half a minor unit at most, and rounding again changes nothing", () => {
    fc.assert(
      fc.property(fc.double({ min: 0, max: 1e9, noNaN: true }), fc.integer({ min: 0, max: 4 }), (given, digits) => {
        const rounded = round(given, digits)
        assert.isAtMost(Math.abs(rounded - given), 0.5 / 10 ** digits + 1e-6)
        assert.strictEqual(round(rounded, digits), rounded)
      })
    )
  })
})
