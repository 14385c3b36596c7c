import { assert, describe, it } from "@effect/vitest"
import * as Result from "effect/Result"
import { acceptMapping } from "./accept.ts"

const file = `version: 1
# Our connections.
connections:
  - id: meta-1 # the shop
    kind: meta
    mapping:
      version: "3"
      events:
        # Agreed with marketing.
        demo: Lead
  - id: tiktok-1
    kind: tiktok
`

const accepted = (connection: string, event: string, to: string, text = file) =>
  Result.match(acceptMapping(text, connection, event, to), {
    onSuccess: (text) => text,
    onFailure: (error) => error.code
  })

describe("accepting a mapping", () => {
  it("adds it and leaves everything else as it is", () => {
    assert.strictEqual(
      accepted("meta-1", "achat", "Purchase"),
      file.replace("        demo: Lead\n", "        demo: Lead\n        achat: Purchase\n")
    )
  })

  it("makes the groups of keys that are missing", () => {
    const groups = "    mapping:\n      events:\n        kauf abgeschlossen: Purchase\n"
    assert.strictEqual(accepted("tiktok-1", "kauf abgeschlossen", "Purchase"), file + groups)
  })

  it("changes nothing the second time, and never what a person decided", () => {
    assert.strictEqual(accepted("meta-1", "demo", "Lead"), file)
    assert.strictEqual(accepted("meta-1", "demo", "Contact"), "already_mapped")
    assert.strictEqual(accepted("nobody", "demo", "Lead"), "unknown_connection")
    assert.strictEqual(accepted("meta-1", "demo", "Lead", "a: [1"), "unreadable")
    assert.strictEqual(accepted("a", "e", "Lead", "connections: [{ id: a, mapping: no }]"), "not_a_map")
  })
})
