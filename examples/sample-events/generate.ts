/** Makes `sample-events.jsonl`: `make samples`. The same seed gives the same bytes. */
import { writeFileSync } from "node:fs"
import type { JsonObject, SampleLine } from "../../infra/samples/sample-events.ts"
import canonical from "../../schemas/catalog/events.json" with { type: "json" }
import { badLines } from "./bad.ts"
import { type Choose, makeChoose } from "./choose.ts"
import { countries } from "./countries.ts"
import { makeCustomer, uuid } from "./customer.ts"
import { consentCombinations, fullConsent, propertiesOf, sourceOf, userExtras } from "./occurrence.ts"

const seed = 20_261_123
/** How often each of the frequent names comes; every other canonical name comes `othersEach` times. */
const frequent = {
  purchase: 110,
  page_view: 70,
  add_to_cart: 60,
  view_item: 50,
  lead: 30,
  sign_up: 25,
  search: 25,
  begin_checkout: 25
}
const othersEach = 6
/** Names that no mapping knows. */
const unknown = ["newsletter_opened", "quizCompleted"]
const minute = 60_000
const day = 24 * 60 * minute

/** The lines of the file, in publishing order. */
export const generateLines = (): ReadonlyArray<SampleLine> => {
  const choose = makeChoose(seed)
  const names = shuffled(choose, allNames())
  const lines = names.map((name, index) => goodLine(choose, name, index))
  const mixed = [...lines]
  for (const [index, bad] of [...badLines, ...duplicates(lines)].entries()) {
    // Bad records lie between good ones; a duplicate comes after its original.
    const position = Math.floor(((index + 1) * mixed.length) / (badLines.length + 12))
    mixed.splice(bad.expect.outcome === "duplicate" ? mixed.length : position, 0, bad)
  }
  return mixed
}

const allNames = (): ReadonlyArray<string> => [
  ...Object.entries(frequent).flatMap(([name, count]) => Array.from({ length: count }, () => name)),
  ...Object.keys(canonical)
    .filter((name) => !(name in frequent))
    .flatMap((name) => Array.from({ length: othersEach }, () => name)),
  ...unknown.flatMap((name) => [name, name])
]

const shuffled = (choose: Choose, list: ReadonlyArray<string>): ReadonlyArray<string> => {
  const copy = [...list]
  for (let index = copy.length - 1; index > 0; index--) {
    const other = choose.number(index + 1)
    ;[copy[index], copy[other]] = [copy[other]!, copy[index]!]
  }
  return copy
}

const goodLine = (choose: Choose, name: string, index: number): SampleLine => {
  const country = countries[index % countries.length]!
  const number = 1000 + index
  const source = sourceOf(choose, name)
  const isBrowser = source.action_source === "website" || source.action_source === "app"
  const user = { ...makeCustomer(choose, country, number, isBrowser), ...userExtras(choose, source) }
  const consent = consentOf(choose, index)
  const properties = propertiesOf(choose, name, country, number)
  const event: JsonObject = {
    event_id: uuid(choose),
    event_name: name,
    ...source,
    user,
    ...(consent === null ? {} : { consent }),
    ...(properties === null ? {} : { properties })
  }
  const age = ageOf(choose, index)
  return {
    key: `u-${number}`,
    encoding: choose.chance(0.6) ? "avro" : "json",
    event,
    time: { offset_ms: -age, unit: "milliseconds" },
    expect: { outcome: "normalized" },
    ...(age > 7 * day ? { note: "older than Meta takes website events" } : {})
  }
}

/** Each combination once among the first ones; later mostly granted, some without any. */
const consentOf = (choose: Choose, index: number): JsonObject | null => {
  const combination = index % 4 === 0 ? consentCombinations[index / 4] : undefined
  if (combination !== undefined) return combination
  return choose.chance(0.12) ? null : fullConsent
}

const ageOf = (choose: Choose, index: number): number => {
  if (index % 120 === 60) return 9 * day + choose.number(day)
  if (index % 20 === 10) return day + choose.number(4 * day)
  return minute + choose.number(6 * 60 * minute)
}

const duplicates = (lines: ReadonlyArray<SampleLine>): ReadonlyArray<SampleLine> =>
  [3, 50, 111, 222, 333, 444].map((index) => {
    const { note: _, ...line } = lines[index]!
    const conflict = index === 444
    const event = conflict ? { ...line.event, event_source_url: "https://shop.example/changed" } : line.event!
    return { ...line, event, expect: { outcome: "duplicate", conflict }, note: `repeats ${line.event?.event_id}` }
  })

if (import.meta.main) {
  const text = generateLines()
    .map((line) => JSON.stringify(line) + "\n")
    .join("")
  writeFileSync(new URL("sample-events.jsonl", import.meta.url), text)
}
