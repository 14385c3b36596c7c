/** Who is let in: hosts, origins, the header of acts, the token and its sessions. */
import { assert, describe, it } from "@effect/vitest"
import * as Redacted from "effect/Redacted"
import { Access, cookieOf, sessionMillis, setCookie } from "./access.ts"

const token = "a-token-of-forty-random-characters-12345"
const withToken = () => new Access(Redacted.make(token))
const request = (method: string, headers: Record<string, string> = {}) => ({
  method,
  url: "/api/x",
  headers: { host: "localhost:8090", ...headers }
})
const acting = { "x-capi-console": "1", origin: "http://localhost:8090" }

describe("access to the console", () => {
  it("is for names of this machine alone where there is no token: another name may lead here", () => {
    const access = new Access(null)
    for (const host of ["localhost:8090", "127.0.0.1:8090", "[::1]:8090", "LOCALHOST"])
      assert.isNull(access.refusalOf(request("GET", { host })), host)
    for (const host of ["evil.example:8090", "localhost.evil.example", "127.0.0.1.evil.example", ""])
      assert.strictEqual(access.refusalOf(request("GET", { host }))?.code, "wrong_host", host)
    assert.isNull(withToken().refusalOf(request("GET", { host: "console.shop.example" })))
  })

  it("refuses acts that another site could have begun", () => {
    for (const access of [new Access(null), withToken()]) {
      assert.isNull(access.refusalOf(request("POST", acting)))
      assert.strictEqual(access.refusalOf(request("POST", { origin: acting.origin }))?.code, "no_action_header")
      for (const origin of [
        "https://evil.example",
        "http://localhost:9999",
        "null",
        "http://localhost:8090.evil.example"
      ])
        assert.strictEqual(access.refusalOf(request("POST", { ...acting, origin }))?.code, "wrong_origin", origin)
      const fromSite = request("DELETE", { ...acting, "sec-fetch-site": "same-site" })
      assert.strictEqual(access.refusalOf(fromSite)?.code, "wrong_origin")
    }
  })

  it("needs the token or a session, which ends", () => {
    const access = withToken()
    assert.isFalse(access.isSignedIn(request("GET"), 0))
    assert.isTrue(access.isSignedIn(request("GET", { authorization: `Bearer ${token}` }), 0))
    assert.isFalse(access.isSignedIn(request("GET", { authorization: "Bearer wrong" }), 0))
    assert.isNull(access.signIn(`${token}x`, 0))
    const signed = access.signIn(token, 0)
    assert.isTrue(signed !== null && signed !== "locked")
    if (signed === null || signed === "locked") return
    const withCookie = request("GET", { cookie: `other=1; capi_console_8090=${signed.cookie}` })
    assert.isTrue(access.isSignedIn(withCookie, sessionMillis - 1))
    assert.isFalse(access.isSignedIn(withCookie, sessionMillis))
    access.signOut(withCookie)
    assert.isFalse(access.isSignedIn(withCookie, 1))
  })

  it("locks after many wrong tokens, for a minute, the right one too", () => {
    const access = withToken()
    for (let tried = 0; tried < 20; tried++) assert.isNull(access.signIn("wrong", 1_000))
    assert.strictEqual(access.signIn(token, 2_000), "locked")
    assert.isFalse(access.isSignedIn(request("GET", { authorization: `Bearer ${token}` }), 2_000))
    assert.isNotNull(access.signIn(token, 62_000))
  })

  it("has a cookie that scripts and other sites do not get", () => {
    const cookie = setCookie({ host: "console.example" }, "x".repeat(43), true, 1_000)
    for (const part of ["HttpOnly", "SameSite=Strict", "Path=/", "Max-Age=1", "Secure"]) assert.include(cookie, part)
    assert.strictEqual(cookieOf({ cookie: `capi_console=${"x".repeat(43)}` }), "x".repeat(43))
    assert.isNull(cookieOf({ cookie: "capi_console=short" }))
  })

  it("has a cookie for each port of a host: a browser sends those of all of them", () => {
    const cookieAt = (host: string, value: string) => setCookie({ host }, value.repeat(43), false, 1_000).split(";")[0]!
    const cookie = `${cookieAt("localhost:8090", "a")}; ${cookieAt("localhost:8091", "b")}`
    assert.strictEqual(cookieOf({ host: "localhost:8090", cookie }), "a".repeat(43))
    assert.strictEqual(cookieOf({ host: "localhost:8091", cookie }), "b".repeat(43))
    assert.strictEqual(cookieOf({ host: "[::1]:8091", cookie }), "b".repeat(43))
    assert.isNull(cookieOf({ host: "localhost", cookie }))
  })
})
