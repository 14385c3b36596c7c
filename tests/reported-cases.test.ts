/**
 * Cases from public bug reports of people who connect shops to ad platforms, each with the right answer. Those of events run
 * through the reader of records, the normalizer and the mapper; those of answers through the connector's verdict; those of
 * webhooks through the outcomes that a notification leads to. A case that does not hold yet says `"pending": true`.
 */
import { readFileSync } from "node:fs"
import { assert, describe, it } from "@effect/vitest"
import { answerFaults, eventFaults, type ReportedCase, webhookFaults } from "./support/reported-case.ts"

const casesOf = (file: string): ReadonlyArray<ReportedCase> =>
  readFileSync(new URL(`./data/${file}`, import.meta.url), "utf8")
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as ReportedCase)

/** Those of the second file name the report that each was made from: repository and number; the third holds variants of both. */
const cases = ["reported-cases.jsonl", "reported-cases-2.jsonl", "reported-cases-3.jsonl"].flatMap(casesOf)

const faultsOf = (reported: ReportedCase): ReadonlyArray<string> => {
  if ("status" in reported.input) return answerFaults(reported)
  return "statuses" in reported.input ? webhookFaults(reported) : eventFaults(reported)
}

describe("reported cases", () => {
  it.each(cases.map((reported) => [reported.case, reported.kind, reported] as const))(
    "%s: %s",
    (_id, _kind, reported) => {
      const faults = faultsOf(reported)
      if (reported.pending !== true) return assert.deepStrictEqual(faults, [], reported.expected)
      assert.isNotEmpty(faults, `${reported.case} holds: take "pending" out of its line.`)
    }
  )

  it("have ids of one case each", () => {
    assert.strictEqual(new Set(cases.map((reported) => reported.case)).size, cases.length)
  })
})
