/** Mutants stay in step with the code: `make mutants` could not apply one whose text has changed. */
import { existsSync, readFileSync } from "node:fs"
import path from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { repository } from "../../infra/local/state.ts"
import { mutants } from "./mutants.ts"

describe("the mutants", () => {
  it.each(mutants)("can be applied: $wrong", ({ file, from, to, tests }) => {
    const text = readFileSync(path.join(repository, file), "utf8")
    assert.strictEqual(text.split(from).length - 1, 1, `${file} has this text once: ${from}`)
    assert.notStrictEqual(from, to)
    assert.isNotEmpty(tests)
    for (const test of tests) assert.isTrue(existsSync(path.join(repository, test)), test)
  })
})
