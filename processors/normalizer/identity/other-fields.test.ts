import { assert, describe, it } from "@effect/vitest"
import { countryOfHash } from "./address.ts"
import { normalizeFbc, normalizeFbp } from "./click-ids.ts"
import { normalizeExternalId, normalizeIp, normalizeLocale, normalizeMobileId } from "./other-fields.ts"
import { dateOrderOf, normalizeBirthDate, normalizeGender } from "./person.ts"
import { normalizePhone, tiktokForm } from "./phone.ts"
import { check } from "./testing.ts"
import { alreadyHashed, sha256 } from "./text.ts"

check(
  "date of birth",
  [
    ["1990-01-31", "19900131"],
    ["19900131", "19900131"],
    ["1990/1/5", "19900105"],
    ["1990-01-31T00:00:00.000Z", "19900131"],
    ["31.01.1990", "19900131"],
    ["1/31/1990", "19900131"],
    ["2/16/1997 (mm/dd/yyyy)", "19970216"],
    ["16–2–1997 (dd-mm-yyyy)", "19970216"],
    ["05/05/1990", "19900505"],
    ["1985/25/12", "19851225"],
    ["15011990", "19900115"],
    ["31 Jan 1990", "19900131"],
    ["January 31st, 1990", "19900131"],
    ["Wed Jan 31 1990 00:00:00 GMT+0000 (Coordinated Universal Time)", "19900131"],
    ["Wed, 31 Jan 1990 00:00:00 GMT", "19900131"],
    ["\u200e1\u200e/\u200e31\u200e/\u200e1990", "19900131"],
    ["29/02/2000", "20000229"],
    ["02/03/1990", "(ambiguous_date_of_birth)"],
    ["29/02/1900", "(invalid_date_of_birth)"],
    ["31.02.1990", "(invalid_date_of_birth)"],
    ["01/15/90", "(invalid_date_of_birth)"],
    ["1799-01-15", "(invalid_date_of_birth)"],
    ["2030-01-01", "(invalid_date_of_birth)"],
    ["0000-00-00", "(placeholder)"],
    ["1900-01-01", "(placeholder)"]
  ],
  (input) => normalizeBirthDate(input, Date.UTC(2026, 10, 23))
)
const bornIn = (country: string | null) => (input: string) =>
  normalizeBirthDate(input, Date.UTC(2026, 10, 23), dateOrderOf(input, country))
check(
  "date of birth without a country",
  [
    ["03-05-1995", "19950305"],
    ["02/03/1990", "19900203"],
    ["2/16/1997", "19970216"],
    ["16/2/1997", "19970216"],
    ["1990_12_31", "19901231"],
    ["1990年12月31日", "19901231"],
    ["02.03.1990", "(ambiguous_date_of_birth)"]
  ],
  bornIn(null)
)
check("date of birth in the US", [["02/03/1990", "19900203"]], bornIn("US"))
check(
  "date of birth in Germany",
  [
    ["02/03/1990", "19900302"],
    ["02.03.1990", "19900302"]
  ],
  bornIn("DE")
)
check("date of birth in Canada", [["02/03/1990", "(ambiguous_date_of_birth)"]], bornIn("CA"))

check(
  "gender",
  [
    ["Female", "f"],
    [" MALE. ", "m"],
    ["F", "f"],
    ["weiblich", "f"],
    ["Männlich", "m"],
    ["Ma'am", "f"],
    ["Dad", "m"],
    ["non-binary", "(unsupported_gender)"],
    ["unknown", "(placeholder)"]
  ],
  normalizeGender
)

check(
  "external id",
  [
    [" User-77 ", "user-77"],
    ["a b", "ab"],
    ["0", "(placeholder)"],
    ["undefined", "(placeholder)"],
    ["\t", "(empty)"]
  ],
  normalizeExternalId
)

check(
  "ip",
  [
    ["203.0.113.7", "203.0.113.7"],
    [" 8.8.8.8, 10.0.0.1", "8.8.8.8"],
    ["10.0.0.1, 8.8.8.8", "8.8.8.8"],
    ["8.8.8.8:443", "8.8.8.8"],
    ["::ffff:8.8.8.8", "8.8.8.8"],
    ["[2001:4860:4860::8888]:443", "2001:4860:4860::8888"],
    ["2001:4860:4860::8888", "2001:4860:4860::8888"],
    ["192.168.1.1", "(ip_not_public)"],
    ["127.0.0.1", "(ip_not_public)"],
    ["100.64.0.1", "(ip_not_public)"],
    ["fe80::1%eth0", "(ip_not_public)"],
    ["::1", "(ip_not_public)"],
    ["fd00::1", "(ip_not_public)"],
    ["999.1.1.1", "(invalid_ip)"],
    ["01.2.3.4", "(invalid_ip)"]
  ],
  normalizeIp
)

check(
  "phone",
  [
    ["+1 (415) 555-0132", "+14155550132"],
    ["tel:+1-415-555-0132", "+14155550132"],
    ["0044 7700 900123", "+447700900123"],
    ["+44 (0)7400 123456", "+447400123456"],
    ["＋49 171 2345678", "+491712345678"],
    ["(415) 555-0132", "+14155550132"],
    ["1 415 555 0132 ext. 5", "+14155550132"],
    ["\u202a+1 415\u200b555 0132\u202c", "+14155550132"],
    ["+52 1 55 1234 5678", "+525512345678"],
    ["+52 1 155 123 4567", "(invalid_phone)"],
    ["٠٠٩٧١٥٠١٢٣٤٥٦٧", "+971501234567"],
    ["5553", "(invalid_phone)"],
    ["+12345678901234", "(invalid_phone)"],
    ["0000000000", "(placeholder)"],
    ["+11111111111", "(invalid_phone)"],
    ["unknown", "(placeholder)"],
    ["abc-DEF", "(invalid_phone)"]
  ],
  (input) => {
    const result = normalizePhone(input, "US", ["DE"])
    return "value" in result ? { value: result.value[0]!.e164 } : result
  }
)
check(
  "phone behind 00 and +00",
  [
    ["+001 (415) 555-0132", "+14155550132"],
    ["+0049 171 2345678", "+491712345678"],
    ["0011 65 9123 4567", "+6591234567"],
    ["Call me at +1 (415) 555-0132", "+14155550132"]
  ],
  (input) => {
    const result = normalizePhone(input, "AU", [])
    return "value" in result ? { value: result.value[0]!.e164 } : result
  }
)
check("phone in Mexico", [["521 55 1234 5678", "+525512345678"]], (input) => {
  const result = normalizePhone(input, "MX", [])
  return "value" in result ? { value: result.value[0]!.e164 } : result
})
check("phone in Arabic digits with a default country", [["٠٥٠١٢٣٤٥٦٧", "+971501234567"]], (input) => {
  const result = normalizePhone(input, null, ["AE"])
  return "value" in result ? { value: result.value[0]!.e164 } : result
})
check("phone without any country", [["415 555 0132", "(phone_country_unknown)"]], (input) => {
  const result = normalizePhone(input, null, [])
  return "value" in result ? { value: "" } : result
})

check(
  "fbp",
  [
    ["fb.1.1558571054389.1098115397", "fb.1.1558571054389.1098115397"],
    ["fb.1.1558571054389.1098115397.AQ", "fb.1.1558571054389.1098115397.AQ"],
    ["fb.1.1558571054.1098115397", "(invalid_fbp)"],
    ["1098115397", "(invalid_fbp)"]
  ],
  normalizeFbp
)
check(
  "fbc",
  [
    ["fb.1.1554763741205.AbCdEf_-", "fb.1.1554763741205.AbCdEf_-"],
    ["fb.1.1554763741205.", "(invalid_fbc)"]
  ],
  normalizeFbc
)
check(
  "mobile id",
  [
    ["AEBE52E7-03EE-455A-B3C4-E57283966239", "AEBE52E7-03EE-455A-B3C4-E57283966239"],
    ["00000000-0000-0000-0000-000000000000", "(tracking_limited)"],
    ["my phone", "(invalid_mobile_id)"]
  ],
  normalizeMobileId
)
check("locale", [["en_US", "en-US"]], normalizeLocale)

describe("hashes of producers", () => {
  const hash = sha256("us")
  it("are known in any case, with the parameter builder's mark or not", () => {
    assert.strictEqual(alreadyHashed(` ${hash.toUpperCase()}\n`), hash)
    assert.strictEqual(alreadyHashed(`\u200b${hash}\u0000`), hash)
    assert.strictEqual(alreadyHashed(`${hash}.AQYBAgEA`), hash)
    assert.isNull(alreadyHashed(hash.slice(1)))
  })
  it("of a country still give the country", () => assert.strictEqual(countryOfHash(hash), "US"))
})

describe("vectors that the platforms print", () => {
  it.each([
    ["john_smith@gmail.com", "62a14e44f765419d10fea99367361a727c12365e2520f32218d505ed9aa0f62f"],
    ["16505551212", "e323ec626319ca94ee8bff2e4c87cf613be6ea19919ed1364124e16807ab3176"],
    ["us", "79adb2a2fce5c6ba215fe5f27f532d4e7edbac4b6a5e09e1ef3a08084a904621"],
    ["valéry", "08e1996b5dd49e62a4b4c010d44e4345592a863bb9f8e3976219bac29417149c"],
    ["+12133734253", "9f7ec22d72092cd3c0b58726ed9c2d91b92e51a3f29837508fb2948bb22dd2fd"],
    ["448444124653", "dc008fda46e2e64002cf2f82a4906236282d431c4f75e5b60bfe79fc48546383"]
  ])("%s", (plain, hash) => assert.strictEqual(sha256(plain), hash))

  it("TikTok takes a number of mainland China without its country code", () => {
    assert.strictEqual(tiktokForm("+8613800000000"), "13800000000")
    assert.strictEqual(tiktokForm("+886912345678"), "+886912345678")
  })
})
