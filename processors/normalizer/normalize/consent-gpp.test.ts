import { assert, describe, it } from "@effect/vitest"
import { GppModel } from "@iabgpp/cmpapi"
import * as fc from "fast-check"
import { growthOf, linearRatioMax } from "../../../shared/testing/growth.ts"
import { deriveConsent } from "./consent-signals.ts"
import { readGpp, readTcf } from "./consent-strings.ts"

/** The three values of the consent that follows, and what could not be read. */
const derived = (signals: {
  readonly gpp_string: string
  readonly gpp_section_ids?: string | ReadonlyArray<string>
}) => {
  const dropped: Array<string> = []
  const others = { tcf_string: null, gpp_section_ids: null, ad_storage: null, gcs: null, country: null }
  const { consent } = deriveConsent(null, { ...others, gdpr_applies: null, ...signals }, (field, reason) =>
    dropped.push(`${field} ${reason}`)
  )
  return [consent?.ad_user_data, consent?.ad_personalization, consent?.sale_of_data, ...dropped]
}
const [granted, denied] = ["granted", "denied"]

describe("a GPP string", () => {
  const optOut = {
    usnat: ["SaleOptOut", "SharingOptOut", "TargetedAdvertisingOptOut"],
    usca: ["SaleOptOut", "SharingOptOut"]
  }
  const others = "usva usco usut usct usfl usmt usor ustx usde usia usne usnh usnj ustn usmn usmd usin usky usri".split(
    " "
  )
  const sections = [
    ...Object.entries(optOut),
    ...others.map((name) => [name, ["SaleOptOut", "TargetedAdvertisingOptOut"]] as const)
  ]

  it.each(sections)("has the opt-outs that IAB's library writes: %s", (name, fields) => {
    for (const field of fields) {
      for (const value of [0, 1, 2]) {
        const model = new GppModel()
        model.setFieldValue(name, field, value)
        const [section, ...more] = readGpp(model.encode())!
        assert.deepStrictEqual(more, [])
        if (section?._tag !== "OptOuts") return assert.fail(name)
        const read = {
          SaleOptOut: section.saleOptOut,
          SharingOptOut: section.sharingOptOut,
          TargetedAdvertisingOptOut: section.targetingOptOut
        }
        assert.strictEqual(section.name, name)
        for (const other of fields)
          assert.strictEqual(read[other as keyof typeof read], other === field ? value : 0, other)
      }
    }
  })

  const encode = (fields: ReadonlyArray<readonly [string, string, unknown]>) => {
    const model = new GppModel()
    for (const [section, field, value] of fields) model.setFieldValue(section, field, value)
    return model.encode()
  }

  it("denies the sale of data by an opt-out or the browser's signal, and targeting with it", () => {
    assert.deepStrictEqual(derived({ gpp_string: encode([["usnat", "SaleOptOut", 1]]) }), [null, null, denied])
    assert.deepStrictEqual(derived({ gpp_string: encode([["usnat", "SaleOptOut", 2]]) }), [null, null, granted])
    assert.deepStrictEqual(derived({ gpp_string: encode([["usco", "TargetedAdvertisingOptOut", 1]]) }), [
      null,
      denied,
      denied
    ])
    assert.deepStrictEqual(
      derived({
        gpp_string: encode([
          ["usca", "SaleOptOut", 2],
          ["usca", "Gpc", true]
        ])
      }),
      [null, null, denied]
    )
    assert.deepStrictEqual(derived({ gpp_string: encode([["uspv1", "OptOutSale", "Y"]]) }), [null, null, denied])
  })

  it("of a state with a header before its core segment is read as without", () => {
    const headers = { usmd: "YBABY", usin: "ZBAA", usky: "aBAA", usri: "bBAA" }
    for (const [name, header] of Object.entries(headers)) {
      const [ids, section] = encode([
        [name, "SaleOptOut", 2],
        [name, "TargetedAdvertisingOptOut", 1]
      ]).split("~")
      const plain = readGpp(`${ids}~${section}`)!
      assert.deepStrictEqual(plain, readGpp(`${ids}~${header}.${section}`)!)
      assert.deepStrictEqual(derived({ gpp_string: `${ids}~${header}.${section}` }), [null, denied, denied])
      assert.isNull(readGpp(`${ids}~${header}`), "without its core")
    }
  })

  it("has the browser's signal where a state knows one, and no consent for sensitive data instead", () => {
    const [ids, section] = encode([
      ["usmd", "SaleOptOut", 2],
      ["usmd", "Gpc", true]
    ]).split("~")
    assert.deepStrictEqual(derived({ gpp_string: `${ids}~${section}` }), [null, null, denied])
    assert.deepStrictEqual(derived({ gpp_string: `${ids}~YBABY.${section}` }), [null, null, denied])
    const sensitive = encode([
      ["usin", "SaleOptOut", 2],
      ["usin", "SensitiveDataProcessing", [1, 2, 0, 0, 0, 0, 0, 0]],
      ["usin", "SensitiveDataConsentSegmentIncluded", true]
    ])
    assert.match(sensitive, /\.Y/)
    assert.deepStrictEqual(derived({ gpp_string: sensitive }), [null, null, granted])
  })

  it("counts in its applicable sections, and a European one as a TC string", () => {
    const both = encode([
      ["usnat", "SaleOptOut", 2],
      ["usca", "SaleOptOut", 1]
    ])
    assert.deepStrictEqual(derived({ gpp_string: both }), [null, null, denied])
    assert.deepStrictEqual(derived({ gpp_string: both, gpp_section_ids: ["7"] }), [null, null, granted])
    assert.deepStrictEqual(derived({ gpp_string: both, gpp_section_ids: "8,7" }), [null, null, denied])
    const european = encode([
      ["tcfeuv2", "PurposeConsents", Array.from({ length: 24 }, (_, index) => [0, 6].includes(index))]
    ])
    assert.deepStrictEqual(derived({ gpp_string: european }), [granted, denied, null])
  })

  it("of any bytes is read or refused, in time linear in its length", () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(..."DBABMA~.-_1YNz"), maxLength: 300 }), (text) => {
        assert.isDefined(readGpp(text))
        assert.isDefined(readTcf(text))
      })
    )
    assert.isAtMost(growthOf(100_000, (size) => `D${"B".repeat(size)}`, readGpp).ratio, linearRatioMax)
  })
})
