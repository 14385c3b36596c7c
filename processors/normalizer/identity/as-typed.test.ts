import { assert, describe, it } from "@effect/vitest"
import { normalizeCity, normalizeState, normalizeZip } from "./address.ts"
import { unescaped } from "./as-typed.ts"
import { normalizeEmail } from "./email.ts"
import { normalizeExternalId } from "./other-fields.ts"
import { dateOrderOf, normalizeBirthDate, normalizeFirstName } from "./person.ts"
import { normalizePhone } from "./phone.ts"
import { check, pick } from "./testing.ts"

/** SHA-256 of `test` in Base64. */
const base64 = "n4bQgYhMfWWaL+qgxVrQFaO/TxsrC0Is0V1sFbDwCgg="

check(
  "first name as pages write it",
  [
    ["O&#039;Neil", "oneil"],
    ["O&#x27;Neil", "oneil"],
    ["O&apos;Neil", "oneil"],
    ["O&amp;#39;Neil", "oneil"],
    ["M&uuml;ller", "müller"],
    ["Fran&ccedil;ois", "françois"],
    ["&Aring;sa", "åsa"],
    ["Ren&eacute;e", "renée"],
    ["Gro&szlig;", "groß"],
    ["&nbsp;", "(empty)"],
    ["&#39;", "(placeholder)"],
    ["Ann & Bob; Co", "annbobco"],
    ["&toString;a", "tostringa"],
    ["&#9999999;a", "9999999a"],
    ["Jos\ufffd", "(invalid_name)"],
    [base64, "(unsupported_hash)"]
  ],
  (input) => pick(normalizeFirstName(input), "plain")
)
check("first name as pages write it, Google", [["O&#039;Neil", "o'neil"]], (input) =>
  pick(normalizeFirstName(input), "google")
)
check(
  "city as pages write it",
  [
    ["L&#39;Aquila", "laquila"],
    ["Z\ufffdrich", "(invalid_city)"],
    [base64, "(unsupported_hash)"]
  ],
  (input) => pick(normalizeCity(input), "plain")
)
check(
  "state in a wrong encoding",
  [
    ["Th\ufffdringen", "(invalid_state)"],
    [base64, "(unsupported_hash)"]
  ],
  (input) => normalizeState(input, "DE")
)
check("external id in a wrong encoding", [["us\ufffdr-77", "(invalid_external_id)"]], normalizeExternalId)
check(
  "email in full width",
  [
    ["Ａｎｎ．Ｌｅｅ＠Ｓｈｏｐ．Ｅｘａｍｐｌｅ", "ann.lee@shop.example"],
    ["ann＠shop。example", "ann@shop.example"],
    ["用户@例子。公司", "用户@例子.公司"]
  ],
  (input) => pick(normalizeEmail(input), "plain")
)
check("email that is a hash in Base64", [[base64, "(unsupported_hash)"]], (input) =>
  pick(normalizeEmail(input), "plain")
)

check(
  "zip that a table had as a number",
  [
    ["10115.0", "10115"],
    ["2134.0", "2134"],
    [" 101 15 .0 ", "10115"],
    ["1234.56", "123456"]
  ],
  (input) => pick(normalizeZip(input, "DE"), "plain")
)

describe("phone numbers that a table had as numbers", () => {
  it.each([
    ["4155550132.0", "US", "+14155550132"],
    ["14155550132.0", null, "+14155550132"],
    ["+14155550132.0", null, "+14155550132"],
    ["1701234567.0", "DE", "+491701234567"],
    // As digits it would be a number in Switzerland.
    ["4155550132.0", null, "phone_country_unknown"],
    ["0170.1234567", "DE", "+491701234567"]
  ])("%s (%s) → %s", (input, country, expected) => {
    const read = normalizePhone(input, country, [])
    assert.strictEqual("value" in read ? read.value[0]?.e164 : read.dropped, expected)
  })
})

describe("dates of birth as programs print them", () => {
  it.each([
    ["1/31/1990 12:00:00 AM", "US", "19900131"],
    ["1/31/1990, 12:00:00\u202fAM", "US", "19900131"],
    ["31/01/1990 00:00:00", "FR", "19900131"],
    ["31.01.1990, 00:00:00", "DE", "19900131"],
    ["1990-01-31 00:00:00 UTC", null, "19900131"],
    ["1990-01-31 12:00 a.m.", null, "19900131"],
    ["02/03/1990 00:00:00", "FR", "19900302"]
  ])("%s (%s) → %s", (input, country, expected) => {
    const read = normalizeBirthDate(input, Date.UTC(2026, 10, 23), dateOrderOf(input, country))
    assert.strictEqual("value" in read ? read.value : read.dropped, expected)
  })
})

it("text without references is given as it is", () => {
  for (const text of ["Ann", "Smith & Wesson", "a&b;", "&;", "&#;", "&#x;", "&abcdefgh;"]) {
    assert.strictEqual(unescaped(text), text)
  }
})
