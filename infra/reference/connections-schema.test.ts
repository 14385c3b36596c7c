/**
 * The JSON Schema of connections.yaml agrees with the reader: whatever the reader accepts, the schema accepts; what the reader
 * refuses by form alone, the schema refuses.
 */
import { readFileSync } from "node:fs"
import path from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Ajv2020 } from "ajv/dist/2020.js"
import * as Result from "effect/Result"
import fc from "fast-check"
import { parse, stringify } from "yaml"
import { checkConnections } from "../../shared/connectors/load-connections.ts"
import type { Json } from "../../shared/model/json.ts"
import { repository } from "../local/state.ts"
import { connectionsSchemaText } from "./connections-page.ts"

const validate = new Ajv2020({ strict: false, allErrors: false }).compile(JSON.parse(connectionsSchemaText()))
const read = (file: string): string => readFileSync(path.join(repository, file), "utf8")

/** A value for every variable that a file names. */
const variablesOf = (text: string) =>
  Object.fromEntries(
    [...text.matchAll(/\$\{([A-Za-z_]\w*)\}/g)].map(([, name]) => [name!, name!.startsWith("RUN_") ? "true" : "1234"])
  )

const problemsOf = (text: string): ReadonlyArray<string> =>
  Result.match(checkConnections("c.yaml", text, variablesOf(text)), {
    onSuccess: () => [],
    onFailure: ({ problems }) => problems.filter(({ severity }) => severity === "error").map(({ message }) => message)
  })

const everyKey = `version: 1
connections:
  - id: full
    platform: google-ads
    enabled: true
    account: { customer_id: 12345678901234567890, conversion_action_id: 987 }
    credential: vault:secret/ads#token
    endpoint: { host: https://googleads.googleapis.com, version: v24 }
    events: { include: [purchase, lead], exclude: refund, action_sources: [website, app] }
    mapping:
      version: 2026-11
      names: current
      default_country: DE
      default_action_source: website
      event_names: exact
      anonymous_id: ignore
      max_age_days: 3
      future_events: arrival_time
      future_tolerance: 30 seconds
      address_identifiers: true
      free_properties: [plan, gift]
      events:
        lead: { action: 987654322, when: [{ path: properties.value, op: gte, value: 200 }] }
        purchase: purchase
      parameters:
        plan: { from: properties.custom.plan }
        source: { constant: server }
        label: { template: "order {properties.order_id}" }
    limits: { profile: specification, events_per_request: 5, window: 1 minute, concurrency: 2, linger: 500 ms }
    consent: { on_unknown: skip, on_unknown_in_europe: send, unknown_country: europe, on_sale_denied: skip, assume: granted }
    resilience:
      circuit_breaker: { failures: 9, recovery: 2 s }
      retry: { delays: [10 ms, 1 min], jitter_percent: 0 }
      pool: { connections: 3, timeout: 3 Seconds }
    test_event_code: T1
    partner_name: capi
  - id: messages
    platform: whatsapp
    account: { phone_number_id: "106540352242922" }
    credential: env:WHATSAPP_TOKEN
    mapping:
      templates:
        purchase:
          name: order_confirmation
          language: en_US
          category: utility
          header: { document: { link: "https://shop.example/{properties.order_id}.pdf", filename: order.pdf } }
          body: ["{properties.order_id}", "{properties.value} {properties.currency}"]
          buttons: [{ index: 0, url: "{properties.order_id}" }]
`

const corpus = [everyKey, read("examples/connections.yaml"), read("tests/chaos/connections.yaml")]

/** Messages of the reader for what is wrong by form. */
const byForm =
  /^Unknown key|^The key \w+ is missing|^Expected |is not one of the choices|is not an integer in the range|is not a duration|is neither true nor false|is not a platform/

describe("the JSON Schema of connections.yaml", { timeout: 120_000 }, () => {
  it.each(corpus.map((text, index) => [index, text] as const))("accepts file %i of the corpus", (_index, text) => {
    assert.deepStrictEqual(problemsOf(text), [])
    assert.isTrue(validate(parse(text)), JSON.stringify(validate.errors))
  })

  it("agrees with the reader on any change of a file", () => {
    let [accepted, refused] = [0, 0]
    fc.assert(
      fc.property(fc.nat(corpus.length - 1), fc.nat(), change, (file, place, changed) => {
        const tree = parse(corpus[file]!) as Tree
        // A problem in `defaults` is only a problem of the connections that use it.
        const places = placesOf(tree["connections"]!)
        applyAt(places[place % places.length]!, changed)
        const text = stringify(tree)
        const problems = problemsOf(text)
        const isValid = validate(parse(text))
        if (problems.length === 0) {
          accepted++
          assert.isTrue(isValid, `the reader accepts it; the schema: ${JSON.stringify(validate.errors)}`)
        } else if (problems.some((problem) => byForm.test(problem))) {
          refused++
          assert.isFalse(isValid, `the reader refuses ${problems.join(" ")}) what the schema accepts`)
        }
      }),
      { numRuns: 80 }
    )
    assert.isAbove(Math.min(accepted, refused), 8)
  })

  it("refuses what the reader refuses by form, and says nothing of placeholders", () => {
    const wrong = [
      everyKey.replace("  - id: full", "  - idd: full"),
      everyKey.replace("platform: google-ads", "platform: googel"),
      everyKey.replace("version: 1\n", ""),
      everyKey.replace("customer_id", "costumer_id"),
      everyKey.replace("30 seconds", "30 secs"),
      everyKey.replace("vault:secret/ads#token", "EAAB1234"),
      everyKey.replace("max_age_days: 3", "max_age_days: 9999"),
      everyKey.replace("enabled: true", "enabled: maybe"),
      everyKey.replace("op: gte", "op: greater")
    ]
    for (const text of wrong) {
      assert.isNotEmpty(problemsOf(text))
      assert.isFalse(validate(parse(text)), text)
    }
    // biome-ignore lint/suspicious/noTemplateCurlyInString: a placeholder of the file
    assert.isTrue(validate(parse(everyKey.replace("max_age_days: 3", "max_age_days: ${DAYS}"))))
  })
})

type Tree = { [key: string]: Json } & { connections?: Json }

interface Place {
  readonly holder: { [key: string]: Json }
  readonly key: string
}

/** Every value of a tree, by what holds it. */
const placesOf = (value: Json): ReadonlyArray<Place> => {
  if (typeof value !== "object" || value === null) return []
  const holder = value as { [key: string]: Json }
  return Object.keys(holder).flatMap((key) => [{ holder, key }, ...placesOf(holder[key]!)])
}

type Change =
  | { readonly kind: "replace"; readonly value: Json }
  | { readonly kind: "remove" }
  | { readonly kind: "add"; readonly key: string; readonly value: Json }
  | { readonly kind: "list" }

const values: ReadonlyArray<Json> = [
  ...[
    null,
    true,
    false,
    0,
    1,
    7,
    5_000,
    -1,
    1.5,
    "",
    "purchase",
    "7",
    "true",
    "send",
    "skip",
    "30 seconds",
    "0 s",
    "1.5 H",
    "soon"
  ],
  ...[
    "meta",
    "env:TOKEN",
    "properties.value",
    "{event_id}",
    "https://platform.example",
    [],
    {},
    ["lead"],
    [null],
    [["a"]]
  ],
  ...[{ to: "Lead" }, { from: "event_name" }, { name: "t" }, { delays: "1 s" }]
]

const change: fc.Arbitrary<Change> = fc.oneof(
  fc.record({ kind: fc.constant("replace" as const), value: fc.constantFrom(...values) }),
  fc.constant({ kind: "remove" as const }),
  fc.record({
    kind: fc.constant("add" as const),
    key: fc.constantFrom("limits", "include", "version", "linger", "when", "enabled", "unknown_key", "from", "host"),
    value: fc.constantFrom(...values)
  }),
  fc.constant({ kind: "list" as const })
)

const applyAt = ({ holder, key }: Place, changed: Change): void => {
  const value = holder[key]!
  if (changed.kind === "replace") holder[key] = changed.value
  else if (changed.kind === "list") holder[key] = [value]
  else if (changed.kind === "remove" && !Array.isArray(holder)) delete holder[key]
  else if (changed.kind === "add" && typeof value === "object" && value !== null && !Array.isArray(value))
    (value as { [key: string]: Json })[changed.key] = changed.value
}
