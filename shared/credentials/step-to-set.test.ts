import { assert, it } from "@effect/vitest"
import { nextStepToSet, stepToSet } from "./step-to-set.ts"

it.each([
  ["store:meta-eu", "set a new one with `./capi credentials set meta-eu`"],
  ["env:META_TOKEN", "set the environment variable META_TOKEN to a new one and restart delivery-meta"],
  ["file:/run/secrets/meta", "put a new one where file:/run/secrets/meta points, which is read again"],
  ["vault:capi/meta", "put a new one where vault:capi/meta points, which is read again"],
  ["aws:capi/meta", "put a new one where aws:capi/meta points, which is read again"]
])("%s: %s", (reference, expected) => {
  assert.strictEqual(stepToSet(reference, "a new one", "delivery-meta"), expected)
})

it("is a sentence where it is a next step", () => {
  assert.strictEqual(
    nextStepToSet("env:META_TOKEN", "its value"),
    "Set the environment variable META_TOKEN to its value and restart what uses it."
  )
})
