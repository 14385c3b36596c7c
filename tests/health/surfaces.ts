/** What each surface says of the connection: topics, metrics, the notifier's webhook, the console and the command line. */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type { Connections as ConnectionCards, Overview } from "../../processors/console/api.ts"
import type { ConnectorHealthPoint, ConnectorHealthStatus } from "../../schemas/types.gen.ts"
import { until } from "../../shared/testing/kafka-probe.ts"
import type { Chain } from "../harness/chain.ts"
import { readBack } from "../harness/records.ts"
import type { WebhookRecorder } from "../harness/webhook-recorder.ts"

export const connection = "meta-shop"

interface NotifiedAlert {
  readonly event: string
  readonly connection_id: string
  readonly series: string
  readonly cause: string
  readonly severity: string | null
}

export const webhookAlerts = (webhook: WebhookRecorder): Effect.Effect<ReadonlyArray<NotifiedAlert>> =>
  Effect.sync(() =>
    webhook.requests
      .flatMap(({ text }) => (JSON.parse(text) as { readonly alerts: ReadonlyArray<NotifiedAlert> }).alerts)
      .filter((alert) => alert.connection_id === connection)
  )

export const isAgeAlert = ({ series }: NotifiedAlert): boolean => series === "age_limit"

/** Asked before the first of the others says so, it may still read the topic after it. */
const commandLine = "./capi health"

/** What a surface says of the connection: its status, and the cause where it is ill and the surface has one. */
type Surface = Effect.Effect<{ readonly status: string; readonly cause?: string | null } | undefined, unknown, never>

export const surfacesOf = (
  chain: Chain,
  webhook: WebhookRecorder,
  consoleUrl: string
): Readonly<Record<string, Surface>> => {
  const topic = Effect.map(readBack(`${chain.prefix}connector-health`, "connector-health-status"), (all) =>
    all.findLast(({ connection_id }) => connection_id === connection)
  )
  const alerts = Effect.map(readBack(`${chain.prefix}health-alerts`, "health-alert"), (all) =>
    all.findLast(({ connection_id, cause }) => connection_id === connection && cause !== "age_limit")
  )
  const metrics = Effect.map(chain.programs.metrics, (text) => {
    const value = new RegExp(`^capi_health_status\\{[^}]*connection="${connection}"[^}]*\\} (\\d)`, "m").exec(text)?.[1]
    return value === undefined ? undefined : { status: ["healthy", "degraded", "unhealthy"][Number(value)]! }
  })
  const notified = Effect.map(webhookAlerts(webhook), (all) => {
    const last = all.findLast(({ series }) => series === "status")
    if (last === undefined) return undefined
    const status = last.severity === null ? "healthy" : last.severity === "critical" ? "unhealthy" : "degraded"
    return { status, cause: last.cause }
  })
  return {
    "health topic": Effect.provideContext(topic, chain.services),
    alert: Effect.provideContext(alerts, chain.services),
    metric: metrics,
    webhook: notified,
    console: consoleSays(consoleUrl),
    [commandLine]: statusOf(chain)
  }
}

const consoleSays = (url: string): Surface =>
  Effect.map(askConsole<ConnectionCards>(url, "/api/connections"), ({ connections }) => {
    const card = connections.find(({ connection_id }) => connection_id === connection)
    // Healthy without events, as `./capi health` shows it.
    return card === undefined
      ? undefined
      : { status: card.status === "idle" ? "healthy" : card.status, cause: card.cause }
  })

const askConsole = <A>(url: string, route: string): Effect.Effect<A> =>
  Effect.promise(async () => (await fetch(url + route)).json() as Promise<A>)

/** The steps of the connection on the page, and its balance in the words of the ledger. */
export const figuresOf = Effect.fnUntraced(function* (chain: Chain, consoleUrl: string) {
  const overview = yield* askConsole<Overview>(consoleUrl, "/api/overview?period=24h")
  const row = overview.platforms
    .flatMap(({ connections }) => connections)
    .find((one) => one.connection_id === connection)
  const { out } = yield* chain.capi("ledger", "--json")
  const balances = (JSON.parse(out) as { readonly connections: ReadonlyArray<Record<string, number | string>> })
    .connections
  const balance = balances.find(({ connection_id }) => connection_id === connection) ?? {}
  const page = Object.fromEntries((row?.steps ?? []).map(({ step, count }) => [step, count]))
  return {
    page,
    ledger: Object.fromEntries(
      Object.keys(page).map((step) => [step, Number(balance[step === "received" ? "consumed" : step])])
    )
  }
})

export const statusOf = (chain: Chain): Effect.Effect<ConnectorHealthStatus> =>
  Effect.map(chain.capi("health", connection, "--json"), ({ out }) => JSON.parse(out)[0] as ConnectorHealthStatus)

export const historyOf = (chain: Chain): Effect.Effect<ReadonlyArray<ConnectorHealthPoint>> =>
  Effect.map(chain.capi("health", "--history", connection, "--json"), ({ out }) => JSON.parse(out))

/** When each surface says so, in milliseconds after the first one; `./capi health` counts by when it was asked. */
export const agree = Effect.fnUntraced(function* (
  surfaces: Readonly<Record<string, Surface>>,
  status: string,
  cause: string | null
) {
  const times = yield* Effect.forEach(
    Object.entries(surfaces),
    ([name, surface]) =>
      Effect.gen(function* () {
        let asked = 0
        yield* until(
          `${name} says ${status} (${cause})`,
          () =>
            Effect.gen(function* () {
              asked = yield* Clock.currentTimeMillis
              const said = yield* surface
              return said?.status === status && (cause === null || said.cause === undefined || said.cause === cause)
            }),
          180_000,
          50
        )
        return [name, asked] as const
      }),
    { concurrency: "unbounded" }
  )
  const first = Math.min(...times.flatMap(([name, at]) => (name === commandLine ? [] : [at])))
  return Object.fromEntries(times.map(([name, at]) => [name, Math.max(0, at - first)]))
})
