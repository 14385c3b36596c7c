/** What an orchestrator asks a program: /healthz, /readyz and /metrics on the program's port. */
import * as Effect from "effect/Effect"
import * as PrometheusMetrics from "effect/observability/PrometheusMetrics"
import type * as Scope from "effect/Scope"
import { type HttpServerError, type Route, serve } from "./http-server.ts"
import { processMetrics } from "./process-metrics.ts"
import { Readiness } from "./readiness.ts"

export interface HealthServerOptions {
  readonly host: string
  readonly port: number
  /** Further routes on the same port, such as a webhook. */
  readonly routes?: ReadonlyArray<Route>
}

/**
 * Serves until the scope closes and logs the port. /healthz: 200 while the process answers. /readyz: 200 or 503 with
 * each dependency's state and reason as JSON. /metrics: Prometheus text.
 */
export const healthServer = (
  options: HealthServerOptions
): Effect.Effect<{ readonly port: number }, HttpServerError, Readiness | Scope.Scope> =>
  Effect.gen(function* () {
    const readiness = yield* Readiness
    const routes: ReadonlyArray<Route> = [
      { method: "GET", path: "/healthz", handle: () => Effect.succeed({ status: 200, body: "alive\n" }) },
      { method: "GET", path: "/readyz", handle: () => Effect.map(readiness.report, readyAnswer) },
      {
        method: "GET",
        path: "/metrics",
        handle: () => Effect.map(Effect.andThen(processMetrics, PrometheusMetrics.format()), metricsAnswer)
      }
    ]
    const server = yield* serve({ ...options, routes: [...routes, ...(options.routes ?? [])] })
    yield* Effect.log("Health and metrics are served.").pipe(
      Effect.annotateLogs({ host: options.host, port: server.port, paths: "/healthz /readyz /metrics" })
    )
    return server
  })

const readyAnswer = (report: { readonly ready: boolean }) => ({
  status: report.ready ? 200 : 503,
  contentType: "application/json",
  body: `${JSON.stringify(report)}\n`
})

const metricsAnswer = (body: string) => ({
  status: 200,
  contentType: "text/plain; version=0.0.4; charset=utf-8",
  body
})
