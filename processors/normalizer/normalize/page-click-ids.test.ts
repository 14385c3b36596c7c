import { assert, describe, it } from "@effect/vitest"
import type { RawUser } from "../../../schemas/types.gen.ts"
import { builtinConnection } from "../../../shared/connectors/load-connections.ts"
import type { ConnectorKind } from "../../../shared/model/platform.ts"
import { previewEvent } from "../preview/preview-event.ts"
import { rawEventFromJson } from "../read/read-record.ts"
import { defaultNormalizerOptions, normalize } from "./normalize.ts"

const time = 1_795_000_000_000
const eventOf = (url: string | null, user: object | null = { external_id: "u1" }, more: object = {}) => {
  const raw = { event_id: "e", event_name: "lead", event_time: time, event_source_url: url, user, ...more }
  const read = rawEventFromJson(raw)
  if (read._tag === "Problem") return assert.fail(read.problem.reason)
  const source = { topic: "raw-events", partition: 0, offset: 0, timestamp: 0 }
  const result = normalize(read.raw, source, defaultNormalizerOptions, read.dropped)
  return result._tag === "Problem" ? assert.fail(result.problem.reason) : result.event
}
const idsOf = (...given: Parameters<typeof eventOf>) => {
  const { fbclid, gclid, gbraid, wbraid, dclid, ttclid, sc_click_id } = eventOf(...given).user
  return { fbclid, gclid, gbraid, wbraid, dclid, ttclid, sc_click_id }
}
const none = { fbclid: null, gclid: null, gbraid: null, wbraid: null, dclid: null, ttclid: null, sc_click_id: null }

describe("click ids of the page's URL", () => {
  it("fill each field that the event leaves open", () => {
    const url =
      "https://shop.example/t?fbclid=IwAR0_a-B&gclid=Cj0K&gbraid=0AA&wbraid=Cm8&dclid=CPq&ttclid=E.C.P.x&ScCid=b38d-4a&msclkid=m#top"
    const all = {
      fbclid: "IwAR0_a-B",
      gclid: "Cj0K",
      gbraid: "0AA",
      wbraid: "Cm8",
      dclid: "CPq",
      ttclid: "E.C.P.x",
      sc_click_id: "b38d-4a"
    }
    assert.deepStrictEqual(idsOf(url), all)
    assert.deepStrictEqual(idsOf(url.toUpperCase()).sc_click_id, "B38D-4A")
    assert.deepStrictEqual(idsOf(url, null), all)
    const given: Partial<RawUser> = { gclid: "mine", sc_click_id: "mine", fbclid: "(not set)" }
    assert.deepStrictEqual(idsOf(url, given), { ...all, gclid: "mine", sc_click_id: "mine" })
  })

  it("are decoded and checked as the field is", () => {
    assert.strictEqual(idsOf("https://shop.example/?gclid=a%2Db%5Fc").gclid, "a-b_c")
    assert.strictEqual(idsOf("https://shop.example/?gclid=&gclid=second&gclid=third").gclid, "second")
    assert.strictEqual(idsOf("https://shop.example/?a=1&amp;gclid=escaped").gclid, "escaped")
    for (const value of ["{gclid}", "%7Bgclid%7D", "null", "a b", "a%20b", "x".repeat(1025), "%F0%9F%98%80"]) {
      const { dropped_fields, user } = eventOf(`https://shop.example/?gclid=${value}`)
      assert.isNull(user.gclid, value)
      assert.deepStrictEqual(
        dropped_fields.map(({ field }) => field),
        ["user.gclid"],
        value
      )
    }
    assert.deepStrictEqual(idsOf("https://shop.example/?xgclid=1&gclidx=2&q=gclid"), none)
    assert.deepStrictEqual(idsOf("https://shop.example/gclid=1"), none)
    assert.deepStrictEqual(idsOf(null), none)
  })

  it("are there before the URL is cleaned, cut or left out", () => {
    const padding = "x".repeat(20_000)
    assert.strictEqual(idsOf(`https://shop.example/?q=${padding}&gclid=last`).gclid, "last")
    assert.strictEqual(idsOf("app.shop://thanks?gclid=of-app").gclid, "of-app")
    assert.strictEqual(idsOf("shop.example/?email=jane@shop.example&gclid=kept").gclid, "kept")
  })

  it("are not those of another page, nor of a message", () => {
    assert.deepStrictEqual(idsOf(null, { external_id: "u1" }, { referrer_url: "https://x.example/?gclid=1" }), none)
    const message = { action_source: "business_messaging" }
    assert.deepStrictEqual(idsOf("https://shop.example/?fbclid=1", { external_id: "u1" }, message), none)
  })

  it("reach each platform by its name, alone where nothing else is known", () => {
    const sent = (kind: ConnectorKind, query: string, more: object = {}) => {
      const event = {
        event_id: "e",
        event_name: "lead",
        event_time: time,
        event_source_url: `https://shop.example/?${query}`
      }
      const prepared = previewEvent(
        { ...event, user: { ip: "8.8.8.8", user_agent: "UA" }, ...more },
        builtinConnection(kind)
      )
      return prepared.outcome === "payload" ? prepared.payload : assert.fail(prepared.reason)
    }
    const part = (value: unknown, key: string) => (value as Readonly<Record<string, unknown>>)[key]
    assert.strictEqual(part(sent("meta", "fbclid=IwAR")["user_data"], "fbc"), `fb.1.${time}.IwAR`)
    const seen = { user: { ip: "8.8.8.8", user_agent: "UA", fbclid_time: time - 5_000 } }
    assert.strictEqual(part(sent("meta", "fbclid=IwAR", seen)["user_data"], "fbc"), `fb.1.${time - 5_000}.IwAR`)
    assert.deepStrictEqual(sent("google", "gclid=A&gbraid=B&dclid=C", { user: null })["adIdentifiers"], {
      gclid: "A",
      gbraid: "B",
      dclid: "C"
    })
    assert.strictEqual(sent("google-ads", "wbraid=W", { user: null })["wbraid"], "W")
    assert.strictEqual(part(sent("tiktok", "ttclid=T", { user: null })["user"], "ttclid"), "T")
    assert.strictEqual(part(sent("snapchat", "ScCid=S")["user_data"], "sc_click_id"), "S")
  })
})

describe("click ids without a field", () => {
  const byName = (url: string | null, user: object | null = { external_id: "u1" }) => {
    const { dropped_fields, user: found } = eventOf(url, user)
    return [found.click_ids, dropped_fields.map(({ field, reason }) => `${field}:${reason}`)]
  }

  it("stand under the name of their URL parameter, the event's before the page's", () => {
    assert.deepStrictEqual(byName("https://shop.example/?EPIK=dj0yJnU9"), [{ epik: "dj0yJnU9" }, []])
    const given = { external_id: "u1", click_ids: { Epik: " mine " } }
    assert.deepStrictEqual(byName("https://shop.example/?epik=other", given), [{ epik: "mine" }, []])
    assert.deepStrictEqual(byName(null), [null, []])
  })

  it("are those of a registered platform alone, checked as a field is", () => {
    const given = (click_ids: unknown) => byName(null, { external_id: "u1", click_ids })
    assert.deepStrictEqual(given({ epik: "a b" }), [null, ["user.click_ids.epik:invalid_click_id"]])
    assert.deepStrictEqual(given({ other: "x" }), [null, ["user.click_ids:unknown_field"]])
    assert.deepStrictEqual(given({ epik: true }), [null, ["user.click_ids.epik:invalid_type"]])
    assert.deepStrictEqual(given("x"), [null, ["user.click_ids:invalid_type"]])
    const [misplaced] = eventOf(null, { external_id: "u1", epik: "dj0" }).dropped_fields
    assert.deepStrictEqual(misplaced, { field: "user.epik", reason: "unknown_field", nearest: "user.click_ids" })
  })

  it("lose personal data of the customer", () => {
    const user = { email: "jane@example.com", click_ids: { epik: "jane_at_example" }, phone: "+14155550132" }
    assert.deepStrictEqual(byName(null, user)[0], { epik: "jane_at_example" })
    assert.deepStrictEqual(byName(null, { ...user, click_ids: { epik: "14155550132" } }), [
      null,
      ["user.click_ids:personal_data"]
    ])
  })
})
