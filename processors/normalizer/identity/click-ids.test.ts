import { assert, describe, it } from "@effect/vitest"
import { normalizeFbc, normalizeGoogleClickId } from "./click-ids.ts"
import { rawUser } from "./testing.ts"
import { normalizeUser } from "./user.ts"

const context = { defaultCountries: [], eventTime: 1795824000000, sealRecipient: null, drop: () => undefined }
const clickOf = (fields: { readonly fbc?: string; readonly fbclid?: string }) => {
  const { fbc, fbclid } = normalizeUser(rawUser(fields), context)
  return [fbc, fbclid]
}

describe("Google's click ids", () => {
  it.each([
    ["GCL.1657051589.Cj0KCQ-x_y", "Cj0KCQ-x_y"],
    ["GCL.1657051589.~Cj0KCQ", "Cj0KCQ"],
    ["2.1.kEAIaIQob$i1657051589", "EAIaIQob"],
    ["2.1.kEAIaIQob$i1657051589$s5", "EAIaIQob"],
    ["Cj0KCQ", "Cj0KCQ"],
    ["GCLx", "GCLx"],
    ["GCL.x.y", "GCL.x.y"]
  ])("%s holds %s", (raw, id) => {
    assert.deepStrictEqual(normalizeGoogleClickId(raw), { value: id })
  })
})

describe("Meta's click id and cookie", () => {
  it("each is in its field, though it came in the other's", () => {
    assert.deepStrictEqual(clickOf({ fbclid: "fb.1.1657051589577.IwAR2xYz" }), ["fb.1.1657051589577.IwAR2xYz", null])
    assert.deepStrictEqual(clickOf({ fbc: "IwAR2xYz_abc" }), [null, "IwAR2xYz_abc"])
    const both = { fbc: "fb.1.1657051589577.IwAR2xYz", fbclid: "IwAR9" }
    assert.deepStrictEqual(clickOf(both), [both.fbc, both.fbclid])
  })

  it("the cookie's time is in milliseconds", () => {
    assert.deepStrictEqual(normalizeFbc("fb.1.1657051589.IwAR2xYz"), { value: "fb.1.1657051589000.IwAR2xYz" })
    for (const raw of ["fb.1.165705158.IwAR2xYz", "fb.1.1657051589.", "fb.x.1657051589577.IwAR"]) {
      assert.deepStrictEqual(normalizeFbc(raw), { dropped: "invalid_fbc" })
    }
  })
})
