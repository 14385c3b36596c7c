/** Fields of the usual form become what their rule makes of them by the long way. */
import { BlockList, isIPv4 } from "node:net"
import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import { hashedState, hashedZip, normalizeState, normalizeZip } from "./address.ts"
import { normalizeEmail } from "./email.ts"
import { dropped, kept } from "./field.ts"
import { normalizeIp } from "./other-fields.ts"
import { hashOfUsualBirthday, normalizeBirthDate } from "./person.ts"
import { sha256 } from "./text.ts"

const runs = { numRuns: 5_000 }

describe("fields of the usual form", () => {
  const twoDigits = (most: number) => fc.nat(most).map((value) => String(value).padStart(2, "0"))

  it("are dates of birth that the rule reads as the same date", () => {
    const date = fc
      .tuple(
        fc.constantFrom("19", "20", "00", "21"),
        twoDigits(99),
        twoDigits(13),
        twoDigits(32),
        fc.constantFrom("-", "/")
      )
      .map(([century, year, month, day, between]) => [century + year, month, day].join(between))
    fc.assert(
      fc.property(date, fc.integer({ min: 100_000_000_000, max: 2_000_000_000_000 }), (value, eventTime) => {
        const usual = hashOfUsualBirthday(value, eventTime)
        if (usual === null) return
        const read = normalizeBirthDate(value, eventTime)
        assert.strictEqual(usual, "value" in read ? sha256(read.value) : null)
      }),
      runs
    )
    assert.isNull(hashOfUsualBirthday("1900-01-01", 2_000_000_000_000))
    assert.isNull(hashOfUsualBirthday("1990-02-29", 2_000_000_000_000))
    assert.strictEqual(hashOfUsualBirthday("1992-02-29", 2_000_000_000_000), sha256("19920229"))
  })

  it("are postal codes that become what the same code with a space becomes", () => {
    const code = fc.oneof(
      fc.stringMatching(/^[0-9]{5}(?:-[0-9]{4})?$/),
      fc.constantFrom("00000", "00000-0000", "00000-0001")
    )
    fc.assert(
      fc.property(code, fc.constantFrom("US", "PR", "DE", "GB", null), (value, country) => {
        const general = normalizeZip(`${value} `, country)
        assert.deepStrictEqual(normalizeZip(value, country), general)
        const hashed = hashedZip(value, country)
        if (!("value" in general)) return assert.deepStrictEqual(hashed, general)
        const { google, plain, snap } = general.value
        assert.deepStrictEqual(hashed, {
          value: { hash: plain === null ? null : sha256(plain), snap: sha256(snap), google }
        })
      }),
      runs
    )
  })

  it("are states of the country that was asked for", () => {
    for (const country of ["US", "DE", null, "US"]) {
      for (const value of ["California", "ca", "US-CA", "Bayern", "n/a", ""]) {
        const rule = normalizeState(value, country)
        const expected = "value" in rule ? { value: { hash: sha256(rule.value), plain: rule.value } } : rule
        assert.deepStrictEqual(hashedState(value, country), expected, `${value} in ${country}`)
      }
    }
  })

  it("are addresses that stay the same with a character that no one sees in them", () => {
    const address = fc
      .tuple(
        fc.stringMatching(/^[A-Za-z0-9.+_ -]{0,12}$/),
        fc.constantFrom("@", ""),
        fc.domain(),
        fc.constantFrom("", " ", "mailto:")
      )
      .map(([local, at, domain, more]) => (more === " " ? local + at + domain + more : more + local + at + domain))
    fc.assert(
      fc.property(address, (value) => {
        assert.deepStrictEqual(normalizeEmail(`${value.slice(0, 9)}\u00ad${value.slice(9)}`), normalizeEmail(value))
      }),
      runs
    )
  })

  it("are IPv4 addresses, as Node reads them, that are public by their first numbers", () => {
    const octet = fc.oneof(
      fc.nat(300).map(String),
      fc.constantFrom(
        "0",
        "00",
        "01",
        "10",
        "100",
        "127",
        "169",
        "172",
        "192",
        "198",
        "224",
        "254",
        "168",
        "16",
        "",
        "1a"
      )
    )
    const address = fc
      .tuple(fc.array(octet, { minLength: 3, maxLength: 5 }), fc.constantFrom("", "", "", ".", " ", "."))
      .map(([octets, behind]) => octets.join(".") + behind)
    fc.assert(
      fc.property(address, (value) => {
        const read = normalizeIp(value)
        const text = value.trim()
        if (!isIPv4(text)) return assert.isFalse("value" in read)
        assert.deepStrictEqual(read, isSpecial(text) ? dropped("ip_not_public") : kept(text))
        // One of a proxy's list is read by the long way, which asks Node.
        assert.deepStrictEqual(normalizeIp(`${text}, unknown`), read)
      }),
      runs
    )
  })
})

/** IANA's special-purpose blocks, and multicast and what is reserved above it. */
const isSpecial = (address: string): boolean => blocks.check(address)
const blocks = new BlockList()
for (const [net, prefix] of [
  ["0.0.0.0", 8],
  ["10.0.0.0", 8],
  ["100.64.0.0", 10],
  ["127.0.0.0", 8],
  ["169.254.0.0", 16],
  ["172.16.0.0", 12],
  ["192.0.0.0", 24],
  ["192.168.0.0", 16],
  ["198.18.0.0", 15],
  ["224.0.0.0", 3]
] as const) {
  blocks.addSubnet(net, prefix)
}
