import { readFileSync } from "node:fs"
import { assert, describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Result from "effect/Result"
import { formatProblem } from "../../shared/connections/yaml-tree.ts"
import { parseNotifications } from "./notifications-file.ts"

const parsed = (text: string) => parseNotifications("notifications.yaml", text)
const problems = (text: string): ReadonlyArray<string> => {
  const result = parsed(text)
  return Result.isFailure(result)
    ? result.failure.problems.map((problem) => formatProblem("notifications.yaml", problem))
    : []
}

const file = (receivers: string, routes = "  - receivers: [ops]\n", more = "") =>
  `version: 1\nreceivers:\n${receivers}routes:\n${routes}${more}`
const ops = "  - { id: ops, kind: slack, url: env:SLACK }\n"

describe("the file of notifications", () => {
  it("is read with its defaults", () => {
    const found = Result.getOrThrow(parsed(file(ops)))
    assert.deepStrictEqual(found, {
      receivers: [{ id: "ops", kind: "slack", url: "env:SLACK", secret: null, timeout: Duration.seconds(10) }],
      routes: [
        {
          receivers: ["ops"],
          match: { connections: [], severities: [], series: [] },
          groupBy: "connection",
          groupWait: Duration.seconds(5),
          repeat: Duration.hours(4),
          resolved: true
        }
      ],
      silences: []
    })
  })

  it("of the examples is valid", () => {
    const example = readFileSync(new URL("../../examples/alerting/notifications.yaml", import.meta.url), "utf8")
    assert.deepStrictEqual(problems(example), [])
    const { receivers, silences } = Result.getOrThrow(parsed(example))
    assert.deepStrictEqual(
      receivers.map(({ kind }) => kind),
      ["slack", "pagerduty", "alertmanager", "webhook"]
    )
    assert.strictEqual(silences.length, 1)
  })

  it.each([
    ["", "notifications.yaml:1:1: error: The file holds no keys."],
    [
      file("  - { id: ops, kind: slak, url: env:S }\n"),
      /:3:22: error: receivers\[0\].kind: "slak" is not one of the choices\. Did you mean slack\?/
    ],
    [
      file("  - { id: ops, kind: slack, url: https://hooks.slack.example/T0/secret }\n"),
      /receivers\[0\].url: Slack's webhook address is a secret/
    ],
    [file("  - { id: ops, kind: pagerduty }\n"), /PagerDuty needs its routing_key/],
    [
      file("  - { id: ops, kind: pagerduty, routing_key: abcdef }\n"),
      /The routing key is a secret: it must be a reference/
    ],
    [file("  - { id: ops, kind: webhook, url: 'https://a.example' }\n"), /A webhook needs a secret/],
    [file("  - { id: ops, kind: webhook, url: 'ftp://a.example', secret: env:S }\n"), /neither an http\(s\) address/],
    [
      file(ops, "  - receivers: [opps]\n"),
      /:5:\d+: error: routes\[0\].receivers\[0\]: There is no receiver "opps"\. Did you mean ops\?/
    ],
    [file(ops, "  - { receivers: [ops], severities: [severe] }\n"), /Allowed: critical, warning/],
    [file(ops, "  - { receivers: [ops], repeat: sometimes }\n"), /routes\[0\].repeat: "sometimes" is not a duration/],
    [file(ops, "  - { receivers: [ops], colour: red }\n"), /Unknown key "colour"/],
    [file(ops + ops), /receivers\[1\].id: Another receiver has the id "ops"/],
    [file(ops, undefined, "silences:\n  - { until: tomorrow }\n"), /silences\[0\].until: "tomorrow" is not a time/]
  ])("names line, key and what is allowed: %#", (text, expected) => {
    const [first = ""] = problems(text)
    if (typeof expected === "string") assert.include(first, expected)
    else assert.match(first, expected)
  })

  it("never repeats what may be a secret", () => {
    const text = file("  - { id: ops, kind: slack, url: https://hooks.slack.example/T0/B0/verysecret }\n")
    assert.notInclude(problems(text).join(), "verysecret")
    assert.notInclude(problems(file("  - { id: o, kind: pagerduty, routing_key: verysecret }\n")).join(), "verysecret")
  })
})
