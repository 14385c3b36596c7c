import { assert, describe, it } from "@effect/vitest"
import { changedHref, hrefOf, parseRoute } from "./route.ts"

describe("an address", () => {
  it("gives the state back that it was made of, whatever its values hold", () => {
    const params = { connection: "meta-shop", reason: "event_too_old:100/2804003", q: "a b&c=d?#%ä" }
    assert.deepEqual(parseRoute(hrefOf("event", params)), { view: "event", params })
  })

  it("is the overview where it names no view that there is", () => {
    assert.deepEqual(parseRoute("?view=nothing&period=6h"), { view: "overview", params: { period: "6h" } })
    assert.deepEqual(parseRoute(""), { view: "overview", params: {} })
  })

  it("changes what is named, drops what is null, and keeps the rest", () => {
    const route = parseRoute("?view=overview&period=6h&step=skipped&connection=a")
    assert.equal(changedHref(route, { step: null, connection: "b" }), "?view=overview&period=6h&connection=b")
  })

  it("never holds a token", () => {
    assert.deepEqual(parseRoute("?view=live&token=secret").params, {})
  })
})
