/** The reasons that `--reason` knows are those that the sources give. */
import { readdirSync, readFileSync } from "node:fs"
import path from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { repository } from "../local/state.ts"
import { isReasonCode, stageReasonCodes } from "./reason-codes.ts"

const sources = [
  "shared/connectors/mapping",
  "shared/connectors",
  "processors/delivery/engine",
  "processors/mapper"
].flatMap((folder) =>
  readdirSync(path.join(repository, folder), { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(".ts") && !/\.test\.ts$|fixture|testing|contract/.test(file))
    .map((file) => readFileSync(path.join(repository, folder, file), "utf8"))
)
const given = sources.flatMap((text) =>
  [
    /\b(?:rejected|skipped|lacks)\(\s*"([a-z_]+)"/g,
    /\bdecided\(\s*"[a-z_]+",\s*"([a-z_]+)"/g,
    /\breasonCode: "([a-z_]+)"/g,
    /_tag: "(?:Rejected|Skipped)",\s*reason: "([a-z_]+)"/g
  ].flatMap((pattern) => [...text.matchAll(pattern)].map((match) => match[1]!))
)

describe("the known reasons", () => {
  it("hold every reason that the mapper and the deliveries decide", () => {
    assert.isAbove(given.length, 40)
    assert.deepStrictEqual([...new Set(given)].filter((reason) => !stageReasonCodes.includes(reason)).sort(), [])
  })

  it("take a platform's codes by word, in full, and by family", () => {
    for (const reason of [
      "missing_event_time",
      "event_too_old",
      "event_too_old:100/2804003",
      "INVALID_ARGUMENT",
      "conversionUploadError.SOMETHING_NEW",
      "http_503",
      "undocumented_answer:4711"
    ])
      assert.isTrue(isReasonCode(reason), reason)
    for (const reason of ["100", "0", "eventtooold", "", "constructor"]) assert.isFalse(isReasonCode(reason), reason)
  })
})
