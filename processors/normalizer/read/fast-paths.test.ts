/** The short ways through texts give what the long ones give. */
import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import { normalizeLastName } from "../identity/person.ts"
import { rawUser } from "../identity/testing.ts"
import { clean } from "../identity/text.ts"
import { cleanUrl } from "../normalize/url.ts"
import { isIdentifierName, mayEndIdentifier } from "../pii/identifier-names.ts"
import { looksLikeEmail, PersonalData } from "../pii/personal-data.ts"
import { birthdayNumbers, containsNumber, customerNumbersOf } from "../pii/pii-digits.ts"
import { containsName, namePatternOf } from "../pii/pii-names.ts"
import { hasAt, hasEscape, hasSevenDigits, plain, scanText } from "../pii/text-scan.ts"

const runs = { numRuns: 5_000 }
const piece = fc.oneof(
  fc.constantFrom(
    "@",
    "%40",
    "＠",
    "%",
    "+",
    " ",
    "-",
    ".",
    "é",
    "\u0000",
    "Ann",
    "LEE",
    "lee",
    "山田",
    "1234567",
    "\ud800"
  ),
  fc.string({ maxLength: 5 }),
  fc.nat(99_999_999).map(String)
)
const text = fc.oneof(
  fc.array(piece, { maxLength: 8 }).map((pieces) => pieces.join("")),
  fc.string({ unit: "binary" })
)
const has = (scan: number, flag: number): boolean => (scan & flag) !== 0

describe("scanText", () => {
  it("finds what expressions find", () => {
    fc.assert(
      fc.property(text, (value) => {
        const scan = scanText(value)
        assert.strictEqual(has(scan, plain), /^[!-~](?:[ -~]*[!-~])?$/.test(value))
        assert.strictEqual(has(scan, hasAt), /@|＠|%40/.test(value))
        assert.strictEqual(has(scan, hasSevenDigits), /(?:[0-9][^0-9]{0,3}){6}[0-9]/.test(value))
        if (has(scan, plain)) assert.strictEqual(has(scan, hasEscape), /[%+]/.test(value))
      }),
      runs
    )
  })

  it("reads texts longer than its buffer", () => {
    for (const end of ["@x", "1234567", "é"]) {
      const long = `${"a".repeat(5_000)}${end}`
      assert.strictEqual(has(scanText(long), hasAt), end === "@x")
      assert.strictEqual(has(scanText(long), hasSevenDigits), end === "1234567")
    }
  })
})

describe("the customer's own values", () => {
  it("are numbers found among the digits of a text", () => {
    fc.assert(
      fc.property(
        fc.array(fc.stringMatching(/^[0-3 .-]{6,14}$/), { minLength: 1, maxLength: 4 }),
        text,
        fc.stringMatching(/^[0-3 .x-]{5,30}$/),
        fc.constantFrom("", " ".repeat(5_000)),
        (phone, before, after, space) => {
          const needles = phone.map((one) => one.replace(/[^0-9]+/g, "")).filter(({ length }) => length >= 7)
          const value = `${before}${space}${after}`
          const inValue = value.replace(/[^0-9]+/g, "")
          const expected = needles
            .map((digits) => digits.slice(-8).replace(/^0+/, ""))
            .some((needle) => needle.length >= 6 && inValue.includes(needle))
          assert.strictEqual(containsNumber(value, customerNumbersOf(rawUser({ phone }))), expected)
        }
      ),
      runs
    )
  })

  it("are numbers found behind beginnings of the same and of another number, in short texts and in long ones", () => {
    const number = fc.stringMatching(/^[1-2]{8}$/)
    fc.assert(
      fc.property(
        number,
        number,
        fc.nat(7),
        fc.nat(7),
        fc.constantFrom("", " ".repeat(5_000)),
        (one, other, m, n, space) => {
          const numbers = customerNumbersOf(rawUser({ phone: [other, one] }))
          assert.isTrue(containsNumber(`${space}${other.slice(0, m)}${one.slice(0, n)}${one}`, numbers))
        }
      ),
      runs
    )
  })

  it("are birthdays in the same orders, however they are read", () => {
    const day = fc.date({ min: new Date("1900-01-01"), max: new Date("2099-12-31"), noInvalidDate: true })
    fc.assert(
      fc.property(day, (date) => {
        const date_of_birth = date.toISOString().slice(0, 10)
        const sorted = (numbers: ReadonlyArray<number>) => [...new Set(numbers)].sort((one, other) => one - other)
        assert.deepStrictEqual(
          sorted([...customerNumbersOf(rawUser({ date_of_birth }))]),
          sorted(birthdayNumbers(date_of_birth))
        )
      }),
      runs
    )
  })

  it("are names found whether or not the letters of the text are known", () => {
    const name = fc.constantFrom("Ann", "Lee", "van Ann", "Lee-Ann", "山田", "É", "a", "O'Lee", "", "Jane", "Zoë Ann")
    fc.assert(
      fc.property(name, name, text, (first, last, value) => {
        const [given, family] = [namePatternOf(first), namePatternOf(last)]
        assert.strictEqual(containsName(value, scanText(value), given, family), containsName(value, 0, given, family))
      }),
      runs
    )
  })
})

describe("URLs", () => {
  it("of the usual shape are what the parser takes", () => {
    const label = fc.stringMatching(/^[a-z0-9-]{1,8}$/)
    const url = fc
      .tuple(fc.constantFrom("http", "https"), fc.array(label, { maxLength: 4 }), fc.string({ unit: "binary" }))
      .map(([scheme, labels, rest]) => `${scheme}://${labels.join(".")}/${rest}`)
    fc.assert(
      fc.property(url, (value) => {
        if (value.trim() !== value) return
        // The parser skips a tab, which is a space once the text is clean.
        const parsed = URL.canParse(clean(value))
        assert.strictEqual(cleanUrl(value, new PersonalData(null)).url !== null, parsed)
      }),
      runs
    )
  })

  it("without escapes lose the parameters that they lose beside one with an escape", () => {
    const name = fc.constantFrom(
      "order",
      "customer",
      "mobile",
      "email",
      "Phone",
      "em",
      "fn",
      "utm_source",
      "x=fname",
      "",
      `${"n".repeat(80)}email`
    )
    const value = fc.constantFrom("1", "Jane", "Jane-Doe", "0014155552671", "4155552671", "", "a=email", "=")
    const parameters = fc.array(fc.tuple(fc.constantFrom("?", "&", "#"), name, value), { maxLength: 4 })
    fc.assert(
      fc.property(parameters, (parts) => {
        const url = `https://shop.example/a?z=1${parts.map(([mark, one, of]) => `${mark}${one}=${of}`).join("")}`
        const personal = new PersonalData(rawUser({ phone: "+14155552671", first_name: "Jane", last_name: "Doe" }))
        const beside = cleanUrl(url.replace("?z=1", "?z=%41"), personal)
        assert.deepStrictEqual(cleanUrl(url, personal), { ...beside, url: beside.url!.replace("?z=%41", "?z=1") })
      }),
      runs
    )
  })

  it("have no name of an identifier that the last letters do not show", () => {
    const part = (...words: ReadonlyArray<string>) => fc.constantFrom("", ...words)
    const base = fc.constantFrom(
      ..."email e-mail e_mail emailaddress email-address phone phonenumber phone_number telephone msisdn firstname".split(
        " "
      ),
      ..."first-name last_name fullname given-name family_name surname birthdate birth-date birthday".split(" "),
      ..."dateofbirth date-of-birth date_of_birth dob tel mail fname lname em ph fn ln order utm_source".split(" ")
    )
    const spelled = fc
      .tuple(part("user", "customer", "contact", "billing", "shipping"), part("-", "_", ".", " "), base, fc.boolean())
      .map(([who, between, what, upper]) => (upper ? `${who}${between}${what}`.toUpperCase() : who + between + what))
    fc.assert(
      fc.property(spelled, (name) => {
        if (isIdentifierName(name)) assert.isTrue(mayEndIdentifier(`?${name}=1`, name.length + 1))
      }),
      runs
    )
  })
})

describe("scans in one pass", () => {
  const pieces = fc.array(fc.oneof(piece, fc.constantFrom("a", "b.c", "%2e", "\u200b", "\u0301", "\u2029", "😀")), {
    maxLength: 10
  })
  const joined = pieces.map((parts) => parts.join(""))

  it("find the addresses that one expression finds", () => {
    const address = /[^\s@＠](?:@|＠|%40)[^\s@＠]*[^\s@＠.](?:\.|%2e)\p{L}/iu
    fc.assert(
      fc.property(joined, (text) => {
        assert.strictEqual(looksLikeEmail(text), address.test(text))
      }),
      { numRuns: 20_000 }
    )
  })

  it("clean the ends that one expression cleans", () => {
    const ends = /^[\s\p{Z}\p{Cf}]+|[\s\p{Z}\p{Cf}]+$/gu
    fc.assert(
      fc.property(fc.oneof(joined, text), (value) => {
        const directions = /[\u202a-\u202e\u2066-\u2069]/g
        const composed = value.toWellFormed().replace(directions, "").normalize("NFC")
        assert.strictEqual(clean(value), composed.replace(/[\p{Cc}\ufffe\uffff]+/gu, " ").replace(ends, ""))
      }),
      { numRuns: 20_000 }
    )
  })

  it("compose each character with the one before it", () => {
    for (const before of ["e", "ε", "か", "न", "ᄀ", "가", "ۀ"])
      for (let code = 0xa1; code < 0x10000; code++) {
        const value = `${before}${String.fromCharCode(code)}x`
        // Directions are taken out, controls become spaces.
        if (/[\ud800-\udfff\u202a-\u202e\u2066-\u2069\ufffe\uffff]/.test(value)) continue
        if (clean(value) !== value.normalize("NFC")) assert.strictEqual(clean(value), value.normalize("NFC"))
      }
  })

  it("take the suffixes from names that one expression takes", () => {
    const suffix = /(?:,\s*|\s+)(?:jr\.?|sr\.?|2nd|3rd|ii|iii|iv|v|vi|cpa|dc|dds|vm|jd|md|phd)\s?$/
    const withoutSuffixes = (name: string): string =>
      suffix.test(name) ? withoutSuffixes(name.replace(suffix, "").trim()) : name
    const parts = fc.array(fc.constantFrom("smith", "jr", "jr.", "iii", ",", " ", "  ", " ,", ", "), { maxLength: 8 })
    fc.assert(
      fc.property(parts, (chosen) => {
        const name = `x${chosen.join("")}`
        const result = normalizeLastName(name)
        assert.strictEqual("value" in result ? result.value.google : null, withoutSuffixes(clean(name)))
      }),
      { numRuns: 5_000 }
    )
  })

  it("part longer runs of marks than any language has, once", () => {
    const cleaned = clean(`a${"\u0315\u0300".repeat(100)}b`)
    assert.strictEqual(clean(cleaned), cleaned)
    assert.strictEqual(cleaned.replaceAll("\u034f", "").length, 201)
    assert.strictEqual(clean(`e${"\u0301".repeat(3)}`), `é${"\u0301".repeat(2)}`)
  })

  it("find names in long texts as in short ones", () => {
    const [first, last] = [namePatternOf("Ann"), namePatternOf("Lee")]
    const filler = "1 ".repeat(400)
    for (const expected of ["annlee", "a-n-n.l.e.e", "leeann", "l e e a n n"]) {
      assert.isTrue(containsName(filler + expected, scanText(filler + expected), first, last), expected)
    }
    assert.isFalse(containsName(`${filler}annxlee`, scanText(`${filler}annxlee`), namePatternOf("Jo"), last))
  })
})
