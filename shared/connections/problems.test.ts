import { assert, describe, it } from "@effect/vitest"
import * as Result from "effect/Result"
import { minimal, parse, withKeys } from "../testing/connections-file.ts"
import { formatProblem } from "./yaml-tree.ts"

/** The problems of a text, as `line:column path message`. */
const problems = (text: string): ReadonlyArray<string> =>
  Result.match(parse(text), {
    onSuccess: (value) => value.warnings,
    onFailure: (error) => error.problems
  }).map((problem) => `${problem.line}:${problem.column} ${problem.path} ${problem.message}`)

describe("problems of a file of connections", () => {
  const wrong: ReadonlyArray<[string, string, string]> = [
    [
      "a misspelt key",
      withKeys("tset_event_code: T"),
      '7:5 connections[0].tset_event_code Unknown key "tset_event_code". Did you mean test_event_code?'
    ],
    [
      "an unknown platform",
      minimal.replace("meta", "meeta"),
      '4:15 connections[0].platform "meeta" is not a platform. Did you mean meta?'
    ],
    [
      "a missing account id",
      minimal.replace("dataset_id", "page_id"),
      "5:14 connections[0].account The key dataset_id is missing."
    ],
    [
      "an unknown account key",
      minimal.replace("{ dataset", "{ datset_id: 1, dataset"),
      '5:16 connections[0].account.datset_id Unknown key "datset_id". Did you mean dataset_id?'
    ],
    [
      "a token for a credential",
      minimal.replace("env:META_TOKEN", "EAAB1234"),
      "6:17 connections[0].credential This is not a reference to a credential."
    ],
    [
      "a wrong id",
      minimal.replace("id: shop", "id: My Shop"),
      '3:9 connections[0].id "My Shop" is not a connection id.'
    ],
    [
      "an unset variable",
      withKeys(`partner_name: \${NONE}`),
      "7:19 connections[0].partner_name The environment variable NONE is not set."
    ],
    [
      "an open placeholder",
      withKeys(`partner_name: \${NONE`),
      "7:19 connections[0].partner_name A placeholder is not closed or names no variable."
    ],
    [
      "a wrong choice",
      withKeys("consent: { on_unknown: sendd }"),
      '7:28 connections[0].consent.on_unknown "sendd" is not one of the choices. Did you mean send?'
    ],
    [
      "a limit out of range",
      withKeys("limits: { concurrency: 0 }"),
      '7:28 connections[0].limits.concurrency "0" is not an integer in the range.'
    ],
    [
      "a wrong duration",
      withKeys("limits: { window: soon }"),
      '7:23 connections[0].limits.window "soon" is not a duration.'
    ],
    [
      "a wrong country",
      withKeys("mapping: { default_country: UK }"),
      '7:33 connections[0].mapping.default_country "UK" is not a country code. Did you mean GB?'
    ],
    [
      "a long partner name",
      withKeys(`partner_name: ${"x".repeat(23)}`),
      "7:19 connections[0].partner_name meta takes at most 22 characters; these are 23."
    ],
    [
      "a wrong host",
      withKeys("endpoint: { host: ftp://x }"),
      '7:23 connections[0].endpoint.host "ftp://x" is not the address of a host.'
    ],
    [
      "a placeholder without quotes in a group on one line",
      minimal.replace("{ dataset_id: 12345678901234567890 }", "{ dataset_id: ${ID}, page_id: ${PAGE} }"),
      "5:28  Not YAML: between braces or brackets, a placeholder stands in quotes."
    ],
    [
      "a host with a password, which is not shown",
      withKeys("endpoint: { host: 'https://:secret@x' }"),
      "7:23 connections[0].endpoint.host The address has a login or parameters."
    ],
    [
      "a host with a token, which is not shown",
      withKeys("endpoint: { host: 'https://x/?access_token=secret' }"),
      "7:23 connections[0].endpoint.host The address has a login or parameters."
    ],
    [
      "an unknown path",
      withKeys("mapping: { parameters: { a: { from: properties.vlaue } } }"),
      '7:41 connections[0].mapping.parameters.a.from "properties.vlaue" is not a field of an event. Did you mean properties.value?'
    ],
    [
      "an open brace",
      withKeys('mapping: { parameters: { a: { template: "x {properties.value" } } }'),
      "7:45 connections[0].mapping.parameters.a.template A brace is not closed."
    ],
    [
      "two rules",
      withKeys("mapping: { parameters: { a: { from: event_id, constant: 1 } } }"),
      "7:33 connections[0].mapping.parameters.a A parameter takes one rule; here are 2."
    ],
    [
      "an operator without a number",
      withKeys(
        "mapping: { events: { a_custom_one: { to: X, when: [{ path: properties.value, op: gt, value: a }] } } }"
      ),
      "7:97 connections[0].mapping.events.a_custom_one.when[0].value The operator gt compares numbers."
    ],
    [
      "templates elsewhere than at WhatsApp",
      withKeys("mapping: { templates: { purchase: { name: t } } }"),
      "7:27 connections[0].mapping.templates meta has no message templates."
    ],
    [
      "a conversion action elsewhere than at Google",
      withKeys("mapping: { events: { purchase: { action: 1 } } }"),
      "7:46 connections[0].mapping.events.purchase.action meta has no conversion actions."
    ],
    ["a list for a group", withKeys("consent: [a]"), "7:14 connections[0].consent Expected a group of keys."],
    [
      "a double id",
      `${minimal}  - { id: shop, platform: meta, account: { dataset_id: 2 }, credential: env:B }\n`,
      '7:11 connections[1].id Another connection has the id "shop".'
    ],
    ["a missing version", minimal.replace("version: 1\n", ""), "1:1  The key version is missing."],
    ["another version", minimal.replace("version: 1", "version: 2"), '1:10 version "2" is not 1.'],
    [
      "a default that cannot be one",
      minimal.replace("version: 1", "version: 1\ndefaults: { account: 1 }"),
      '2:13 defaults.account "account" has no default.'
    ],
    ["no connections", "version: 1\n", "1:1  The key connections is missing."],
    ["an empty file", "", "1:1  The file holds no keys."],
    ["a double key", "version: 1\nversion: 1\n", "2:1  Not YAML: Map keys must be unique"]
  ]
  it.each(wrong)("names line, key and what is allowed for %s", (_, text, expected) => {
    assert.isTrue(Result.isFailure(parse(text)))
    assert.include(problems(text), expected)
  })

  it("quotes little of a file that is something else", () => {
    const [first, ...others] = problems(`version: 1\n{ b: }}${"word ".repeat(300)}\nand ${"more ".repeat(300)}\n`)
    assert.include(first, "Not YAML: ")
    for (const line of [first, ...others]) assert.isBelow(line!.length, 160)
    assert.isTrue(others.some((line) => line.includes("word word") && line.endsWith("…")))
  })

  const doubtful: ReadonlyArray<[string, string, string]> = [
    [
      "an unknown event",
      withKeys("events: { include: [purchse] }"),
      '7:25 connections[0].events.include[0] "purchse" is neither a canonical event nor mapped by this connection. Did you mean purchase?'
    ],
    [
      "a near miss of a standard event",
      withKeys("mapping: { events: { my_own: Purchas } }"),
      '7:34 connections[0].mapping.events.my_own "Purchas" will be sent as a custom event. Did you mean Purchase?'
    ],
    [
      "a plain host",
      withKeys("endpoint: { host: http://graph.example }"),
      "7:23 connections[0].endpoint.host The credential would travel unencrypted."
    ],
    [
      "a batch over the platform's",
      withKeys("limits: { events_per_request: 1001 }"),
      "7:35 connections[0].limits.events_per_request The platform would refuse requests of so many events."
    ],
    [
      "a request that holds no event",
      withKeys("limits: { bytes_per_request: 8192 }"),
      "7:34 connections[0].limits.bytes_per_request Every event would be refused (payload_too_large), since 8192 bytes are kept for what surrounds the events."
    ],
    [
      "a request that holds small events alone",
      withKeys("limits: { bytes_per_request: 9000 }"),
      "7:34 connections[0].limits.bytes_per_request Larger events than 808 bytes would be refused (payload_too_large), since 8192 are kept for what surrounds the events."
    ],
    [
      "two connections of one account",
      `${minimal}  - { id: b, platform: meta, account: { dataset_id: 12345678901234567890 }, credential: env:B }\n`,
      '7:5 connections[1] It sends the same events to the same account as "shop".'
    ]
  ]
  it.each(doubtful)("warns of %s and goes on", (_, text, expected) => {
    assert.isTrue(Result.isSuccess(parse(text)))
    assert.deepStrictEqual(problems(text), [expected])
  })

  it("lists every problem at once, those of the defaults once", () => {
    const text = `version: 1
defaults: { consent: { on_unknown: never } }
connections:
  - { id: A, platform: meta, account: {}, credential: x }
  - { id: b, platform: meta, account: { dataset_id: 2 }, credential: env:B, enabled: perhaps }
`
    assert.deepStrictEqual(
      problems(text).map((line) => line.split(" ")[0]),
      ["2:36", "4:11", "4:39", "4:55", "5:86"]
    )
    const error = Result.getOrThrow(Result.flip(parse(text)))
    assert.match(
      formatProblem("c.yaml", error.problems[1]!),
      /^c\.yaml:4:11: error: connections\[0\]\.id: .* Allowed: .*\.$/
    )
    assert.include(error.message, "and 4 more")
  })
})
