import { hash } from "node:crypto"
import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import type { RawUser } from "../../../schemas/types.gen.ts"
import { emptyRawUser } from "../../../schemas/values.gen.ts"
import { cleanUrl } from "../normalize/url.ts"
import { hasIdentifierMember, isIdentifierName, isPersonUnder } from "./identifier-names.ts"
import { hasKnownForm, isKnownFormOfId } from "./known-forms.ts"
import { PersonalData } from "./personal-data.ts"
import { hasEncodedEmail, hasEncodedWord, scanText } from "./text-scan.ts"

const inText = (text: string, countries: ReadonlyArray<string> = ["DE"]) =>
  hasKnownForm(text, { countries, bareCards: true })
const runs = { numRuns: 3_000 }
const digits = (min: number, max = min) =>
  fc.array(fc.integer({ min: 0, max: 9 }), { minLength: min, maxLength: max }).map((all) => all.join(""))

describe("a form of personal data", () => {
  it.each([
    ["call +49 171 2345678 now", []],
    ["+1 (415) 555-2671", []],
    ["tel:+14155552671", []],
    ["(415) 555-2671", ["US"]],
    ["415-555-2671", ["DE"]],
    ["0171 2345678", ["DE"]],
    ["0171/2345678 12:30", ["DE"]],
    ["0049 171 2345678", ["DE"]],
    ["01 23 45 67 89", ["FR"]],
    ["電話は090-1234-5678です", ["JP"]],
    ["612 345 678", ["ES"]],
    ["+971 50 123 4567", []],
    ["4111 1111 1111 1111", []],
    ["4111-1111-1111-1111 12/28", []],
    ["4111111111111111", []],
    ["3782 822463 10005", []],
    ["DE89 3704 0044 0532 0130 00 danke", []],
    ["GB29NWBK60161331926819", []],
    ["nl91abna0417164300", []],
    ["123-45-6789", []],
    ["529.982.247-25", []],
    ["1 84 12 76 451 089 46", []],
    ["RSSMRA85T10A562S", []]
  ])("is found: %s", (text, countries) => {
    assert.isTrue(inText(text, countries))
  })

  it.each([
    "100200300",
    "o-100200300",
    "4006381333931", // GTIN-13
    "04006381333931",
    "1795000000123",
    "1795000000",
    "2026-11-28 10:30:00",
    "28.11.2026 10:30",
    "01-02-2026 10:30:15",
    "2026-11-28T10:30:00+01:00",
    "20261128-0001",
    "192.168.100.200",
    "1 234 567.89",
    "12.345.678,00",
    "550e8400-e29b-41d4-a716-446655440000",
    "123-1234567-1234567", // Amazon's order
    "#1001-2002-3003",
    "SKU 100-20-300",
    "GA1.2.1234567890.1234567890",
    "fb.1.1558571054389.1098115397",
    "1Z999AA10123456784",
    "120208123456789012"
  ])("is not in %s", (text) => {
    assert.isFalse(inText(text), text)
    assert.isFalse(isKnownFormOfId(text), text)
  })

  it("is not in ordinary ids, numbers, times and UUIDs", () => {
    const ordinary = fc.oneof(
      digits(1, 14), // order ids, GTINs, times in seconds and milliseconds
      fc.uuid(),
      fc.tuple(fc.constantFrom("o-", "ORD-", "INV", "R", "#"), digits(4, 12)).map((parts) => parts.join("")),
      fc.double({ min: 0, max: 1e9, noNaN: true }).map((amount) => amount.toFixed(2)),
      fc.integer({ min: 1e12, max: 2e12 }).map(String),
      fc
        .date({ min: new Date("2000-01-01"), max: new Date("2040-01-01"), noInvalidDate: true })
        .map((at) => at.toISOString()),
      fc.ipV4(),
      // Two zeros before more digits are the way to a number abroad.
      fc.tuple(digits(2), digits(6, 9)).map((parts) => parts.join("-").replace(/^00/, "10"))
    )
    fc.assert(
      fc.property(ordinary, (text) => {
        assert.isFalse(inText(text, ["US", "DE"]), text)
        assert.isFalse(new PersonalData(null).inId(text), text)
      }),
      runs
    )
  })

  it("is in no id for its digits alone: cards in ids have their groups", () => {
    fc.assert(
      fc.property(digits(15, 19), (text) => {
        assert.isFalse(isKnownFormOfId(text), text)
        assert.isFalse(new PersonalData(null).inUrl(`https://shop.example/?pid=${text}`), text)
      }),
      runs
    )
  })

  it("is found although the digits are of another script", () => {
    const personal = new PersonalData(null)
    assert.isTrue(personal.inText("اتصل بي على +٩٧١ ٥٠ ١٢٣ ٤٥٦٧"))
    assert.isTrue(personal.inText("＋８１ ９０ １２３４ ５６７８"))
  })
})

describe("an encoded email address", () => {
  const own = { emailHashes: () => new Set(["5d41402abc4b2a76b9719d911017c592"]) }
  it("is found as base64 of anyone's and as a hash of the customer's", () => {
    const address = "jane.doe@shop.example"
    for (const encoding of ["base64", "base64url"] as const) {
      assert.isTrue(hasEncodedEmail(`x=${Buffer.from(address).toString(encoding)}&y`, own))
    }
    assert.isTrue(hasEncodedEmail("5D41402ABC4B2A76B9719D911017C592", own))
    const personal = new PersonalData({ ...emptyRawUser, email: " Jane.Doe@Shop.example" })
    for (const algorithm of ["md5", "sha1"]) assert.isTrue(personal.inText(`ref ${hash(algorithm, address)}`))
  })

  it("is found behind other words of a path or an id", () => {
    for (const address of ["jane.doe@shop.example", "ann~lee?x@shop.example", "jane.doe+news@shop.example"]) {
      for (const encoding of ["base64", "base64url"] as const) {
        const word = Buffer.from(address).toString(encoding)
        for (const text of [`https://shop.example/unsubscribe/${word}/now`, `ref-${word}`, `a_${word}`, `/p/${word}`]) {
          assert.isTrue(hasEncodedEmail(text, own), text)
          assert.isTrue((scanText(text) & hasEncodedWord) !== 0, text)
        }
      }
    }
    assert.isTrue(hasEncodedEmail("ref-5D41402ABC4B2A76B9719D911017C592", own))
    const { removed, url } = cleanUrl(
      `https://shop.example/u/${Buffer.from("jane.doe@shop.example").toString("base64")}?a=1`,
      new PersonalData(null)
    )
    assert.deepStrictEqual([url, removed], ["https://shop.example/u/removed?a=1", true])
  })

  it("is not in tokens, hashes of others and words", () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.uuid().map((id) => id.replaceAll("-", "")),
          fc.base64String({ minLength: 16 }),
          fc.lorem()
        ),
        (text) => {
          const decoded = Buffer.from(text, "base64").toString("latin1")
          if (!decoded.includes("@")) assert.isFalse(hasEncodedEmail(text, { emailHashes: () => new Set() }), text)
        }
      ),
      runs
    )
  })
})

describe("the customer's phone number as an id", () => {
  const national = { ...emptyRawUser, phone: "(415) 555-0132" }
  const inId = (text: string, user: RawUser, defaultCountries: ReadonlyArray<string> = []) =>
    new PersonalData(user, defaultCountries).inId(text)

  it("is found behind the code of the customer's country, which the given number lacks", () => {
    for (const text of ["14155550132", "1-415-555-0132", "0014155550132", "4155550132"]) {
      assert.isTrue(inId(text, { ...national, country: "United States" }), text)
      assert.isTrue(inId(text, national, ["DE", "US"]), text)
    }
    assert.isTrue(inId("491701234567", { ...emptyRawUser, phone: "0170 1234567", country: "DE" }))
  })

  it("is not found with other digits in front", () => {
    for (const text of ["24155550132", "494155550132", "141555501321"]) {
      assert.isFalse(inId(text, { ...national, country: "US" }), text)
    }
    assert.isFalse(inId("14155550132", national))
  })
})

describe("a name of a property", () => {
  it("means a person's data in many languages", () => {
    for (const name of [
      ...[
        "customer_name",
        "Vorname",
        "nachname",
        "billing_address_1",
        "Straße",
        "shippingStreet",
        "IBAN",
        "card_number",
        "SSN"
      ],
      ...[
        "prénom",
        "apellidos",
        "Geburtsdatum",
        "фамилия",
        "電話番号",
        "이름",
        "telefono",
        "E-Mail",
        "user.email",
        "codice_fiscale"
      ]
    ]) {
      assert.isTrue(isIdentifierName(name), name)
    }
    for (const name of [
      "name",
      "plan",
      "order",
      "utm_source",
      "color",
      "size",
      "address_type",
      "emails_opened",
      "category",
      "customer_type"
    ]) {
      assert.isFalse(isIdentifierName(name), name)
    }
  })

  it("means it by its value where the name has two meanings", () => {
    assert.isTrue(isPersonUnder("receiver", "Jane van der Doe"))
    assert.isTrue(isPersonUnder("Kunde", "Jörg Müller"))
    assert.isTrue(isPersonUnder("収件人".replace("収", "收"), "山田太郎"))
    assert.isTrue(isPersonUnder("mobile", "0171 2345678"))
    for (const value of ["returning", "new customer", "Neukunde", "web", "B2B"])
      assert.isFalse(isPersonUnder("customer", value), value)
    assert.isFalse(isPersonUnder("mobile", "true"))
    assert.isTrue(hasIdentifierMember('{"to":{"street":"Main St 5"}}'))
    assert.isFalse(hasIdentifierMember('{"size":"M","receiver":"shop"}'))
  })
})
