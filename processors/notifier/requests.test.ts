import { assert, describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Redacted from "effect/Redacted"
import type { ReceiverKind, Route } from "./notifications-file.ts"
import type { Problem } from "./problem.ts"
import { notificationsOf, signatureOf } from "./requests.ts"
import type { Pending, Receipt } from "./state.ts"

const now = Date.UTC(2026, 10, 23, 11, 0)
const minute = 60_000

const problem: Problem = {
  key: "meta-eu/status",
  connectionId: "meta-eu",
  platform: "meta",
  series: "status",
  severity: "critical",
  lastSeverity: "critical",
  cause: "auth",
  message: "meta-eu is unhealthy: access token refused <since> 10:42 & more",
  issues: ["access token refused"],
  startedAt: now - 18 * minute,
  changedAt: now - 2 * minute,
  change: 7
}
const route: Route = {
  receivers: ["r"],
  match: { connections: [], severities: [], series: [] },
  groupBy: "connection",
  groupWait: Duration.seconds(5),
  repeat: null,
  resolved: true
}
const none: Receipt = { change: null, severity: null, at: null }
const pending = (fields: Partial<Pending> = {}): Pending => ({
  problem,
  route,
  kind: "began",
  receipt: none,
  ...fields
})
const ended = pending({
  problem: { ...problem, severity: null, message: "meta-eu is healthy again" },
  kind: "ended",
  receipt: { change: 7, severity: "critical", at: now - minute }
})

const requests = (kind: ReceiverKind, all: ReadonlyArray<Pending>, deployment = "prod.") =>
  notificationsOf(all, {
    receiver: { id: "r", kind, url: null, secret: null, timeout: Duration.seconds(1) },
    url: Redacted.make("https://example.com/x"),
    secret: Redacted.make("s3cret"),
    deployment,
    now
  }).map(({ request }) => ({ ...request, json: JSON.parse(request.body ?? "null") }))

it("splits what is too long for one message of Slack, so that every problem is in one", () => {
  const all = Array.from({ length: 500 }, (_, index) =>
    pending({
      problem: { ...problem, connectionId: `c-${index}`, message: `c-${index} is unhealthy: ${"x".repeat(300)}` }
    })
  )
  const texts = requests("slack", all).map(({ json }) => json.text as string)
  assert.isAbove(texts.length, 1)
  for (const text of texts) assert.isBelow(text.length, 40_000)
  assert.deepStrictEqual(
    texts
      .join("\n")
      .split("\n")
      .map((line) => /c-\d+/.exec(line)?.[0]),
    all.map((one) => one.problem.connectionId)
  )
})

it("gives each reminder of a webhook another delivery id, and a request that is sent again its own", () => {
  const deliveryOf = (at: number | null, kind: Pending["kind"] = "repeated") =>
    requests("webhook", [pending({ kind, receipt: { change: 7, severity: "critical", at } })])[0]!.headers[
      "x-capi-delivery"
    ]
  assert.strictEqual(deliveryOf(now), deliveryOf(now))
  assert.notStrictEqual(deliveryOf(now), deliveryOf(now + 240 * minute))
  assert.notStrictEqual(deliveryOf(null, "began"), deliveryOf(now))
})

describe("a notification", () => {
  it("for Slack is one message with a line for each problem, its markup escaped", () => {
    const [request, ...more] = requests("slack", [pending(), ended])
    assert.deepStrictEqual(more, [])
    assert.deepStrictEqual(request!.json.text.split("\n"), [
      ":red_circle: *Critical* meta-eu is unhealthy: access token refused &lt;since&gt; 10:42 &amp; more (prod)",
      ":large_green_circle: *Resolved* meta-eu is healthy again (prod)"
    ])
  })

  it("for PagerDuty is an event for each problem, with one key from its beginning to its end", () => {
    const [trigger, resolve] = requests("pagerduty", [pending(), ended]).map(({ json }) => json)
    assert.deepInclude(trigger, { event_action: "trigger", routing_key: "s3cret" })
    assert.deepInclude(trigger.payload, { severity: "critical", component: "meta-eu", class: "auth", group: "meta" })
    assert.deepStrictEqual(
      [resolve.event_action, resolve.dedup_key, trigger.dedup_key],
      ["resolve", "capi-relay/prod.meta-eu/status", "capi-relay/prod.meta-eu/status"]
    )
  })

  it("for Alertmanager fires for some minutes, and ends the alert of the severity before", () => {
    const changed = pending({ kind: "changed", receipt: { change: 6, severity: "warning", at: now } })
    const [request] = requests("alertmanager", [changed])
    assert.strictEqual(request!.url, "https://example.com/x/api/v2/alerts")
    assert.strictEqual(Redacted.value(request!.secretHeaders["authorization"]!), "Bearer s3cret")
    const [before, after] = request!.json
    assert.deepStrictEqual([before.labels.severity, Date.parse(before.endsAt)], ["warning", problem.changedAt])
    assert.deepStrictEqual([after.labels.severity, Date.parse(after.endsAt)], ["critical", now + 5 * minute])
    assert.deepInclude(after.labels, { alertname: "CapiConnectionHealth", connection: "meta-eu", deployment: "prod" })
    const [end] = requests("alertmanager", [ended])[0]!.json
    assert.deepStrictEqual([end.labels.severity, Date.parse(end.endsAt)], ["critical", problem.changedAt])
  })

  it("for a webhook is signed with its time, and keeps its delivery id when it is sent again", () => {
    const [first, again] = [requests("webhook", [pending()])[0]!, requests("webhook", [pending()])[0]!]
    const timestamp = String(now / 1_000)
    assert.strictEqual(first.headers["x-capi-timestamp"], timestamp)
    assert.strictEqual(first.headers["x-capi-signature"], `sha256=${signatureOf("s3cret", timestamp, first.body!)}`)
    assert.notStrictEqual(signatureOf("s3cret", timestamp, first.body!), signatureOf("s3cret", "1", first.body!))
    assert.strictEqual(first.headers["x-capi-delivery"], again.headers["x-capi-delivery"])
    assert.deepInclude(first.json.alerts[0], { id: "meta-eu/status/7", event: "began", severity: "critical" })
  })
})
