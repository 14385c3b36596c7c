import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import { emptyRawUser } from "../../../schemas/values.gen.ts"
import { growthOf, linearRatioMax } from "../../../shared/testing/growth.ts"
import { PersonalData } from "../pii/personal-data.ts"
import { cleanUrl, urlLengthMax, webAddress } from "./url.ts"

const long = "a".repeat(urlLengthMax)
const urlOf = (raw: string) => webAddress(raw)?.url ?? null

describe("a web address", () => {
  it.each([
    ["https://shop.example/thanks", "https://shop.example/thanks"],
    ["shop.example/thanks", "https://shop.example/thanks"],
    [" www.shop.example ", "https://www.shop.example"],
    ["shop.example:8080/x?y#z", "https://shop.example:8080/x?y#z"],
    ["//shop.example/x", "https://shop.example/x"],
    ["münchen.example?x", "https://münchen.example?x"],
    ["shop.example/index.html", "https://shop.example/index.html"]
  ])("%s is %s", (raw, url) => {
    assert.deepStrictEqual(webAddress(raw), { url, cut: false })
  })

  it.each([
    "android-app://com.google.android.gm/",
    "about:blank",
    "javascript:void(0)",
    "mailto:jane@shop.example",
    "jane@shop.example",
    "file:///C:/x.html",
    "localhost:3000/x",
    "/thanks",
    "?a=b",
    "thanks",
    "index.html",
    "1.5",
    "null",
    ""
  ])("%s is invalid", (raw) => {
    assert.isNull(webAddress(raw))
  })

  it("is cut where it is too long: whole parameters first, then the fragment, then the path", () => {
    assert.strictEqual(urlOf(`https://shop.example/?q=${long}`), "https://shop.example/")
    assert.strictEqual(urlOf(`https://shop.example/t?a=1&q=${long}&b=2#top`), "https://shop.example/t?a=1&b=2#top")
    assert.strictEqual(urlOf(`shop.example/t?a=1#${long}`), "https://shop.example/t?a=1")
    assert.strictEqual(urlOf(`https://shop.example/${long}`), `https://shop.example/${long}`.slice(0, urlLengthMax))
    const escaped = `https://shop.example/${"%C3%A9".repeat(2000)}`
    assert.match(urlOf(escaped)!, /%A9$|%C3$/)
    assert.isTrue(webAddress(escaped)!.cut)
  })

  it("is never longer than its limit, and is one again", () => {
    const text = fc.oneof(fc.webUrl({ withQueryParameters: true, withFragments: true }), fc.string({ unit: "binary" }))
    const longer = fc.tuple(text, fc.constantFrom("", "/", "?", "&a=", "#", "%e9"), fc.nat(2 * urlLengthMax), text)
    fc.assert(
      fc.property(longer, ([first, join, length, last]) => {
        const raw = `${first}${join}${"x".repeat(length)}${last}`
        const found = webAddress(raw)
        if (found === null) return
        assert.isAtMost(found.url.length, urlLengthMax)
        assert.deepStrictEqual(webAddress(found.url)?.cut, false)
        if (!found.cut) assert.include(found.url, raw.trim())
      })
    )
  })

  it("loses the labels of its host that are the customer's, but for the shop's last two", () => {
    const jane = new PersonalData({
      ...emptyRawUser,
      first_name: "Jane",
      last_name: "Quixworthy",
      phone: "+14155552671"
    })
    for (const [raw, url] of [
      ["https://jane-quixworthy.shop.example/a?b=1", "https://removed.shop.example/a?b=1"],
      ["https://4155552671.shop.example", "https://removed.shop.example"],
      ["https://jane.shop.example/", "https://jane.shop.example/"]
    ] as const)
      assert.strictEqual(cleanUrl(raw, jane).url, url)
  })

  it("takes time in proportion to the text", () => {
    for (const part of ["&a=b", "?", "#", "a.", "%e", "//", ":"]) {
      const { ratio } = growthOf(250_000, (size) => `shop.example/?${part.repeat(size)}`, webAddress)
      assert.isAtMost(ratio, linearRatioMax, part)
    }
  })
})
