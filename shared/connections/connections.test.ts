import { assert, describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import fc from "fast-check"
import { catalog, loaded, minimal, parse, variables, withKeys } from "../testing/connections-file.ts"
import { loadConnectionsFile } from "./connections.ts"

describe("connections", () => {
  it("completes the minimal example with defaults and keeps every digit of an id", () => {
    const { connections, warnings } = loaded(minimal)
    assert.deepStrictEqual(warnings, [])
    assert.deepStrictEqual(connections, [
      {
        id: "shop",
        kind: "meta",
        platform: "meta",
        enabled: true,
        account: { dataset_id: "12345678901234567890" },
        credential: "env:META_TOKEN",
        endpoint: { host: "https://platform.example", version: "v1" },
        events: { include: [], exclude: [], actionSources: [] },
        mapping: {
          version: "1",
          names: "specification",
          defaultCountry: null,
          defaultActionSource: "website",
          events: {},
          parameters: {},
          templates: {}
        },
        limits: {
          profile: "documented",
          eventsPerRequest: null,
          bytesPerRequest: null,
          requestsPerWindow: null,
          eventsPerWindow: null,
          window: null,
          concurrency: null,
          linger: null
        },
        consent: { onUnknown: "send", onSaleDenied: "restrict" },
        testEventCode: null,
        partnerName: null
      }
    ])
  })

  it("reads the fully spelled example", () => {
    const { connections, warnings } = loaded(
      withKeys(`enabled: \${ON}
endpoint: { host: "\${META_HOST}", version: v26.0 }
events: { include: [purchase, vip_order], exclude: lead, action_sources: [website, app] }
mapping:
  version: 2026-11
  names: current
  default_country: de
  default_action_source: physical_store
  events:
    vip_order:
      to: Purchase
      when:
        - { path: properties.value, op: gt, value: 100 }
        - { path: properties.custom.plan, op: in, value: [pro, max] }
        - { path: properties.coupon, op: missing }
    page_view: ViewContent
  parameters:
    plan: { from: properties.custom.plan }
    shop: { constant: { region: eu, tier: 2 } }
    label: { template: "order {properties.order_id}" }
limits:
  profile: specification
  events_per_request: \${LIMIT}
  bytes_per_request: 500000
  requests_per_window: 100
  events_per_window: 5000
  window: 1 minute
  concurrency: 3
  linger: 500 millis
consent: { on_unknown: skip, on_sale_denied: skip }
test_event_code: TEST123
partner_name: \${PARTNER:-relay}
`)
    )
    assert.deepStrictEqual(
      warnings.map(({ path }) => path),
      ["connections[0].test_event_code"]
    )
    const connection = connections[0]!
    assert.strictEqual(connection.enabled, true)
    assert.deepStrictEqual(connection.endpoint, { host: "http://localhost:4001", version: "v26.0" })
    assert.deepStrictEqual(connection.events, {
      include: ["purchase", "vip_order"],
      exclude: ["lead"],
      actionSources: ["website", "app"]
    })
    assert.strictEqual(connection.mapping.version, "2026-11")
    assert.strictEqual(connection.mapping.defaultCountry, "DE")
    assert.deepStrictEqual(connection.mapping.events, {
      vip_order: {
        to: "Purchase",
        action: null,
        when: [
          { path: "properties.value", op: "gt", value: 100 },
          { path: "properties.custom.plan", op: "in", value: ["pro", "max"] },
          { path: "properties.coupon", op: "missing", value: null }
        ]
      },
      page_view: { to: "ViewContent", action: null, when: [] }
    })
    assert.deepStrictEqual(connection.mapping.parameters, {
      plan: { _tag: "From", path: "properties.custom.plan" },
      shop: { _tag: "Constant", value: { region: "eu", tier: 2 } },
      label: { _tag: "Template", template: "order {properties.order_id}" }
    })
    assert.strictEqual(connection.limits.eventsPerRequest, 250)
    assert.strictEqual(Duration.toMillis(connection.limits.window!), 60_000)
    assert.strictEqual(Duration.toMillis(connection.limits.linger!), 500)
    assert.strictEqual(connection.partnerName, "relay")
    assert.strictEqual(connection.testEventCode, "TEST123")
  })

  it("lets a connection win over the defaults, key by key", () => {
    const { connections } = loaded(`version: 1
defaults:
  mapping: { default_country: FR, names: current }
  consent: { on_unknown: skip }
connections:
  - { id: a, platform: meta, account: { dataset_id: 1 }, credential: store:a, mapping: { names: specification } }
  - { id: b, platform: meta, account: { dataset_id: 2 }, credential: store:b }
`)
    assert.deepStrictEqual(
      connections.map(({ mapping, consent }) => [mapping.names, mapping.defaultCountry, consent.onUnknown]),
      [
        ["specification", "FR", "skip"],
        ["current", "FR", "skip"]
      ]
    )
  })

  it("reads whether names of other tools are the canonical ones, and then knows them in filters", () => {
    const names = (keys: string) => loaded(withKeys(keys))
    assert.strictEqual(names("mapping: { event_names: any_spelling }").connections[0]?.mapping.eventNames, undefined)
    assert.strictEqual(names("mapping: { event_names: exact }").connections[0]?.mapping.eventNames, "exact")
    assert.strictEqual(names('events: { include: ["Order Completed"] }').warnings.length, 0)
    const exact = names('events: { include: ["Order Completed"] }\nmapping: { event_names: exact }')
    assert.strictEqual(exact.warnings.length, 1)
  })

  it("reads whether an anonymous id stands in for an external id", () => {
    const [plain] = loaded(withKeys("mapping: { anonymous_id: external_id }")).connections
    const [ignoring] = loaded(withKeys("mapping: { anonymous_id: ignore }")).connections
    assert.deepStrictEqual([plain?.mapping.anonymousId, ignoring?.mapping.anonymousId], [undefined, "ignore"])
  })

  it("reads an age limit and whose consent was asked before", () => {
    const [connection] = loaded(withKeys("mapping: { max_age_days: 3 }\nconsent: { assume: granted }")).connections
    assert.strictEqual(connection?.mapping.maxAgeDays, 3)
    assert.strictEqual(connection?.consent.assume, "granted")
  })

  it("reads what becomes of events ahead of the clock", () => {
    const mappingOf = (keys: string) => loaded(withKeys(`mapping: { ${keys} }`)).connections[0]?.mapping
    const held = mappingOf("future_events: hold")
    assert.deepStrictEqual([held?.futureEvents, held?.futureToleranceMillis], [undefined, undefined])
    const sent = mappingOf("future_events: arrival_time, future_tolerance: 30 seconds")
    assert.deepStrictEqual([sent?.futureEvents, sent?.futureToleranceMillis], ["arrival_time", 30_000])
    const wrong = parse(withKeys("mapping: { future_events: arival_time }"))
    if (Result.isSuccess(wrong)) return assert.fail("The word was taken.")
    assert.include(JSON.stringify(wrong.failure), "arrival_time")
  })

  it("takes address identifiers for the Google Ads API only", () => {
    const connection = (platform: string) =>
      parse(`version: 1
connections:
  - id: a
    platform: ${platform}
    account: { dataset_id: 1 }
    credential: store:a
    mapping: { address_identifiers: true }
`)
    const ads = Result.getOrThrow(connection("google-ads"))
    assert.strictEqual(ads.connections[0]?.mapping.addressIdentifiers, true)
    const google = connection("google")
    if (Result.isSuccess(google)) return assert.fail("The key was taken.")
    assert.include(JSON.stringify(google.failure), "google sends them always")
  })

  it("is total: any text gives connections or problems", () => {
    fc.assert(fc.property(fc.string(), (text) => Result.isResult(parse(text))))
    const pieces = fc.constantFrom(
      "version: 1\n",
      "connections:\n",
      "  - id: a\n",
      "    platform: meta\n",
      "&a ",
      "*a",
      "[",
      "{",
      "? ",
      "<<: *a\n",
      "null",
      "$\u007b",
      "\t"
    )
    fc.assert(fc.property(fc.array(pieces), (parts) => Result.isResult(parse(parts.join("")))))
  })

  it.effect("says that a file does not exist", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(loadConnectionsFile("/nowhere/c.yaml", { catalog, variables }))
      assert.strictEqual(error.code, "unreadable")
      assert.include(error.message, "does not exist")
      assert.include(error.nextStep, "CAPI_CONNECTIONS")
    })
  )
})
