import { readFileSync } from "node:fs"
import { assert, describe, it } from "@effect/vitest"
import { isValidPhoneNumber } from "libphonenumber-js"
import { type JsonObject, sampleEvents, sampleLines } from "../../infra/samples/sample-events.ts"
import canonical from "../../schemas/catalog/events.json" with { type: "json" }
import { makeChoose } from "./choose.ts"
import { countries } from "./countries.ts"
import { generateLines } from "./generate.ts"
import { consentCombinations } from "./occurrence.ts"

const lines = sampleLines()
const good = lines.filter((line) => line.expect.outcome === "normalized")
const names = new Set(good.map((line) => line.event?.event_name))

describe("the sample events", () => {
  it("are the generator's, byte for byte", () => {
    const file = readFileSync(new URL("sample-events.jsonl", import.meta.url), "utf8")
    assert.strictEqual(
      file,
      generateLines()
        .map((line) => JSON.stringify(line) + "\n")
        .join("")
    )
  })

  it("are at least 500, of every canonical name, from ten countries, in every combination of consent", () => {
    assert.isAtLeast(lines.length, 500)
    assert.deepStrictEqual(
      Object.keys(canonical).filter((name) => !names.has(name)),
      []
    )
    assert.isAtLeast(new Set(countries.map((country) => country.code)).size, 10)
    const consents = new Set(good.map((line) => JSON.stringify(line.event?.consent)))
    assert.deepStrictEqual(
      consentCombinations.filter((one) => !consents.has(JSON.stringify(one))),
      []
    )
    assert.isTrue(consents.has(undefined as unknown as string))
  })

  it("are bad in one of twenty, by every reason", () => {
    const reasons = lines.flatMap((line) => ("reason" in line.expect ? [line.expect.reason] : []))
    assert.strictEqual(new Set(reasons).size, 14)
    assert.isAtLeast(reasons.length / lines.length, 0.04)
    assert.isAtMost(reasons.length / lines.length, 0.07)
  })

  it("have unique ids, except for the duplicates, which come later", () => {
    const seen = new Set<unknown>()
    for (const { event, expect } of lines) {
      if (expect.outcome === "dead_letter") continue
      assert.strictEqual(seen.has(event?.event_id), expect.outcome === "duplicate", String(event?.event_id))
      seen.add(event?.event_id)
    }
  })

  it("have times relative to the time of publishing", () => {
    const now = 1_795_000_000_000
    for (const sample of sampleEvents(now)) {
      if (sample.encoding === "bytes" || sample.expect.outcome !== "normalized") continue
      const time = Number(sample.json.event_time)
      assert.isTrue(time < now && time > now - 11 * 86_400_000)
    }
    const seconds = sampleEvents(now).find((sample) => sample.key === "bad-seconds-1")
    assert.strictEqual((seconds as { json: JsonObject }).json.event_time, 1_794_999_940)
  })

  it("have a record of ten megabytes and one with the registry's schema id", () => {
    const samples = sampleEvents(0, { rawEventSchemaId: 7 })
    const large = samples.find((sample) => sample.key === "bad-large-1")
    assert.isAbove(JSON.stringify((large as { json: JsonObject }).json).length, 10 * 1024 * 1024)
    const stamped = samples.find((sample) => sample.key === "bad-avro-1")
    assert.strictEqual((stamped as { bytes: Buffer }).bytes.readUInt32BE(1), 7)
  })

  it("have phone numbers that exist in their country's plan", () => {
    const choose = makeChoose(1)
    for (const { code, phones } of countries)
      for (const pattern of [phones.international, phones.national]) {
        const number = pattern.replaceAll("#", () => String(choose.number(10)))
        assert.isTrue(isValidPhoneNumber(number, code as "US"), `${code}: ${number}`)
      }
  })
})
