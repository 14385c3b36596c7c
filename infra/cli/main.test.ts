/** How the process of a command ends. */
import { assert, describe, it } from "@effect/vitest"
import { endsByInterrupt } from "./ended-by-interrupt.ts"

describe("an interrupt", () => {
  it.each([
    ["top"],
    ["tail raw-events"],
    ["--json tail raw-events --last 5 -f"],
    ["tail raw-events --follow --from=beginning"]
  ])("is the normal end of %s", (line) => assert.isTrue(endsByInterrupt(line.split(" "))))

  it.each([["ledger"], ["tail raw-events --last 5"], ["tail raw-events --from=beginning"], ["--help"]])(
    "cuts %s off",
    (line) => assert.isFalse(endsByInterrupt(line.split(" ")))
  )
})
