import { assert, describe, it } from "@effect/vitest"
import * as Redacted from "effect/Redacted"
import { makeSealer } from "../../../shared/credentials/sealer.ts"
import { defaultNormalizerOptions, normalize } from "../normalize/normalize.ts"
import { rawEventFromJson } from "../read/read-record.ts"

const now = Date.UTC(2026, 10, 23)

/** Known persons, with every spelling of theirs that must not be readable after the normalizer. */
const persons = [
  {
    user: {
      email: ["Wilhelmina.Oberländer@Example.com", " w.oberlaender+news@gmail.com "],
      phone: "+49 171 2345678",
      first_name: "Wilhelmina",
      last_name: "Oberländer-Szymański",
      date_of_birth: "1984-07-29",
      external_id: "Customer-Wilhelmina-1"
    },
    spellings: [
      "wilhelmina",
      "oberländer",
      "oberlaender",
      "szymański",
      "2345678",
      "171 23",
      "1984-07-29",
      "19840729",
      "29.07.1984",
      "7/29/1984",
      "29-7-1984"
    ]
  },
  {
    user: { email: "taro@shop.example", phone: "090-1234-5678", country: "JP", first_name: "太郎", last_name: "山田" },
    spellings: ["taro@", "taro%40", "太郎", "山田", "12345678", "1234-5678"]
  }
]

const planted = (index: number) => {
  const { user } = persons[index]!
  const [email] = [user.email].flat()
  const address = (email ?? "").trim()
  const phone = user.phone
  return {
    event_id: `e-${index}`,
    event_name: "lead",
    event_time: now,
    event_source_url: `https://a:${encodeURIComponent(address)}@shop.example/u/${user.last_name}/x?utm=1&email=${encodeURIComponent(address)}&q=${encodeURIComponent(encodeURIComponent(address))}&t=${encodeURIComponent(phone)}&n=${user.first_name}#me=${address}`,
    referrer_url: `https://shop.example/?${user.first_name}=${user.last_name}&ok=1`,
    user: {
      ...user,
      user_agent: `Mozilla/5.0 (${address})`,
      subscription_id: phone.replaceAll(" ", ""),
      lead_id: address
    },
    properties: {
      order_id: `o-${phone}`,
      search_string: `gift for ${user.first_name}`,
      description: `call ${phone.replaceAll(/[ -]/g, ".")}`,
      content_name: `${user.last_name}'s mug`,
      sign_up_method: address,
      status: `${user.first_name}${user.last_name}`,
      shop_id: user.first_name,
      coupon: `${user.first_name}10`,
      items: [{ id: `sku-${address}` }, { id: "sku-2", name: `Mug «${user.first_name}»`, brand: address }],
      custom: {
        email: address,
        note: `${user.last_name} again`,
        [address]: true,
        born: "29.07.1984",
        birthday: "7/29/1984",
        since: "cake on 29-7-1984",
        deep: { a: [{ b: phone }] },
        plan: "pro"
      }
    },
    app: { app_name: address, extinfo: ["a2", address] }
  }
}

describe("no plaintext of a person leaves the normalizer", () => {
  for (const [index, { spellings }] of persons.entries()) {
    it(`person ${index}`, () => {
      const read = rawEventFromJson(planted(index))
      if (read._tag === "Problem") return assert.fail(read.problem.reason)
      const options = { ...defaultNormalizerOptions, now, recipients: makeSealer(Redacted.make("key")) }
      const source = { topic: "raw-events", partition: 0, offset: 1, timestamp: now }
      const result = normalize(read.raw, source, options, read.dropped)
      if (result._tag === "Problem") return assert.fail(result.problem.reason)
      const text = JSON.stringify(result.event).toLowerCase()
      for (const view of [text, decodeURIComponent(text)]) {
        for (const spelling of spellings) assert.notInclude(view, spelling)
      }
      assert.include(result.event.event_source_url, "utm=1")
      assert.strictEqual(result.event.referrer_url, "https://shop.example/?ok=1")
      assert.strictEqual(result.event.properties?.custom["plan"], "pro")
      assert.isAbove(result.event.dropped_fields.length, 10)
      assert.isNotEmpty(result.event.user.phones[0]?.sealed)
    })
  }

  it("leaves an event without personal data as it is", () => {
    const url = "https://shop.example/thanks?order=100200300&gclid=Abc_1&ref=a%20b#top"
    const read = rawEventFromJson({
      event_id: "e",
      event_name: "purchase",
      event_time: now,
      event_source_url: url,
      user: { first_name: "Ann", last_name: "Lee", phone: "+14155550132" },
      properties: {
        search_string: "annual planner",
        content_name: "Sleek desk",
        order_id: "100200300",
        custom: { a: 1 }
      }
    })
    if (read._tag === "Problem") return assert.fail(read.problem.reason)
    const source = { topic: "raw-events", partition: 0, offset: 1, timestamp: now }
    const result = normalize(read.raw, source, defaultNormalizerOptions)
    if (result._tag === "Problem") return assert.fail(result.problem.reason)
    assert.deepStrictEqual(result.event.dropped_fields, [])
    assert.strictEqual(result.event.event_source_url, url)
  })

  it("keeps the ids by which platforms deduplicate, whatever they share with the customer", () => {
    const user = { first_name: "Rose", last_name: "Webb", phone: "+1 (415) 555-2671", date_of_birth: "1990-04-12" }
    const kept = [
      "ROSE-10045",
      "webb",
      "19900412-0077",
      "55552671",
      "12/04/1990",
      "R/1990/4/12",
      "4155552671-1",
      "10-4155552671"
    ]
    const lost = [
      ...["Rose Webb 7", "webb-rose-7", "rose@shop.example", "o-4155552671"],
      ...["+49 171 2345678", "4111-1111-1111-1111", "DE89 3704 0044 0532 0130 00"],
      "+1 415 555 2671",
      "0014155552671"
    ]
    const idsOf = (id: string) => {
      const custom = { transaction_id: id, invoiceNumber: id, "order-ref": id }
      const read = rawEventFromJson({
        event_id: "e",
        event_name: "purchase",
        event_time: now,
        user: { ...user, lead_id: id.replaceAll(" ", "") },
        properties: { order_id: id, items: [{ id }], custom }
      })
      if (read._tag === "Problem") return assert.fail(read.problem.reason)
      const source = { topic: "raw-events", partition: 0, offset: 1, timestamp: now }
      const result = normalize(read.raw, source, defaultNormalizerOptions)
      if (result._tag === "Problem") return assert.fail(result.problem.reason)
      const { properties, user: known } = result.event
      const values = [properties?.order_id, properties?.items[0]?.id, ...Object.values(properties?.custom ?? {})]
      return { values, lead: known.lead_id, dropped: result.event.dropped_fields.map(({ field }) => field) }
    }
    for (const id of kept) {
      const { dropped, lead, values } = idsOf(id)
      assert.deepStrictEqual(values, [id, id, id, id, id])
      assert.deepStrictEqual([lead, dropped], [id.replaceAll(" ", ""), []])
    }
    for (const id of lost) {
      const { dropped, lead, values } = idsOf(id)
      assert.deepStrictEqual(values, [null, undefined], id)
      assert.deepStrictEqual([lead, dropped.length], [null, 6], id)
    }
  })
})
