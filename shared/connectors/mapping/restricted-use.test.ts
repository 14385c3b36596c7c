import { assert, describe, it } from "@effect/vitest"
import usStates from "../../../schemas/catalog/us-states.json" with { type: "json" }
import { connectionOf, consent, jane, mappingOutcome, payloadOf, purchase } from "../../testing/event-fixture.ts"
import { mapEvent as metaMapEvent } from "../meta/mapping.ts"
import { mapEvent as snapMapEvent } from "../snapchat/mapping.ts"
import { mapEvent as tiktokMapEvent } from "../tiktok/mapping.ts"

/** As the platforms document them; a list that grows is changed here and in the table. */
const codes: Readonly<Record<string, number>> = {
  ca: 1000,
  co: 1001,
  ct: 1002,
  fl: 1003,
  or: 1004,
  tx: 1005,
  mt: 1006,
  de: 1007,
  ne: 1008,
  nh: 1009,
  nj: 1010,
  mn: 1011,
  md: 1012,
  ri: 1013
}

const denied = consent({ sale_of_data: "denied" })
const places: ReadonlyArray<readonly [string | null, string | null]> = [
  ...Object.keys(usStates.states).map((state) => ["US", state] as const),
  ["US", null],
  ["US", "bayern"],
  [null, "ca"],
  [null, null],
  // The same codes name other places elsewhere: Canada, Delaware and Germany.
  ["CA", "ca"],
  ["DE", "de"],
  ["BR", "mt"]
]

describe("limited data use", () => {
  it.each([["meta", metaMapEvent] as const, ["snapchat", snapMapEvent] as const])(
    "at %s names a US state that has a code, and lets the platform locate every other customer",
    (kind, mapEvent) => {
      assert.isAbove(places.length, 50)
      for (const [country, state] of places) {
        const user = { ...jane, country_code: country, state_plain: state }
        const payload = payloadOf(mapEvent, purchase({ user, consent: denied }), connectionOf(kind))
        const code = country === "US" ? codes[state ?? ""] : undefined
        const pair = [payload["data_processing_options_country"], payload["data_processing_options_state"]]
        assert.deepStrictEqual(pair, code === undefined ? [0, 0] : [1, code], `${country} ${state}`)
        assert.deepStrictEqual(payload["data_processing_options"], ["LDU"])
      }
    }
  )

  it("at TikTok is a flag of web and app events with an IP address, and nothing is sent without one", () => {
    const tiktok = connectionOf("tiktok")
    const outcome = (event: Parameters<typeof purchase>[0]) =>
      mappingOutcome(tiktokMapEvent, purchase({ consent: denied, ...event }), tiktok)
    const payload = payloadOf(tiktokMapEvent, purchase({ consent: denied }), tiktok)
    assert.strictEqual(payload["limited_data_use"], true)
    assert.strictEqual(outcome({ user: { ...jane, ip: null } }), "skipped:consent")
    assert.strictEqual(outcome({ action_source: "physical_store" }), "skipped:consent")
  })
})
