/**
 * The health run: a platform gets slow, dies and refuses the token, and recovers each time. After each change every surface must say the
 * same within seconds: the health topic, the alerts, the metrics, the notifier's webhook, the console and `./capi health`.
 */
import { writeFileSync } from "node:fs"
import path from "node:path"
import process from "node:process"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { freePort } from "../../infra/local/ports.ts"
import { startSandbox } from "../../infra/sandbox/sandbox.ts"
import type {
  ConnectorHealthPoint,
  ConnectorHealthStatus,
  EventDeliveryLog,
  HealthAlert
} from "../../schemas/types.gen.ts"
import { until } from "../../shared/testing/kafka-probe.ts"
import { type Chain, startChain } from "../harness/chain.ts"
import { publish, readBack } from "../harness/records.ts"
import { scopedFolder } from "../harness/scoped-folder.ts"
import { type WebhookRecorder, webhookRecorder } from "../harness/webhook-recorder.ts"
import { rawEvent } from "../outage/plan.ts"
import { agree, connection, figuresOf, historyOf, isAgeAlert, statusOf, surfacesOf, webhookAlerts } from "./surfaces.ts"

/** How far apart the surfaces may be. */
export const agreeMillisMax = 5_000
const dayMillis = 86_400_000

const connections = `version: 1
defaults:
  mapping: { default_country: US }
  resilience:
    circuit_breaker: { recovery: 2 seconds }
    retry: { delays: [200 millis, 400 millis, 800 millis] }
    delayed_retry: { delays: [2 seconds] }
    pause: { first_probe: 1 second, probe_max: 2 seconds }
    catch_up: { from_percent: 50, over: 2 seconds }
connections:
  - id: ${connection}
    platform: meta
    account: { dataset_id: 1234567890 }
    credential: env:META_TOKEN
    endpoint: { host: "\${META_HOST}" }
  - id: tiktok-shop
    platform: tiktok
    account: { pixel_code: C0PIXELCODE }
    credential: env:TIKTOK_TOKEN
    endpoint: { host: "\${TIKTOK_HOST}" }
`

export interface Change {
  readonly what: string
  /** Milliseconds after the first of them until each surface said so. */
  readonly surfaces: Readonly<Record<string, number>>
}

export interface Story {
  readonly changes: ReadonlyArray<Change>
  readonly alerts: ReadonlyArray<HealthAlert>
  /** `event cause severity` of each alert that the webhook took, in order. */
  readonly notified: ReadonlyArray<string>
  readonly history: ReadonlyArray<ConnectorHealthPoint>
  readonly results: ReadonlyArray<EventDeliveryLog>
  /** Issues of the connection as it was ill, in the words of `./capi health`. */
  readonly issues: ReadonlyArray<string>
  readonly lastStatus: ConnectorHealthStatus
  /** By step: what the page and the ledger count. */
  readonly figures: {
    readonly page: Readonly<Record<string, number>>
    readonly ledger: Readonly<Record<string, number>>
  }
}

export const healthStory = (print: (line: string) => void): Effect.Effect<Story, unknown, Scope.Scope> =>
  Effect.gen(function* () {
    const folder = yield* scopedFolder("health-notifier")
    const webhook = yield* webhookRecorder()
    const consolePort = yield* freePort
    const notifications = path.join(folder, "notifications.yaml")
    writeFileSync(
      notifications,
      `version: 1
receivers:
  - { id: hook, kind: webhook, url: "${webhook.url}", secret: env:WEBHOOK_SECRET }
routes:
  - { receivers: [hook], group_wait: 100 millis, repeat: never }
`
    )
    const chain = yield* startChain({
      name: "health",
      prefix: `health-${process.pid}.`,
      sandbox: yield* startSandbox({}),
      connections: { text: connections },
      environment: {
        CAPI_NOTIFICATIONS: notifications,
        WEBHOOK_SECRET: "the-secret-of-the-run",
        CAPI_CONSOLE_PORT: String(consolePort)
      },
      programs: ["normalizer", "mapper", "delivery-meta", "delivery-tiktok", "health", "notifier", "console"],
      onProgress: print
    })
    return yield* Effect.raceFirst(
      Effect.provide(live(chain, webhook, `http://127.0.0.1:${consolePort}`, print), chain.services),
      chain.programs.watch
    )
  })

const live = Effect.fnUntraced(function* (
  chain: Chain,
  webhook: WebhookRecorder,
  consoleUrl: string,
  print: (line: string) => void
) {
  const { control, prefix } = chain
  const surfaces = surfacesOf(chain, webhook, consoleUrl)
  const changes: Array<Change> = []
  const issues: Array<string> = []
  const send = makeSend(prefix)
  const expect = Effect.fnUntraced(function* (status: string, cause: string | null, what: string) {
    const change = { what, surfaces: yield* agree(surfaces, status, cause) }
    changes.push(change)
    print(
      `${what}: ${Object.entries(change.surfaces)
        .map(([name, millis]) => `${name} ${millis} ms`)
        .join(", ")}`
    )
  })
  const fault = (fault: object) => control.add([{ ...fault, platform: "meta", id: "story" } as never])
  const delivered = (count: number) =>
    until(
      `${count} events are delivered`,
      () => Effect.map(control.counts, (counts) => (counts["meta"]?.distinct ?? 0) >= count),
      120_000,
      100
    )

  // Invalid events, a third of all, do not make it ill: that is checked by the alerts at the end.
  yield* control.add([
    { kind: "poison", platform: "meta", event_ids: ["outage-0", "outage-1", "outage-2"], reason: "no" }
  ])
  yield* send(0, 9)
  yield* delivered(6)

  yield* fault({ kind: "latency", curve: [[1, 9_000]] })
  yield* send(9, 30)
  yield* expect("degraded", "latency", "it is slow")
  yield* control.remove("story")
  yield* send(39, 100)
  yield* expect("healthy", null, "it is fast again")

  yield* fault({ kind: "dead" })
  const now = yield* Clock.currentTimeMillis
  // One of them has used 93 % of Meta's seven days.
  yield* send(139, 1, now - 6.51 * dayMillis)
  yield* send(140, 20)
  yield* expect("unhealthy", "circuit", "it is dead")
  yield* until(
    "an alert of the age limit",
    () => Effect.map(webhookAlerts(webhook), (all) => all.some(isAgeAlert)),
    90_000,
    100
  )
  issues.push(...(yield* statusOf(chain)).issues)
  print("The health program is killed.")
  process.kill(chain.programs.pidOf("health")!, "SIGKILL")
  yield* chain.programs.stop(["health"])
  yield* chain.programs.start(["health"])
  yield* until(
    "the history says so",
    () => Effect.map(historyOf(chain), (points) => points.some(({ status }) => status === "unhealthy")),
    120_000,
    1_000
  )
  yield* control.remove("story")
  yield* expect("healthy", null, "it lives again")

  yield* fault({ kind: "expired_token" })
  yield* send(160, 20)
  yield* expect("unhealthy", "auth", "its token is refused")
  issues.push(...(yield* statusOf(chain)).issues)
  yield* control.remove("story")
  yield* expect("healthy", null, "its token is taken again")
  yield* delivered(177)

  const results = () =>
    Effect.map(readBack(`${prefix}delivery-results`, "event-delivery-log"), (all) =>
      all.filter(({ connection_id }) => connection_id === connection)
    )
  yield* until(
    "every result is there",
    () => Effect.map(results(), (all) => all.filter(({ success }) => success).length >= 177),
    60_000,
    200
  )
  const wanted = (yield* results()).filter(({ success }) => success).length
  const succeeded = (points: ReadonlyArray<ConnectorHealthPoint>) =>
    points.reduce((sum, point) => sum + point.succeeded, 0)
  yield* until(
    "the history is whole",
    () => Effect.map(historyOf(chain), (points) => succeeded(points) >= wanted),
    120_000,
    1_000
  )
  return {
    changes,
    alerts: (yield* readBack(`${prefix}health-alerts`, "health-alert")).filter(
      (alert) => alert.connection_id === connection
    ),
    notified: (yield* webhookAlerts(webhook)).map(({ event, cause, severity }) => `${event} ${cause} ${severity}`),
    history: yield* historyOf(chain),
    results: yield* results(),
    issues,
    lastStatus: yield* statusOf(chain),
    figures: yield* figuresOf(chain, consoleUrl)
  } satisfies Story
})

const makeSend = (prefix: string) =>
  Effect.fnUntraced(function* (first: number, count: number, time?: number) {
    const now = time ?? (yield* Clock.currentTimeMillis)
    const records = Array.from({ length: count }, (_, index) => ({
      key: `u-${first + index}`,
      value: Buffer.from(rawEvent(first + index, now))
    }))
    yield* publish(prefix, records)
  })
