/** Every regular expression of the source takes time in proportion to the text, whatever the text. */
import { readdirSync, readFileSync } from "node:fs"
import path from "node:path"
import { fileURLToPath } from "node:url"
import { assert, describe, it } from "@effect/vitest"
import { check, type Diagnostics, type Parameters } from "recheck"
import { growthOf, linearRatioMax } from "../shared/testing/growth.ts"
import { expressionsIn } from "./support/regular-expressions/extract.ts"
import { attackOn, loopsOf } from "./support/regular-expressions/growth-attack.ts"

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "..")
const isSource = (file: string): boolean =>
  file.endsWith(".ts") && !/\.(test|bench|gen)\.ts$/.test(file) && !file.startsWith("shared/testing/")

const filesBelow = (folder: string): ReadonlyArray<string> =>
  readdirSync(path.join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    const file = path.posix.join(folder, entry.name)
    if (entry.isDirectory()) return entry.name === "node_modules" ? [] : filesBelow(file)
    return isSource(file) ? [file] : []
  })

const found = ["processors", "shared", "schemas", "infra", "examples"].flatMap(filesBelow).flatMap((file) =>
  expressionsIn(readFileSync(path.join(root, file), "utf8")).map(({ flags, line, source }) => ({
    place: `${file}:${line}`,
    source,
    flags
  }))
)
/** Each once, with its first place. */
const expressions = [...new Map(found.toReversed().map((one) => [`/${one.source}/${one.flags}`, one])).values()]

describe("the regular expressions of the source", () => {
  it("are found", () => {
    assert.isAbove(expressions.length, 200)
    for (const { flags, place, source } of expressions) assert.doesNotThrow(() => new RegExp(source, flags), place)
    const built = expressions.find(({ place }) => place.startsWith("processors/normalizer/identity/person.ts"))
    assert.isTrue(built !== undefined)
    assert.isFalse(expressions.some(({ source }) => /\$\{\w/.test(source)))
  })

  it("have no nested or ambiguous quantifier, by the checker recheck", { timeout: 600_000 }, async () => {
    const unsafe: Array<string> = []
    for (const { flags, place, source } of expressions) {
      const checked = await check(source, flags, withoutClock)
      if (checked.status !== "safe") unsafe.push(`${place} /${source}/${flags}: ${reasonOf(checked)}`)
    }
    assert.deepStrictEqual(unsafe, [])
  })

  it("have no text that can be read in two ways again and again, and then fails", { timeout: 600_000 }, () => {
    const slow = expressions.flatMap(({ flags, place, source }) => {
      const attack = attackOn(source, flags)
      return attack === null ? [] : [`${place} /${source}/${flags}: ${JSON.stringify(attack)}`]
    })
    assert.deepStrictEqual(slow, [])
  })

  it("take twice the time for twice the text that goes round their loops", { timeout: 600_000 }, () => {
    const slow = expressions.flatMap(({ flags, place, source }) => {
      const expression = new RegExp(source, flags)
      const found = textsFor(source, flags).find(({ end, repeated, start }) => {
        const make = (length: number) => start + repeated.repeat(Math.ceil(length / repeated.length)) + end
        return growthOf(20_000, make, (text) => text.replace(expression, "").length).ratio > linearRatioMax
      })
      return found === undefined ? [] : [`${place} /${source}/${flags}: ${JSON.stringify(found)}`]
    })
    assert.deepStrictEqual(slow, [])
  })
})

/** What recheck reads is bounded in characters and rounds already: by time, its verdict would depend on what else the machine does. */
const withoutClock: Parameters = { timeout: null, attackTimeout: null, incubationTimeout: null, seedingTimeout: null }

/** With a text on which it is slow, where one was found. */
const reasonOf = (checked: Diagnostics): string =>
  checked.status === "vulnerable" ? `${checked.complexity.summary}, ${checked.attack.pattern}` : checked.status

const elapsed = (run: () => unknown): number => {
  const start = performance.now()
  run()
  return performance.now() - start
}

const textsFor = (source: string, flags: string) =>
  loopsOf(source, flags)
    .slice(0, loopsMax)
    .flatMap((loop) => ends.map((end) => ({ ...loop, end })))

const loopsMax = 12
const attemptsMax = 12
const ends = ["", "!", "\n\u0001"]

describe("the search for slow texts", () => {
  const slow = [
    "^(a+)+$",
    "^(?:a|a)*$",
    "^(?:a*)*b",
    "^a*a*$",
    String.raw`\s+$`,
    String.raw`\s*\n\s*`,
    String.raw`\/+$`,
    "^[^.]*[-/][^.]*$",
    String.raw`[^\s@](?:@|%40)[^\s@]*\.`,
    String.raw`\beyJ[\w-]{8,}\.`,
    String.raw`^(?:[a-z]+\.?)+$`,
    String.raw`\$\{[A-Z]+(?::-[^}]*)?\}|\$\{`,
    String.raw`a(?:[^}]*\})?`
  ]
  it.each(slow)("finds one for %s, and the text is slow", (source) => {
    const attack = attackOn(source, "")
    assert.isNotNull(attack)
    const { end, repeated, start } = attack!
    // Four times the text takes sixteen times as long at least, where a linear scan takes four times.
    const characters = /\)[*+]/.test(source) ? 5 : 2_000
    const expression = new RegExp(source, "g")
    const timeOf = (length: number): number => {
      const text = start + repeated.repeat(Math.ceil(length / repeated.length)) + end
      return Math.min(...[1, 2, 3].map(() => elapsed(() => text.replace(expression, ""))))
    }
    let [long, short] = [timeOf(4 * characters), timeOf(characters)]
    // Other work of the machine only adds to a time.
    for (let attempt = 0; attempt < attemptsMax && long / short <= 6; attempt++) {
      long = Math.min(long, timeOf(4 * characters))
      short = Math.min(short, timeOf(characters))
    }
    assert.isAbove(long / short, 6)
  })

  // It does not see what is read in vain before a shorter match, as in the last two.
  it.each(slow.slice(0, -2))("recheck finds one for %s", async (source) => {
    assert.strictEqual((await check(source, "g", withoutClock)).status, "vulnerable")
  })

  const linear = [
    "^[a-z]+$",
    "[a-z]+",
    "(?<![^a])[^a]+a",
    String.raw`[\w+/=|~-]{20,}`,
    String.raw`\+?\d[\d ().-]{6,}\d`,
    String.raw`^(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\.)+[a-z]$`,
    String.raw`^\d+(?:\.\d+)?$`
  ]
  it.each(linear)("finds none for %s", (source) => {
    assert.isNull(attackOn(source, ""))
  })
})
