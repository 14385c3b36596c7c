import { assert, describe, it } from "@effect/vitest"
import { bare, eventOf, kinds, personOf, tracesOf } from "../../../shared/testing/persons.ts"
import { defaultNormalizerOptions, normalize } from "../normalize/normalize.ts"
import { rawEventFromJson } from "../read/read-record.ts"

const now = Date.UTC(2026, 10, 23)
const source = { topic: "raw-events", partition: 0, offset: 1, timestamp: now }

describe("200 persons in every field of a raw event", () => {
  it.each(kinds)("leave nothing of themselves in a normalized event: %s", (kind) => {
    const found: Array<string> = []
    for (let index = 0; index < 200; index++) {
      const person = personOf(index)
      const read = rawEventFromJson(eventOf(person, kind, now))
      if (read._tag === "Problem") return assert.fail(read.problem.reason)
      const result = normalize(read.raw, source, { ...defaultNormalizerOptions, now }, read.dropped)
      if (result._tag === "Problem") return assert.fail(`${person.index} ${result.problem.message}`)
      assert.strictEqual(result.event.properties?.custom["plan"], "pro")
      const walk = (value: unknown, path: string): void => {
        if (typeof value === "string") {
          const texts = [value, decode(value), decode(decode(value))].map(bare)
          for (const trace of tracesOf(person)) {
            if (texts.some((text) => text.includes(trace))) found.push(`${person.country} ${path}: ${value}`)
          }
        } else if (value !== null && typeof value === "object") {
          for (const [key, item] of Object.entries(value)) {
            walk(key, `${path}.*`)
            walk(item, `${path}.${key}`)
          }
        }
      }
      walk(result.event, "")
    }
    assert.deepStrictEqual([...new Set(found)].slice(0, 20), [])
  })
})

const decode = (text: string): string => {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}
