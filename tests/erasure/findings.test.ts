/** The judge of the erasure run must find what is wrong, and the scan what is there. */
import { mkdirSync, writeFileSync } from "node:fs"
import path from "node:path"
import { assert, it } from "@effect/vitest"
import { temporaryFolder } from "../harness/temporary-folder.ts"
import type { Evidence } from "./erasure.ts"
import { findings } from "./findings.ts"
import { bob, jane, joe, people, tracesOf } from "./people.ts"
import { scanFolder, topicsOf } from "./scan.ts"

const sealedLine = (record: unknown) => JSON.stringify({ topic: "sealed-events", record })
const done = { exitCode: 0, errors: "" }

const evidence: Evidence = {
  before: new Set(
    ["raw-events", "normalized-events", "mapped-events.meta", "mapped-events.tiktok"].map((topic) => `erasure.${topic}`)
  ),
  after: [],
  shown: [],
  deadLetters: 0,
  exported: {
    before: sealedLine({ email: jane.email.toUpperCase(), last_name: jane.lastName }),
    after: sealedLine(null),
    ofJoe: sealedLine({ last_name: joe.lastName })
  },
  dryRun: { ...done, out: JSON.stringify({ secrets: 1 }) },
  proofs: [{ secrets: 3, destroyed_at: 1 }],
  outcomes: new Map(
    people.flatMap((person, index) =>
      [0, 1, 2].flatMap(
        (event): ReadonlyArray<readonly [string, string]> => [
          [`event-${index}-${event} meta-shop`, "delivered"],
          [
            `event-${index}-${event} tiktok-shop`,
            person === jane ? "skipped:erased" : person === bob ? "skipped:consent_withdrawn" : "delivered"
          ]
        ]
      )
    )
  ),
  received: { meta: new Set(), tiktok: new Set() },
  ledger: { ...done, out: JSON.stringify({ balanced: true, erased_raw: 4 }) },
  redriven: { ...done, out: "" }
}

it("finds nothing where every promise held", () => {
  assert.deepStrictEqual(findings(evidence), [])
})

it.each<readonly [string, Partial<Evidence>]>([
  ["a trace", { after: [{ file: "x", what: "email" }] }],
  ["a console that shows the person", { shown: ["email in clear"] }],
  ["a scan that finds nothing", { before: new Set() }],
  ["a sealed topic in clear", { before: new Set([...evidence.before, "erasure.sealed-events"]) }],
  ["a dead letter", { deadLetters: 1 }],
  ["an event that was sent", { received: { tiktok: new Set(["event-0-1"]) } }],
  ["another outcome", { outcomes: new Map([...evidence.outcomes, ["event-1-0 tiktok-shop", "delivered"]]) }],
  ["a lost event", { outcomes: new Map([...evidence.outcomes].slice(1)) }],
  ["secrets that are left", { proofs: [{ secrets: 2, destroyed_at: 1 }] }],
  ["a ledger that does not balance", { ledger: { ...evidence.ledger, exitCode: 1 } }],
  ["an export that still opens", { exported: { ...evidence.exported, after: evidence.exported.before } }],
  ["an export of another that does not", { exported: { ...evidence.exported, ofJoe: sealedLine(null) } }],
  ["a redrive that failed", { redriven: { ...evidence.redriven, exitCode: 1 } }]
])("finds %s", (_, wrong) => {
  assert.isNotEmpty(findings({ ...evidence, ...wrong }))
})

it("sees a person in any file, in clear and hashed, and the topic that it belongs to", () => {
  const folder = temporaryFolder()
  const traces = tracesOf(jane)
  assert.isAbove(traces.length, 15)
  for (const [index, { bytes }] of traces.entries()) {
    const partition = path.join(folder, `erasure.topic-${index}`)
    mkdirSync(partition)
    writeFileSync(path.join(partition, "0.log"), Buffer.concat([Buffer.alloc(9, 1), bytes, Buffer.alloc(9, 2)]))
  }
  writeFileSync(path.join(folder, "other.log"), joe.email)
  const found = scanFolder(folder, traces)
  for (const { what } of traces)
    assert.include(
      found.map((sighting) => sighting.what),
      what
    )
  assert.notInclude(
    found.map(({ file }) => file),
    "other.log"
  )
  assert.deepStrictEqual([...topicsOf(found)], ["erasure.topic"])
})
