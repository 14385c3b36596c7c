/** Whether a program can do its work now, and if not, why: what /readyz answers. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as HttpRouter from "effect/http/HttpRouter"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import * as Layer from "effect/Layer"
import * as Metric from "effect/Metric"
import * as PrometheusMetrics from "effect/observability/PrometheusMetrics"
import type * as Scope from "effect/Scope"
import { type ListenError, serve } from "./http-server.ts"
import { processMetrics } from "./metrics.ts"

export interface DependencyState {
  readonly healthy: boolean
  /** Why it is not healthy; null where there is nothing to say. */
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
    /** Sets the state of a dependency, such as `kafka`, `registry` or `partitions:normalizer`. */
    readonly set: (dependency: string, healthy: boolean, reason?: string) => Effect.Effect<void>
    /** Removes a dependency. */
    readonly remove: (dependency: string) => Effect.Effect<void>
    /** Adds dependencies whose state is read for each report. */
    readonly addSource: (source: () => Readonly<Record<string, DependencyState>>) => Effect.Effect<void>
    readonly report: Effect.Effect<ReadinessReport>
  }
>()("shared/runtime/Readiness") {
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

/**
 * Serves /healthz, /readyz and /metrics until the scope closes, and logs the port (0 takes a free one). /healthz: 200 while the
 * process answers. /readyz: 200 or 503 with each dependency's state and reason as JSON. /metrics: Prometheus text.
 */
export const healthServer = (address: {
  readonly host: string
  readonly port: number
}): Effect.Effect<{ readonly port: number }, ListenError, Readiness | Scope.Scope> =>
  Effect.gen(function* () {
    const readiness = yield* Readiness
    const server = yield* serve({
      ...address,
      routes: [
        HttpRouter.route("GET", "/healthz", HttpServerResponse.text("alive\n")),
        HttpRouter.route("GET", "/readyz", Effect.map(readiness.report, readyResponse)),
        HttpRouter.route("GET", "/metrics", Effect.map(metrics, metricsResponse))
      ]
    })
    yield* Effect.log("Health and metrics are served.").pipe(
      Effect.annotateLogs({ host: address.host, port: server.port, paths: "/healthz /readyz /metrics" })
    )
    return server
  })

const metrics = Effect.andThen(processMetrics, PrometheusMetrics.format())

const readyResponse = (report: ReadinessReport) =>
  HttpServerResponse.text(`${JSON.stringify(report)}\n`, {
    status: report.ready ? 200 : 503,
    contentType: "application/json"
  })

const metricsResponse = (text: string) =>
  HttpServerResponse.text(text, { contentType: "text/plain; version=0.0.4; charset=utf-8" })
