import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import { parsePhoneNumberFromString } from "libphonenumber-js/max"
import type { NormalizedUser, RawUser } from "../../../schemas/types.gen.ts"
import { normalizeCity, normalizeCountry, normalizeState, normalizeZip } from "./address.ts"
import { normalizeClickId, normalizeFbc, normalizeFbp } from "./click-ids.ts"
import { normalizeEmail } from "./email.ts"
import { dropReasons, type Field } from "./field.ts"
import {
  normalizeExternalId,
  normalizeIp,
  normalizeLocale,
  normalizeMobileId,
  normalizeUserAgent
} from "./other-fields.ts"
import { normalizeBirthDate, normalizeFirstName, normalizeGender, normalizeLastName } from "./person.ts"
import { normalizePhone } from "./phone.ts"
import { context, rawUser } from "./testing.ts"
import { sha256 } from "./text.ts"
import { normalizeUser } from "./user.ts"

const asOf = Date.UTC(2026, 10, 23)

/** Any text: every code unit, lone surrogates too, whole graphemes, and texts that are nearly right. */
const anyText = fc.oneof(
  fc.string({ unit: "binary", maxLength: 40 }),
  fc.string({ unit: "grapheme", maxLength: 40 }),
  fc.array(fc.integer({ min: 0, max: 0xffff }), { maxLength: 20 }).map((units) => String.fromCharCode(...units)),
  fc.emailAddress(),
  fc.ipV4(),
  fc.ipV6(),
  fc.uuid(),
  fc.stringMatching(/^ ?[+(]?[0-9 ().-]{5,16} ?$/),
  fc.stringMatching(/^[0-9]{1,4}[-/. ][0-9]{1,2}[-/. ][0-9]{1,4}$/),
  fc.stringMatching(/^ ?[A-Za-zÀ-ž]{1,9}[ ,.'-]{0,2}(?:jr|Sr\.|III|PhD)?\.? ?$/),
  fc.constantFrom(
    "null",
    "N/A",
    "Deutschland",
    "USA",
    "New York",
    "SW1A 1AA",
    "94103-1234",
    "fb.1.1558571054389.1",
    "ΑΣ Σ",
    "ıİ"
  )
)
const country = fc.constantFrom(null, "US", "DE", "GB", "JP", "CN", "AQ")

/** A normalizer as a function from text to one text, with the grammar that its output must keep. */
const rules: ReadonlyArray<readonly [string, (raw: string, of: string | null) => Field<string | null>, RegExp]> = [
  ["email", (raw) => form(normalizeEmail(raw), ({ plain }) => plain), /^[^\s@]+@[^\s@]+\.[^\s@]+$/u],
  ["email for Google", (raw) => form(normalizeEmail(raw), ({ google }) => google), /^[^\s@]+@[^\s@]+\.[^\s@]+$/u],
  ["first name", (raw) => form(normalizeFirstName(raw), ({ plain }) => plain), /^[\p{L}\p{N}\p{M}]+$/u],
  ["first name for Google", (raw) => form(normalizeFirstName(raw), ({ google }) => google), /^\S(?:.*\S)?$/su],
  ["last name", (raw) => form(normalizeLastName(raw), ({ plain }) => plain), /^[\p{L}\p{N}\p{M}]+$/u],
  ["last name for Google", (raw) => form(normalizeLastName(raw), ({ google }) => google), /^\S(?:.*\S)?$/su],
  ["city", (raw) => form(normalizeCity(raw), ({ plain }) => plain), /^[\p{L}\p{N}\p{M}]+$/u],
  ["city for Snapchat", (raw) => form(normalizeCity(raw), ({ snap }) => snap), /^\S+$/u],
  ["state", (raw, of) => normalizeState(raw, of), /^[\p{L}\p{N}\p{M}]+$/u],
  ["state in the US", (raw) => normalizeState(raw, "US"), /^[a-z]{2}$/],
  ["zip", (raw, of) => form(normalizeZip(raw, of), ({ plain }) => plain), /^[\p{L}\p{N}\p{M}]{2,12}$/u],
  ["zip in the US", (raw) => form(normalizeZip(raw, "US"), ({ plain }) => plain), /^[0-9]{5}$/],
  ["zip for Snapchat", (raw, of) => form(normalizeZip(raw, of), ({ snap }) => snap), /^\S+$/u],
  ["country", (raw) => normalizeCountry(raw), /^[A-Z]{2}$/],
  ["date of birth", (raw) => normalizeBirthDate(raw, asOf), /^(?:19|20)[0-9]{6}$/],
  ["gender", (raw) => normalizeGender(raw), /^[fm]$/],
  ["external id", (raw) => normalizeExternalId(raw), /^\S+$/u],
  ["ip", (raw) => normalizeIp(raw), /^[0-9a-f.:]+$/],
  ["phone", (raw, of) => form(normalizePhone(raw, of, ["FR"]), ([first]) => first!.e164), /^\+[1-9][0-9]{4,16}$/],
  ["fbp", (raw) => normalizeFbp(raw), /^fb\./],
  ["fbc", (raw) => normalizeFbc(raw), /^fb\./],
  ["click id", (raw) => normalizeClickId(raw), /^[!-~]+$/],
  ["mobile id", (raw) => normalizeMobileId(raw), /^[0-9A-Fa-f-]{32,36}$/],
  ["locale", (raw) => normalizeLocale(raw), /^[A-Za-z0-9-]+$/],
  ["user agent", (raw) => normalizeUserAgent(raw), /^\S(?:.*\S)?$/su]
]

const form = <Forms>(result: Field<Forms>, of: (forms: Forms) => string | null): Field<string | null> =>
  "value" in result ? { value: of(result.value) } : result

describe("every normalizer, on any text", () => {
  for (const [name, rule, grammar] of rules) {
    it(`${name}: total, by the platform's grammar, idempotent`, () => {
      fc.assert(
        fc.property(anyText, country, (text, of) => {
          const result = rule(text, of)
          if ("dropped" in result) return assert.include(dropReasons, result.dropped)
          if (result.value === null) return
          assert.match(result.value, grammar)
          assert.strictEqual(result.value.normalize("NFC"), result.value)
          assert.deepStrictEqual(rule(result.value, of), result)
        }),
        { numRuns: 500 }
      )
    })
  }
})

describe("the phone's short way", () => {
  const spaces = fc.constantFrom("", " ", "-", ".", " (", ") ")
  const digits = fc.array(fc.tuple(fc.integer({ min: 0, max: 9 }), spaces), { minLength: 7, maxLength: 12 })
  const calling = fc.constantFrom("1", "31", "33", "34", "44", "61", "91", "49", "39", "86")
  it("agrees with libphonenumber", () => {
    fc.assert(
      fc.property(calling, digits, (code, rest) => {
        const text = `+${code}${rest.map(([digit, space]) => `${space}${digit}`).join("")}`
        const parsed = parsePhoneNumberFromString(text)
        const result = normalizePhone(text, null, [])
        if ("value" in result)
          assert.deepStrictEqual([result.value[0]?.e164, true], [parsed?.number, parsed?.isPossible()])
        else assert.isFalse(parsed?.isPossible() === true && parsed.isValid())
      }),
      { numRuns: 2_000 }
    )
  })
})

describe("the whole customer", () => {
  const fields = Object.keys(rawUser()) as ReadonlyArray<keyof RawUser>
  const texts = fields.filter((field) => field !== "fbclid_time")
  const anyUser = fc.dictionary(fc.constantFrom(...texts), anyText).map((values) => rawUser(values as Partial<RawUser>))
  const hashed: ReadonlyArray<keyof NormalizedUser> = [
    "first_name",
    "first_name_google",
    "last_name",
    "last_name_google",
    "city",
    "city_snap",
    "state",
    "zip",
    "zip_snap",
    "country",
    "date_of_birth",
    "gender"
  ]

  it("holds only hashes where hashes belong, and never that of nothing", () => {
    fc.assert(
      fc.property(anyUser, (raw) => {
        const user = normalizeUser(raw, context({ defaultCountries: ["US", "DE"] }))
        const lists = [...user.email, ...user.email_google, ...user.external_id]
        const phones = user.phones.flatMap(({ digits, e164, tiktok }) => [digits, e164, tiktok])
        for (const hash of [...hashed.map((field) => user[field]), ...lists, ...phones]) {
          if (hash === null) continue
          assert.match(String(hash), /^[0-9a-f]{64}$/)
          assert.notStrictEqual(hash, sha256(""))
        }
      }),
      { numRuns: 500 }
    )
  })

  it("passes a hash on in lower case and never hashes it again", () => {
    const hash = sha256("jane@shop.example")
    for (const given of [hash, hash.toUpperCase(), ` ${hash}`]) {
      const user = normalizeUser(
        rawUser(Object.fromEntries([...hashed, "email", "phone", "external_id"].map((field) => [field, given]))),
        context()
      )
      for (const field of hashed) assert.strictEqual(user[field], hash, field)
      assert.deepStrictEqual([user.email, user.email_google, user.external_id], [[hash], [hash], [hash]])
      assert.deepStrictEqual(user.phones[0], {
        default_country: null,
        digits: hash,
        e164: hash,
        tiktok: hash,
        sealed: null,
        assumed_international: false
      })
      assert.isNull(user.city_plain)
    }
  })

  it("keeps several values of a field, each once", () => {
    const raw = rawUser({
      email: ["A@shop.example", "a@shop.example", "bad", "b@shop.example"],
      phone: ["+14155550132", "+1 415 555 0132"]
    })
    const reasons: Array<string> = []
    const user = normalizeUser(raw, context({ drop: (field, reason) => reasons.push(`${field} ${reason}`) }))
    assert.deepStrictEqual(user.email, [sha256("a@shop.example"), sha256("b@shop.example")])
    assert.strictEqual(user.phones.length, 1)
    assert.deepStrictEqual(reasons, ["user.email invalid_email"])
  })
})
