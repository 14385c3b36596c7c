import { assert, describe, it } from "@effect/vitest"
import { GVL, TCModel, TCString, type VendorList } from "@iabtcf/core"
import * as fc from "fast-check"
import type { Consent, ConsentSignals } from "../../../schemas/types.gen.ts"
import { consentCountryOfPhone } from "../../../shared/connectors/mapping/consent.ts"
import { rawEventFromJson } from "../read/read-record.ts"
import { consentCountryOf, deniedVendors, deriveConsent } from "./consent-signals.ts"
import { hasVendorConsent, readTcf } from "./consent-strings.ts"
import { defaultNormalizerOptions, normalize } from "./normalize.ts"

const none: ConsentSignals = {
  tcf_string: null,
  gpp_string: null,
  gpp_section_ids: null,
  ad_storage: null,
  gcs: null,
  country: null,
  gdpr_applies: null
}
/** A list of vendors, which IAB's encoder asks for: it writes no others. */
const vendorOf = (id: number) => ({
  id,
  name: `vendor ${id}`,
  purposes: [1, 7],
  legIntPurposes: [],
  flexiblePurposes: [],
  specialPurposes: [],
  features: [],
  specialFeatures: [],
  policyUrl: ""
})
const listOf = (vendors: ReadonlyArray<number>) =>
  new GVL({
    gvlSpecificationVersion: 3,
    vendorListVersion: 100,
    tcfPolicyVersion: 5,
    lastUpdated: "2026-01-01T00:00:00Z",
    purposes: Object.fromEntries(Array.from({ length: 11 }, (_, index) => [index + 1, { id: index + 1 }])),
    specialPurposes: {},
    features: {},
    specialFeatures: {},
    stacks: {},
    vendors: Object.fromEntries(vendors.map((id) => [id, vendorOf(id)]))
  } as unknown as VendorList)
const tcfOf = (purposes: ReadonlyArray<number>, consented: ReadonlyArray<number> = []): string => {
  const model = new TCModel(listOf(consented))
  model.vendorConsents.set([...consented])
  model.cmpId = 10
  model.cmpVersion = 1
  model.purposeConsents.set([...purposes])
  return TCString.encode(model).split(".")[0]!
}
const derived = (signals: Partial<ConsentSignals>, given: Partial<Consent> | null = null) => {
  const dropped: Array<string> = []
  const own = given === null ? null : { ad_user_data: null, ad_personalization: null, sale_of_data: null, ...given }
  const { consent } = deriveConsent(own, { ...none, ...signals }, (field, reason) => dropped.push(`${field} ${reason}`))
  return [consent?.ad_user_data, consent?.ad_personalization, consent?.sale_of_data, ...dropped]
}
const [granted, denied] = ["granted", "denied"]

describe("a TC string", () => {
  it("has the purposes that IAB's library reads", () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.integer({ min: 1, max: 11 })), (purposes) => {
        const text = tcfOf(purposes)
        assert.deepStrictEqual(
          [...readTcf(text)!.purposes],
          purposes.toSorted((left, right) => left - right)
        )
        assert.deepStrictEqual([...readTcf(`${text}.IF3EXySoGY2tho`)!.purposes].length, purposes.length)
        for (const purpose of purposes) assert.isTrue(TCString.decode(text).purposeConsents.has(purpose))
      }),
      { numRuns: 200 }
    )
  })

  it("grants by purposes 1 and 7, and 3 and 4", () => {
    assert.deepStrictEqual(derived({ tcf_string: tcfOf([1, 3, 4, 7]) }), [granted, granted, null])
    assert.deepStrictEqual(derived({ tcf_string: tcfOf([1, 7]) }), [granted, denied, null])
    assert.deepStrictEqual(derived({ tcf_string: tcfOf([3, 4, 7]) }), [denied, granted, null])
    assert.deepStrictEqual(derived({ tcf_string: tcfOf([]) }), [denied, denied, null])
  })

  it("that cannot be read is a denial", () => {
    for (const text of ["nonsense", "BOEFEAyOEFEAyAHABDENAI4AAAB9vABAASA", "C", "x".repeat(10_000)]) {
      assert.deepStrictEqual(derived({ tcf_string: text }), [
        denied,
        denied,
        denied,
        "consent_signals.tcf_string invalid_consent"
      ])
    }
  })

  it("has the vendors that IAB's library reads, as bits and as ranges", () => {
    const ids = fc.oneof(
      fc.uniqueArray(fc.integer({ min: 1, max: 60 }), { maxLength: 30 }),
      fc.uniqueArray(fc.integer({ min: 1, max: 5_000 }), { maxLength: 5 })
    )
    fc.assert(
      fc.property(ids, fc.integer({ min: 1, max: 5_000 }), (consented, other) => {
        const text = tcfOf([1, 7], consented)
        const read = TCString.decode(text).vendorConsents
        for (const vendor of consented) assert.isTrue(hasVendorConsent(text, vendor))
        for (const vendor of [other, 755])
          assert.strictEqual(hasVendorConsent(`${text}.IF3EXySoGY2tho`, vendor), read.has(vendor))
      }),
      { numRuns: 100 }
    )
  })

  it("has every vendor of a range, and none beside it", () => {
    const inRange = Array.from({ length: 40 }, (_, index) => 740 + index)
    const text = tcfOf([1, 7], [...inRange, 4_000])
    for (const vendor of [740, 755, 779, 4_000]) assert.isTrue(hasVendorConsent(text, vendor), String(vendor))
    for (const vendor of [1, 739, 780, 3_999, 4_001]) assert.isFalse(hasVendorConsent(text, vendor), String(vendor))
  })

  it("names the vendors of connections that it has no consent for", () => {
    const text = tcfOf([1, 3, 4, 7], [12, 755])
    const denied = (signals: Partial<ConsentSignals>, ...vendors: ReadonlyArray<number>) =>
      deniedVendors({ ...none, ...signals }, vendors)
    assert.isNull(denied({ tcf_string: text }, 755))
    assert.deepStrictEqual(denied({ tcf_string: text }, 12, 13, 755), [13])
    assert.deepStrictEqual(denied({ tcf_string: ` ${tcfOf([1, 7])}` }, 755), [755])
    assert.deepStrictEqual(denied({ gpp_string: `DBABMA~${tcfOf([1, 7])}` }, 755), [755])
    assert.isNull(denied({ gpp_string: `DBABMA~${tcfOf([1, 7])}`, gpp_section_ids: "7" }, 755))
    // The purposes of what cannot be read are denied already.
    assert.isNull(denied({ tcf_string: "nonsense" }, 755))
    assert.isNull(denied({ gcs: "G100" }, 755))
  })

  it("with a text behind its purposes that says anything is read to its end once", () => {
    const text = tcfOf([1, 7]).slice(0, 34) + "_".repeat(8_000)
    assert.isFalse(hasVendorConsent(text.slice(0, 36), 755))
    assert.isTrue(hasVendorConsent(text, 65_535))
  })
})

describe("several signals", () => {
  it("are joined so that the stricter wins", () => {
    const all = tcfOf([1, 3, 4, 7])
    assert.deepStrictEqual(derived({ tcf_string: all }, { ad_user_data: denied }), [denied, granted, null])
    assert.deepStrictEqual(derived({ tcf_string: tcfOf([]) }, { ad_user_data: granted, sale_of_data: granted }), [
      denied,
      denied,
      granted
    ])
    assert.deepStrictEqual(derived({ tcf_string: all }, { ad_user_data: "unknown" }), [granted, granted, null])
    assert.deepStrictEqual(derived({ tcf_string: all }, { ad_user_data: "unclear" }), ["unclear", granted, null])
    assert.deepStrictEqual(derived({ tcf_string: all, ad_storage: "denied" }), [denied, granted, null])
    assert.deepStrictEqual(
      derived({ gcs: "G100" }, { ad_user_data: granted }),
      [denied, undefined, undefined].map((one) => one ?? null)
    )
    assert.deepStrictEqual(derived({ gcs: "G111", ad_storage: "granted" }, { ad_user_data: granted }), [
      granted,
      null,
      null
    ])
    assert.deepStrictEqual(derived({ gcs: "G2" }), [denied, denied, denied, "consent_signals.gcs invalid_consent"])
    assert.deepStrictEqual(derived({}), [undefined, undefined, undefined])
  })

  it("reach the normalized event from JSON, with the country whose rules count", () => {
    const event = (more: object) => {
      const read = rawEventFromJson({
        event_id: "e",
        event_name: "lead",
        event_time: 1_795_000_000_000,
        user: { email: "a@shop.example", country: "US" },
        ...more
      })
      if (read._tag === "Problem") return assert.fail(read.problem.reason)
      const result = normalize(
        read.raw,
        { topic: "raw-events", partition: 0, offset: 0, timestamp: 0 },
        defaultNormalizerOptions,
        read.dropped
      )
      return result._tag === "Normalized" ? result.event : assert.fail(result.problem.reason)
    }
    const { consent, consent_country, dropped_fields } = event({
      consent: { ad_user_data: "granted" },
      consent_signals: { tcf_string: tcfOf([1, 7]), gpp_section_ids: [7], country: "de", tcf: "x" }
    })
    assert.deepStrictEqual(consent, { ad_user_data: "granted", ad_personalization: "denied", sale_of_data: null })
    assert.strictEqual(consent_country, "DE")
    assert.deepStrictEqual(
      dropped_fields.map(({ field, nearest }) => [field, nearest]),
      [["consent_signals.tcf", null]]
    )
    assert.deepStrictEqual([event({}).consent, event({}).consent_country], [null, "US"])
  })
})

describe("the country whose rules count", () => {
  it("is the first that asks for consent: of the place, the customer, the phone", () => {
    assert.strictEqual(consentCountryOf({ ...none, country: "France" }, "US", null), "FR")
    assert.strictEqual(consentCountryOf({ ...none, country: "US" }, "DE", null), "DE")
    assert.strictEqual(consentCountryOf(null, "US", ["+49 171 2345678"]), "DE")
    assert.strictEqual(consentCountryOf(null, null, "0033 6 12 34 56 78"), "FR")
    assert.strictEqual(consentCountryOf(null, null, "+1 415 555 2671"), null)
    assert.strictEqual(consentCountryOf({ ...none, gdpr_applies: true }, "US", null), "EU")
    assert.strictEqual(consentCountryOf({ ...none, country: "BR" }, "US", null), "BR")
    for (const [phone, country] of [
      ["+41446681800", "CH"],
      ["+447911123456", "GB"],
      ["+353861234567", "IE"],
      ["+37120000000", "LV"],
      ["030 1234", null]
    ] as const)
      assert.strictEqual(consentCountryOfPhone(phone), country, phone)
  })
})
