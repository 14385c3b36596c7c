import { assert, describe, it } from "@effect/vitest"
import type { ConsentPolicy } from "../../connections/connection.ts"
import type { ConnectorKind } from "../../model/platform.ts"
import { connectionOf, consent, purchase } from "../../testing/event-fixture.ts"
import { connectorFor } from "../registry.ts"
import { consentDecision, consentValue } from "./consent.ts"
import { mapForConnection } from "./map.ts"

const decide = (
  fields: Parameters<typeof consent>[0] | null,
  policy: Partial<ConsentPolicy> = {},
  kind: ConnectorKind = "meta",
  country: string | null = null
) => {
  const base = connectionOf(kind)
  const connection = { ...base, consent: { ...base.consent, ...policy } }
  const decision = consentDecision(fields === null ? null : consent(fields), connection, connectorFor(kind), country)
  if (decision._tag === "Skip" && decision.reason !== "consent") return decision.reason
  return decision._tag === "Skip" ? "skip" : decision.restricted ? "restricted" : "send"
}

describe("consent", () => {
  it("has to be known in the EEA, the UK and Switzerland, unless the connection says otherwise", () => {
    for (const country of ["DE", "FR", "IS", "NO", "GB", "CH", "EU", "RE"]) {
      assert.strictEqual(decide(null, {}, "meta", country), "consent_unknown_in_europe", country)
      assert.strictEqual(decide({ ad_user_data: "unclear" }, {}, "meta", country), "consent_unknown_in_europe")
      assert.strictEqual(decide({ ad_user_data: "granted" }, {}, "meta", country), "send")
      assert.strictEqual(decide({ ad_user_data: "denied" }, {}, "meta", country), "skip")
      assert.strictEqual(decide(null, { onUnknownInEurope: "send" }, "meta", country), "send")
      assert.strictEqual(decide(null, { onUnknownInEurope: "send", onUnknown: "skip" }, "meta", country), "skip")
      assert.strictEqual(decide(null, { assume: "granted" }, "meta", country), "send")
    }
    for (const country of ["US", "BR", "JP", "TR", "UA", null])
      assert.strictEqual(decide(null, {}, "meta", country), "send")
    assert.strictEqual(decide(null, { unknownCountry: "europe" }), "consent_unknown_in_europe")
    assert.strictEqual(decide(null, { unknownCountry: "europe" }, "meta", "US"), "send")
  })

  it("is needed by what is denied, whatever the policy says", () => {
    assert.strictEqual(decide({ ad_user_data: "denied" }), "skip")
    assert.strictEqual(decide({ ad_user_data: "denied" }, { assume: "granted" }), "skip")
    assert.strictEqual(decide({ ad_user_data: "granted" }), "send")
  })

  it("is needed for the platform as a vendor, where a TC string says of which it has none", () => {
    const reasons = (kind: ConnectorKind, tcfVendor: number | undefined, denied: ReadonlyArray<number> | null) => {
      const base = connectionOf(kind)
      const { tcfVendor: _, ...policy } = base.consent
      const connection = { ...base, consent: { ...policy, ...(tcfVendor === undefined ? {} : { tcfVendor }) } }
      const event = { ...purchase(), consent: consent({ ad_user_data: "granted" }), tcf_vendors_denied: denied }
      const mapped = mapForConnection(event, connection, connectorFor(kind), null)
      return mapped._tag === "Mapped" ? "mapped" : mapped.reason
    }
    assert.strictEqual(reasons("google", 755, [755]), "consent")
    assert.strictEqual(reasons("google", 755, [12]), "mapped")
    assert.strictEqual(reasons("google", 755, null), "mapped")
    assert.strictEqual(reasons("google", undefined, [755]), "mapped")
    assert.strictEqual(reasons("pinterest", 12, [12, 755]), "consent")
  })

  it("that is unknown follows the connection's policy", () => {
    for (const unknown of [null, {}, { ad_user_data: "unknown" }]) {
      assert.strictEqual(decide(unknown), "send")
      assert.strictEqual(decide(unknown, { onUnknown: "skip" }), "skip")
      assert.strictEqual(decide(unknown, { onUnknown: "skip", assume: "granted" }), "send")
    }
    assert.strictEqual(decide({ ad_user_data: "granted" }, { onUnknown: "skip" }), "send")
  })

  it("that was given under an unknown name is unknown, and nothing is assumed of it", () => {
    const unclear = { ad_user_data: "unclear", ad_personalization: "unclear" }
    assert.strictEqual(decide(unclear), "send")
    assert.strictEqual(decide(unclear, { onUnknown: "skip", assume: "granted" }), "skip")
    const google = connectionOf("google")
    const assuming = { ...google, consent: { ...google.consent, assume: "granted" as const } }
    assert.isNull(consentValue(consent(unclear), "ad_user_data", assuming))
    assert.isNull(consentValue(consent(unclear), "ad_personalization", assuming))
  })

  it("to the sale of data restricts or skips, and skips where nothing can say it", () => {
    const denied = { sale_of_data: "denied" }
    assert.strictEqual(decide(denied), "restricted")
    assert.strictEqual(decide(denied, { onSaleDenied: "skip" }), "skip")
    assert.strictEqual(decide(denied, {}, "google"), "restricted")
    assert.strictEqual(decide(denied, {}, "google-ads"), "skip")
    assert.strictEqual(decide(denied, { onSaleDenied: "skip" }, "whatsapp"), "send")
  })

  it("is sent to platforms as it is known", () => {
    const connection = connectionOf("google")
    const assuming = { ...connection, consent: { ...connection.consent, assume: "granted" as const } }
    assert.strictEqual(consentValue(null, "ad_user_data", connection), null)
    assert.strictEqual(consentValue(consent({ ad_personalization: "maybe" }), "ad_personalization", connection), null)
    assert.strictEqual(consentValue(null, "ad_user_data", assuming), "granted")
    assert.strictEqual(consentValue(consent({ ad_user_data: "denied" }), "ad_user_data", assuming), "denied")
  })
})
