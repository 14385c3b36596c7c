/** The real notifier on a real broker, its receivers real servers: one that takes, one that refuses, one that hangs, one that throttles, Alertmanager. */
import { createHmac } from "node:crypto"
import { writeFileSync } from "node:fs"
import path from "node:path"
import process from "node:process"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { runCommand } from "../../infra/cli/testing.ts"
import { freePort } from "../../infra/local/ports.ts"
import type { HealthAlert } from "../../schemas/types.gen.ts"
import { Codecs } from "../../shared/codec/codecs.ts"
import { registryLayer } from "../../shared/codec/registry.ts"
import { KafkaClient } from "../../shared/kafka/client.ts"
import { layerKafka } from "../../shared/kafka/kafkajs/adapter.ts"
import { until } from "../../shared/testing/kafka-probe.ts"
import { alertmanagerCommand, startAlertmanager } from "../harness/alertmanager.ts"
import { environmentFor } from "../harness/environment.ts"
import { startablePrograms } from "../harness/programs.ts"
import { temporaryFolder } from "../harness/temporary-folder.ts"
import { testBrokers, testRegistryUrl, uniquePrefix } from "../harness/test-services.ts"
import { webhookRecorder } from "../harness/webhook-recorder.ts"

const secret = "the-secret-of-the-webhook"
const connections = `version: 1
connections:
  - { id: shop, platform: meta, account: { dataset_id: "1" }, credential: env:NONE }
`

/** Topics, the notifier's file and program on the tests' broker; `alert` publishes to health-alerts. */
const start = (name: string, notifications: string) =>
  Effect.gen(function* () {
    const folder = temporaryFolder()
    writeFileSync(path.join(folder, "connections.yaml"), connections)
    writeFileSync(path.join(folder, "notifications.yaml"), notifications)
    const prefix = uniquePrefix(name)
    const environment = environmentFor(
      {
        brokers: testBrokers().join(","),
        registryUrl: testRegistryUrl(),
        prefix,
        connections: path.join(folder, "connections.yaml")
      },
      { CAPI_NOTIFICATIONS: path.join(folder, "notifications.yaml"), WEBHOOK_SECRET: secret, PAGER: "routing-key" }
    )
    yield* runCommand(["topics", "--create"], environment)
    const programs = yield* startablePrograms({ folder, environment })
    const services = yield* Layer.build(
      Layer.fresh(
        Layer.merge(layerKafka({ brokers: testBrokers() }), registryLayer({ url: testRegistryUrl(), prefix }))
      )
    )
    const alert = (status: string, fields: Partial<HealthAlert> = {}) =>
      Effect.gen(function* () {
        const value: HealthAlert = {
          connection_id: "shop",
          platform: "meta",
          previous_status: "healthy",
          status,
          timestamp: Date.now(),
          cause: status === "healthy" ? "recovered" : "circuit",
          message: `shop is ${status}`,
          issues: [],
          threshold_percent: null,
          ...fields
        }
        const codecs = yield* Codecs
        yield* (yield* KafkaClient).produce([
          {
            topic: `${prefix}health-alerts`,
            key: value.connection_id,
            value: codecs.encode("health-alerts", "health-alert", value)
          }
        ])
      }).pipe(Effect.provideContext(services))
    return { folder, prefix, programs, alert }
  })

describe("the notifier", { timeout: 240_000 }, () => {
  it.live(
    "delivers each change once, whatever other receivers do, and again after a crash only what was not taken",
    () =>
      Effect.gen(function* () {
        const takes = yield* webhookRecorder()
        const hangs = yield* webhookRecorder("hang")
        const throttles = yield* webhookRecorder({ status: 429, headers: { "retry-after": "2" } })
        const refusingPort = yield* freePort
        const { programs, alert, prefix } = yield* start(
          "notifier",
          `version: 1
receivers:
  - { id: takes, kind: webhook, url: "${takes.url}/hook", secret: env:WEBHOOK_SECRET }
  - { id: hangs, kind: webhook, url: "${hangs.url}", secret: env:WEBHOOK_SECRET, timeout: 1 second }
  - { id: throttles, kind: webhook, url: "${throttles.url}", secret: env:WEBHOOK_SECRET }
  - { id: refuses, kind: pagerduty, url: "http://127.0.0.1:${refusingPort}/v2/enqueue", routing_key: env:PAGER }
routes:
  - { receivers: [takes, hangs, throttles, refuses], group_wait: 500 millis, repeat: never }
`
        )
        yield* programs.start(["notifier"])
        yield* alert("unhealthy")
        yield* until("the receiver that works has it", () => takes.requests.length === 1)

        const [first] = takes.requests
        const timestamp = String(first!.headers["x-capi-timestamp"])
        const signature = createHmac("sha256", secret).update(`${timestamp}.${first!.text}`).digest("hex")
        assert.strictEqual(first!.headers["x-capi-signature"], `sha256=${signature}`)
        assert.isAtMost(Math.abs(Date.now() / 1_000 - Number(timestamp)), 30)
        const [taken] = JSON.parse(first!.text).alerts
        assert.deepInclude(taken, { problem: "shop/status", event: "began", severity: "critical", cause: "circuit" })

        yield* until(
          "the others' failures are visible",
          () =>
            Effect.gen(function* () {
              const readiness = (yield* programs.readiness("notifier"))?.text ?? ""
              const metrics = yield* programs.metrics
              return ["hangs", "throttles", "refuses"].every(
                (id) =>
                  readiness.includes(`"receiver:${id}":{"healthy":false`) &&
                  new RegExp(`capi_notifier_failures_total\\{[^}]*receiver="${id}"`).test(metrics)
              )
            }),
          30_000,
          200
        )
        assert.isTrue((yield* programs.readiness("notifier"))?.ok, "it works, whatever its receivers do")
        // Retry-After: its second request comes after two seconds at least.
        yield* until("the receiver that throttles is tried again", () => throttles.requests.length >= 2)
        assert.isAtLeast(throttles.requests[1]!.at - throttles.requests[0]!.at, 1_900)

        hangs.answer({ status: 200 })
        throttles.answer({ status: 202 })
        const refuses = yield* webhookRecorder({ status: 202 }, refusingPort)
        const all = [takes, hangs, throttles, refuses]
        const takenBy = () => all.map(({ requests }) => requests.filter(({ taken }) => taken).length)
        yield* until("every receiver has it", () => takenBy().every((count) => count === 1), 60_000)
        assert.deepInclude(JSON.parse(refuses.requests[0]!.text), {
          event_action: "trigger",
          dedup_key: `capi-relay/${prefix}shop/status`
        })

        process.kill(programs.pidOf("notifier")!, "SIGKILL")
        yield* programs.stop(["notifier"])
        yield* programs.start(["notifier"])
        yield* alert("healthy")
        yield* until("every receiver has the end", () => takenBy().every((count) => count === 2), 60_000)
        assert.deepStrictEqual(takenBy(), [2, 2, 2, 2])
        const ends = [takes, hangs, throttles].map(({ requests }) => JSON.parse(requests.at(-1)!.text).alerts)
        for (const alerts of ends)
          assert.deepStrictEqual(
            alerts.map(({ event, message }: { event: string; message: string }) => [event, message]),
            [["ended", "shop is healthy"]]
          )
        assert.strictEqual(JSON.parse(refuses.requests.at(-1)!.text).event_action, "resolve")
      }).pipe(Effect.scoped)
  )

  const alertmanager = alertmanagerCommand()
  const installed = alertmanager === null ? " (left out: prometheus-alertmanager is not installed)" : ""
  it.runIf(alertmanager !== null)(`fires and resolves at a real Alertmanager, which passes it on${installed}`, () =>
    Effect.gen(function* () {
      const behind = yield* webhookRecorder()
      const manager = yield* startAlertmanager(alertmanager!, temporaryFolder(), behind.url)
      const { programs, alert } = yield* start(
        "alertmanager",
        `version: 1
receivers:
  - { id: prometheus, kind: alertmanager, url: "${manager.url}" }
routes:
  - { receivers: [prometheus], group_wait: 200 millis }
`
      )
      yield* programs.start(["notifier"])
      yield* alert("degraded", { cause: "latency", issues: ["mean latency is 6,000 ms"] })
      const firing = Effect.map(manager.firing, (alerts) => alerts.map(({ labels }) => labels["severity"]))
      const isFiring = (...wanted: ReadonlyArray<string>) =>
        Effect.map(firing, (found) => JSON.stringify(found) === JSON.stringify(wanted))
      yield* until("it fires as a warning", () => isFiring("warning"), 60_000, 100)
      const [found] = yield* manager.firing
      assert.deepInclude(found!.labels, { alertname: "CapiConnectionHealth", connection: "shop", platform: "meta" })
      assert.deepInclude(found!.annotations, { summary: "shop is degraded", description: "mean latency is 6,000 ms" })
      yield* alert("unhealthy")
      yield* until("it is critical instead", () => isFiring("critical"), 60_000, 100)
      yield* alert("healthy")
      yield* until("it is resolved", () => isFiring(), 60_000, 100)
      yield* until(
        "Alertmanager passed the end on",
        () => behind.requests.some(({ text }) => JSON.parse(text).status === "resolved"),
        30_000
      )
    }).pipe(Effect.scoped, Effect.runPromise)
  )
})
