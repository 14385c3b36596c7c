import { readFileSync } from "node:fs"
import { assert, describe, it } from "@effect/vitest"
import * as Result from "effect/Result"
import { parseDocument } from "yaml"
import type { ConnectorKind } from "../../../shared/model/platform.ts"
import { acceptMapping, checkPlatformEvent } from "./accept.ts"

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
    assert.strictEqual(accepted("absent", "demo", "Lead"), "unknown_connection")
    assert.strictEqual(accepted("meta-1", "demo", "Lead", "a: [1"), "unreadable")
    assert.strictEqual(accepted("a", "e", "Lead", "connections: [{ id: a, mapping: no }]"), "not_a_map")
  })

  /** Before and after, of a connection `a` that gets `e: Lead`. */
  const layouts: ReadonlyArray<readonly [string, string, string]> = [
    [
      "comments below the last entry",
      "connections:\n  - id: a\n    mapping:\n      events:\n        demo: Lead # ours\n        # more: Contact\n    # the end\n  # none\n",
      "connections:\n  - id: a\n    mapping:\n      events:\n        demo: Lead # ours\n        e: Lead\n        # more: Contact\n    # the end\n  # none\n"
    ],
    [
      "a nested last entry, odd indentation and quotes",
      'connections:\n    -   id:   "a"\n        mapping:\n              events:\n                 x:\n                    to: Lead\n                    when:\n                      - { path: a, op: eq, value: 1 } # c\n\n        account: {a:   1}\n',
      'connections:\n    -   id:   "a"\n        mapping:\n              events:\n                 x:\n                    to: Lead\n                    when:\n                      - { path: a, op: eq, value: 1 } # c\n                 e: Lead\n\n        account: {a:   1}\n'
    ],
    [
      "line ends of Windows, none at the end",
      "connections:\r\n  - id: a\r\n    platform: meta",
      "connections:\r\n  - id: a\r\n    platform: meta\r\n    mapping:\r\n      events:\r\n        e: Lead"
    ],
    [
      "flow maps",
      "connections: [ {id: a, mapping: {names: current}}, {id: b} ] # all\n",
      "connections: [ {id: a, mapping: {names: current, events: { e: Lead }}}, {id: b} ] # all\n"
    ],
    [
      "an empty flow map",
      "connections:\n  - id: a\n    mapping: { events: {} } # x\n",
      "connections:\n  - id: a\n    mapping: { events: { e: Lead } } # x\n"
    ],
    [
      "a flow map over several lines",
      "connections:\n  - id: a\n    mapping: {\n      events: {\n        x: Lead, # x\n      },\n    }\n",
      "connections:\n  - id: a\n    mapping: {\n      events: {\n        x: Lead, e: Lead, # x\n      },\n    }\n"
    ],
    [
      "a key without a value",
      "connections:\n  - id: a\n    mapping:\n      events: # none yet\n    platform: meta\n",
      "connections:\n  - id: a\n    mapping:\n      events: # none yet\n        e: Lead\n    platform: meta\n"
    ],
    [
      "null",
      "connections:\n  - id: a\n    mapping: ~ # none\n",
      "connections:\n  - id: a\n    mapping: { events: { e: Lead } } # none\n"
    ],
    [
      "a block scalar at the end",
      "connections:\n  - id: a\n    note: |\n      one\n      two\n  - id: b\n",
      "connections:\n  - id: a\n    note: |\n      one\n      two\n    mapping:\n      events:\n        e: Lead\n  - id: b\n"
    ],
    [
      "a list in the column of its key",
      "connections:\n- id: a\n  events:\n    include:\n    - x # y\n- id: b\n",
      "connections:\n- id: a\n  events:\n    include:\n    - x # y\n  mapping:\n    events:\n      e: Lead\n- id: b\n"
    ]
  ]

  it.each(layouts)("keeps every other byte: %s", (_name, before, after) => {
    assert.strictEqual(accepted("a", "e", "Lead", before), after)
  })

  it("refuses a layout that would change another connection too", () => {
    const shared =
      "x: &m { events: { x: Lead } }\nconnections:\n  - { id: a, mapping: *m }\n  - { id: b, mapping: *m }\n"
    assert.strictEqual(accepted("a", "e", "Lead", shared), "not_a_map")
    const anchored = "connections:\n  - id: a\n    mapping: &m\n      events: { x: Lead }\n  - { id: b, mapping: *m }\n"
    assert.strictEqual(accepted("a", "e", "Lead", anchored), "unknown_layout")
  })

  it.each([
    "kauf abgeschlossen",
    "yes",
    "123",
    "a: b",
    "a#b",
    "- x",
    "{x}",
    "'",
    '"',
    "über",
    "tab\tbed",
    " x",
    "?",
    "&a",
    "1e3",
    "null"
  ])("writes the name %s as it is, in blocks and in flow maps", (name) => {
    for (const text of [file, "connections: [{ id: meta-1 }]\n"]) {
      const after = accepted("meta-1", name, name, text)
      assert.strictEqual(parseDocument(after).getIn(["connections", 0, "mapping", "events", name]), name)
    }
  })

  it("inserts into each connection of the example without touching another byte", () => {
    const example = readFileSync(new URL("../../../examples/connections.yaml", import.meta.url), "utf8")
    const connections = parseDocument(example).toJS().connections as ReadonlyArray<{ readonly id: string }>
    for (const { id } of connections) {
      const after = accepted(id, "achat", "Purchase", example)
      let same = 0
      while (example[same] === after[same]) same++
      assert.strictEqual(after.slice(0, same) + after.slice(same + after.length - example.length), example, id)
    }
  })
})

describe("a platform's event", () => {
  const checked = (kind: ConnectorKind, to: string, custom = false) =>
    Result.match(checkPlatformEvent(kind, to, custom), { onSuccess: () => "ok", onFailure: (error) => error.message })

  it("is a standard event, or a custom one that is asked for", () => {
    assert.strictEqual(checked("meta", "Purchase"), "ok")
    assert.match(checked("meta", "Purchse"), /no standard event "Purchse"\. Did you mean Purchase\?/)
    assert.match(checked("meta", "purchase"), /Did you mean Purchase\?/)
    assert.strictEqual(checked("meta", "VipPurchase", true), "ok")
    assert.match(checked("meta", " ", true), /no standard event/)
    assert.match(checked("snapchat", "VIP_PURCHASE", true), /no standard event "VIP_PURCHASE"/)
    assert.match(checked("whatsapp", "Purchase", true), /sends no platform events/)
    for (const name of ["CompletePayment", "Purchase", "SubmitForm", "Lead"])
      assert.strictEqual(checked("tiktok", name), "ok")
    assert.strictEqual(checked("google-ads", "RETRACTION"), "ok")
  })

  it("says what is known and how a custom event is asked for", () => {
    const nextStep = (kind: ConnectorKind) =>
      Result.match(checkPlatformEvent(kind, "Quote", false), {
        onSuccess: () => "",
        onFailure: (error) => error.nextStep
      })
    assert.match(nextStep("meta"), /AddToCart, .*ViewContent.*\. .* --custom\./)
    assert.notInclude(nextStep("snapchat"), "--custom")
  })
})
