import { globSync, readFileSync } from "node:fs"
import { assert, describe, it } from "@effect/vitest"
import { catalogOf } from "./mapping/catalog.ts"
import { type ClassificationRow, classification, type Signal } from "./verdicts.ts"

const folder = new URL("./", import.meta.url)
const common = classification({ doc: "", rows: [] })

for (const file of globSync("*/*classification.json", { cwd: folder })) {
  const table =
    file === "http/classification.json"
      ? common
      : classification(JSON.parse(readFileSync(new URL(file, folder), "utf8")))
  const own =
    file === "http/classification.json" ? table.rows : table.rows.slice(0, table.rows.length - common.rows.length)

  describe(`the classification of ${file}`, () => {
    for (const row of own) {
      it(`${JSON.stringify(row.match)} is ${row.class}: ${row.reason}`, () => {
        // Each pattern of each field reaches this row: no earlier row hides it.
        for (const signal of signalsOf(row)) assert.strictEqual(table.rowOf(signal), row, JSON.stringify(signal))
        assert.strictEqual(table.classify(signalsOf(row)[0]!).errorClass, row.class)
      })
    }

    it("has a word for every number, and no reason that is a number", () => {
      for (const row of table.rows)
        for (const signal of signalsOf(row))
          for (const code of [signal.code ?? null, "4711"])
            assert.match(
              table.classify({ ...signal, code }).reasonCode ?? "none",
              /^[A-Za-z][A-Za-z_]*/,
              JSON.stringify([row.match, code])
            )
    })

    it("says what a person can do about whatever stops a connection", () => {
      for (const row of own.filter((each) => each.class === "auth" || each.class === "configuration")) {
        assert.notStrictEqual(row.next_step, "", row.reason)
      }
    })
  })
}

describe("classification", () => {
  it("has a row for everything", () => {
    const verdict = common.classify({ status: 299, code: "made up", flags: ["x"], path: "y" })
    assert.deepStrictEqual(verdict, {
      errorClass: "unknown",
      reasonCode: "http_299",
      message: "An answer that the platform does not document",
      nextStep: "Look at the message; report the answer if it is the platform's."
    })
  })

  it("joins code and subcode in the reason, and keeps unlisted codes out of it", () => {
    const table = classification({
      doc: "",
      rows: [
        { match: { code: ["100"] }, class: "invalid_event", word: "invalid", reason: "r", next_step: "", source: "s" }
      ]
    })
    assert.strictEqual(table.classify({ status: 400, code: "100", subcode: "33" }).reasonCode, "invalid:100/33")
    assert.strictEqual(table.classify({ status: 400, code: "100", subcode: "two words" }).reasonCode, "invalid:100")
    assert.strictEqual(table.classify({ status: 400, code: "4711" }).reasonCode, "undocumented_answer:4711")
    assert.strictEqual(table.classify({ status: 503, code: "4711" }).reasonCode, "platform_failure:4711")
    assert.strictEqual(table.classify({ status: 400, code: "12345678" }).reasonCode, "http_400")
    assert.strictEqual(table.classify({ status: 400, code: "user-123e4567" }).reasonCode, "http_400")
    assert.strictEqual(table.classify({ status: 400, code: "x".repeat(500) }).reasonCode, "http_400")
  })

  it("refuses a table with a misspelt key or class", () => {
    const row = { match: {}, class: "delivered", reason: "r", next_step: "", source: "s" }
    assert.throws(() => classification({ doc: "", rows: [{ ...row, class: "deliverd" }] }))
    assert.throws(() => classification({ doc: "", rows: [{ ...row, match: { codes: ["1"] } }] }))
  })
})

// One signal for each pattern of each field, the other fields by their first pattern.
const signalsOf = (row: ClassificationRow): ReadonlyArray<Signal> => {
  const first: Signal = signalWith(row, {})
  const variants = (["status", "code", "subcode", "flag", "path"] as const).flatMap((field) =>
    (row.match[field] ?? []).map((pattern) => signalWith(row, { [field]: pattern }))
  )
  return [first, ...variants]
}

const signalWith = (
  { match }: ClassificationRow,
  chosen: Partial<Record<keyof ClassificationRow["match"], string>>
): Signal => {
  const sample = (field: keyof ClassificationRow["match"]): string | null => {
    const pattern = chosen[field] ?? match[field]?.[0]
    return pattern === undefined ? null : exampleOf(pattern)
  }
  const flag = sample("flag")
  return {
    status: Number(sample("status") ?? 400),
    code: sample("code"),
    subcode: sample("subcode"),
    flags: flag === null ? [] : [flag],
    path: sample("path")
  }
}

const exampleOf = (pattern: string): string =>
  /^\d+-\d+$/.test(pattern) ? pattern.split("-")[1]! : pattern.replace("xx", "03").replace("*", "ANYTHING")

it("names a table that is not right, and where", () => {
  const row = { match: { status: ["200"] }, class: "deliverd", reason: "", next_step: "", source: "Acme" }
  assert.throws(() => classification({ doc: "Acme's answers", rows: [row] }), /Acme's answers.+rows.+class/s)
})

it("names events of a catalog that are not canonical: they would never be sent", () => {
  const table = {
    events: { purchse: "Bought", lead: "Lead" },
    standard_events: [],
    custom_events: false,
    parameters: { open: false, names: [] },
    match_quality: {},
    age_limit_days: {},
    future_limit_seconds: 0
  }
  assert.throws(() => catalogOf(table), /not canonical: purchse\./)
})
