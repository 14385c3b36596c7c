/** Whether a program can do its work now, and if not, why: what /readyz answers. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Metric from "effect/Metric"
import * as PrometheusMetrics from "effect/observability/PrometheusMetrics"
import type * as Scope from "effect/Scope"
import { type HttpServerError, type Route, serve } from "../telemetry/http-server.ts"
import { processMetrics } from "./metrics.ts"

export interface DependencyState {
  readonly healthy: boolean
  /** For people; null where there is nothing to say. */
  readonly reason: string | null
}

export interface ReadinessReport {
  /** Every dependency is healthy, and there is at least one. */
  readonly ready: boolean
  readonly dependencies: Readonly<Record<string, DependencyState>>
}

export class Readiness extends Context.Service<
  Readiness,
  {
    /** Tells the state of a dependency, such as `kafka`, `registry` or `partitions:normalizer`. */
    readonly set: (dependency: string, healthy: boolean, reason?: string) => Effect.Effect<void>
    /** Forgets a dependency that is no longer one. */
    readonly remove: (dependency: string) => Effect.Effect<void>
    /** Adds dependencies whose state is asked for at each report. */
    readonly addSource: (source: () => Readonly<Record<string, DependencyState>>) => Effect.Effect<void>
    readonly report: Effect.Effect<ReadinessReport>
  }
>()("shared/telemetry/Readiness") {
  static readonly layer: Layer.Layer<Readiness> = Layer.effect(
    Readiness,
    Effect.sync(() => makeReadiness())
  )
}

const dependencyHealthy = Metric.gauge("capi_dependency_healthy", {
  description: "1 where the dependency is healthy, 0 where it is not."
})

const makeReadiness = (): Readiness["Service"] => {
  const states = new Map<string, DependencyState>()
  const sources: Array<() => Readonly<Record<string, DependencyState>>> = []
  const all = () => [...states, ...sources.flatMap((source) => Object.entries(source()))]
  const gauge = (dependency: string) => Metric.withAttributes(dependencyHealthy, { dependency })
  return {
    set: (dependency, healthy, reason) =>
      Effect.suspend(() => {
        states.set(dependency, { healthy, reason: reason ?? null })
        return Metric.update(gauge(dependency), healthy ? 1 : 0)
      }),
    remove: (dependency) =>
      Effect.suspend(() => {
        states.delete(dependency)
        return Metric.remove(gauge(dependency))
      }),
    addSource: (source) => Effect.sync(() => void sources.push(source)),
    report: Effect.sync(() => {
      const dependencies = all().sort(([left], [right]) => (left < right ? -1 : 1))
      return {
        ready: dependencies.length > 0 && dependencies.every(([, state]) => state.healthy),
        dependencies: Object.fromEntries(dependencies)
      }
    })
  }
}

/** What an orchestrator asks a program: /healthz, /readyz and /metrics on the program's port. */

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
