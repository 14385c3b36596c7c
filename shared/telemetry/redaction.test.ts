import { assert, describe, it } from "@effect/vitest"
import * as Redacted from "effect/Redacted"
import fc from "fast-check"
import { growthOf, linearRatioMax } from "../testing/growth.ts"
import { KnownSecrets, redact, redactDeep } from "./redaction.ts"

describe("redact", () => {
  const gone: ReadonlyArray<[string, string, string]> = [
    ["an email address", "no user Jane.Doe+x@example.co.uk here", "Jane"],
    ["an encoded email address", "?em=jane%40example.com&x=1", "jane"],
    ["an address of another script", "an jäne@bücher.example.", "jäne"],
    ["a bearer token", "Authorization: Bearer abc.def-ghi", "abc.def"],
    ["a token in a URL", "GET https://tr.example/v3/x/events?access_token=tok12345&y=1", "tok12345"],
    ["a token in JSON", '{"refresh_token":"1//0abcdefg"}', "0abcdefg"],
    ["a platform's token", "token EAABwzLixnjYBO0123456789abcdef is invalid", "EAAB"],
    ["Google's token", "ya29.a0AfH6SMBx-yz is expired", "a0AfH6"],
    ["a JSON web token", "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abc", "eyJzdWIi"],
    ["a password in a URL", "https://user:hunter2hunter2@registry.example/", "hunter2"],
    ["a JSON web token's head alone", "eyJhbGciOiJIUzI1NiJ9 alone", "eyJhbGci"],
    ["an address behind others of no domain", "a@b@jane@x.example", "jane"],
    ["an address with encoded signs before it", "%40%40jane%40shop.example", "jane"],
    ["a hash", `unknown ${"ab".repeat(32)}`, "abab"],
    ["a phone number", "to +1 (415) 555-0132 failed", "555"],
    ["WhatsApp's id of a user", "to US.13491208655302741918 failed", "1349"],
    ["an E.164 number", "to +14155550132 failed", "4155550132"]
  ]
  it.each(gone)("takes out %s", (_, text, part) => {
    assert.notInclude(redact(text), part)
  })

  const kept = [
    "Committed 500 records of raw-events at offset 123456789012.",
    "2026-11-23T08:50:20.430Z connection meta-shop: HTTP 429, wait 30 s.",
    "brokers 127.0.0.1:9092, https://graph.facebook.com/v26.0/1234567890/events",
    "event o-42 (9f1c2d3e-0000-4000-8000-123456789abc) was refused: 100/2804003",
    "The credential env:META_TOKEN does not exist.",
    // Meta's texts of code 190.
    "Error validating access token: Session has expired on Friday, 27-Nov-26 08:00:00 PST. The current time is Monday, 30-Nov-26 03:11:32 PST.",
    "Error validating access token: The session has been invalidated because the user changed their password or Facebook has changed the session for security reasons.",
    "Error validating access token: Session does not match current stored session.",
    "Error validating access token: This may be because the user logged out or may be due to a system error.",
    "Error validating access token: Sessions for the user are not allowed because the user is not a confirmed user.",
    "Error validating access token: You cannot access the app till you log in to www.facebook.com and follow the instructions given.",
    "Invalid OAuth access token - Cannot parse access token",
    "The access token could not be decrypted",
    "Invalid access token: expired."
  ]
  it.each(kept)("keeps: %s", (text) => {
    assert.strictEqual(redact(text), text)
  })

  it("takes out whatever looks like a token behind the words of a platform's sentence", () => {
    const before = fc.constantFrom(
      ...["Error validating access token: ", "access token:", "token = ", "access_token: ", 'token: "', "Token:  "]
    )
    const word = fc.constantFrom("", "Session", "Sessions.", "this", "expired.", "users", "Your-", "invalid=")
    const token = fc.stringMatching(/^[A-Za-z0-9_.~+/-]{3,40}[A-Za-z0-9]$/)

    const after = fc.constantFrom("", " has expired.", ".", '"', ", code 190")
    fc.assert(
      fc.property(before, word, token, after, (start, kept, secret, end) => {
        assert.notInclude(redact(`${start}${kept}${secret}${end}`), secret)
      }),
      { numRuns: 1_000 }
    )
  })

  it.each([
    ["token: sessionA1", "token: <redacted>"],
    ["token: Session.aB3dE6gH9jK2", "token: <redacted>"],
    ["password: Session has", "password: <redacted> has"],
    ["access_token=Session has", "access_token=<redacted> has"],
    ["access token: Sessional", "access token: <redacted>"]
  ])("keeps no more than the words themselves: %s", (text, expected) => {
    assert.strictEqual(redact(text), expected)
  })

  it.each([
    ["?em=jane%40example.com&x=1", "?em=<email>&x=1"],
    ["<jane@x.example>, (joe@y.example)", "<<email>>, (<email>)"],
    ["mail jane@x.example. Then", "mail <email>. Then"],
    ["@handle and 5%40 of it", "@handle and 5%40 of it"]
  ])("keeps what stands around an address: %s", (text, expected) => {
    assert.strictEqual(redact(text), expected)
  })

  it.each([
    ["", "%40", ""],
    ["", "a%40", "."],
    ["a@", "a.", "@"],
    ["a@", ".", ""],
    ["", "@", "."],
    ["", "a.", "@b"],
    ["", "eyJaaaaaaaa-", "!"],
    ["", "a.", "://x"],
    ["", "x://", "a:b"],
    ["bearer", " ", "!"],
    ["token", " ", "!"],
    ["", "token", " = "],
    ["", "+1", " "],
    ["", "0", "g"]
  ])("takes time in proportion to the text: %j, %j, %j", (start, repeated, end) => {
    const make = (length: number) => start + repeated.repeat(length / repeated.length) + end
    assert.isAtMost(growthOf(50_000, make, (text) => redact(text)).ratio, linearRatioMax)
  })

  it("takes out any known secret, also encoded for a URL or as JSON", () => {
    fc.assert(
      fc.property(fc.string({ minLength: 6, unit: "binary" }), fc.string(), (secret, before) => {
        const known = new KnownSecrets()
        known.add(Redacted.make(secret))
        const encoded = isWellFormed(secret) ? encodeURIComponent(secret) : secret
        for (const spelling of [secret, encoded, JSON.stringify(secret).slice(1, -1)])
          assert.notInclude(redact(`${before}|${spelling}|`, known).replaceAll("<redacted>", ""), spelling)
      })
    )
  })
})

describe("redactDeep", () => {
  it("hides values under a secret's name, at any depth, and is total on cycles", () => {
    const cyclic: Record<string, unknown> = { a: [{ access_token: "x", note: "jane@example.com" }] }
    cyclic["self"] = cyclic
    const text = JSON.stringify(redactDeep(cyclic))
    assert.include(text, '"access_token":"<redacted>"')
    assert.notInclude(text, "jane")
  })

  it("keeps figures and bounds what is long", () => {
    assert.deepStrictEqual(redactDeep({ count: 3, ok: true, none: null, big: 5n }), {
      count: 3,
      ok: true,
      none: null,
      big: "5"
    })
    assert.isBelow(String(redactDeep("x".repeat(1_000_000))).length, 10_000)
  })
})

const isWellFormed = (text: string) => text.isWellFormed()
