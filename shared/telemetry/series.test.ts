import { assert, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Metric from "effect/Metric"
import * as PrometheusMetrics from "effect/observability/PrometheusMetrics"
import { ComputedGauge, counter, gauge, histogram } from "./series.ts"

const attributes = { connection: "a", platform: "meta" }
const boundaries = [0.1, 1, 10]
const values = [0.05, 0.1, 0.2, 1, 5, 11, 0]

const written = (update: Effect.Effect<unknown>) =>
  Effect.andThen(update, PrometheusMetrics.format()).pipe(Effect.provideService(Metric.MetricRegistry, new Map()))

const ours = Effect.map(Metric.MetricRegistry, (registry) => {
  const of = { count: counter("c", "C."), level: gauge("g", "G."), time: histogram("h", "H.", boundaries) }
  for (const value of values) {
    of.count.in(registry, attributes).update(value)
    of.level.in(registry, attributes).update(value)
    of.time.in(registry, attributes).update(value)
  }
  of.count.in(registry, attributes).update(-5)
  of.level.in(registry, { ...attributes, connection: "b" }).modify(3)
})

const effects = Effect.gen(function* () {
  const of = {
    count: Metric.counter("c", { description: "C.", incremental: true, attributes }),
    level: Metric.gauge("g", { description: "G.", attributes }),
    time: Metric.histogram("h", { description: "H.", boundaries, attributes })
  }
  for (const value of values)
    yield* Effect.all([Metric.update(of.count, value), Metric.update(of.level, value), Metric.update(of.time, value)])
  yield* Metric.update(of.count, -5)
  yield* Metric.update(Metric.gauge("g", { description: "G.", attributes: { ...attributes, connection: "b" } }), 3)
})

it.effect("is read as Effect's metrics are", () =>
  Effect.gen(function* () {
    const text = yield* written(ours)
    assert.include(text, 'h_bucket{connection="a",platform="meta",le="1"} 5')
    assert.strictEqual(text, yield* written(effects))
  })
)

it.effect("is the same series for the same attributes, is computed when it is read, and ends when it is removed", () =>
  Effect.gen(function* () {
    const registry = yield* Metric.MetricRegistry
    const [count, level] = [counter("c", "C."), gauge("g", "G.")]
    assert.strictEqual(count.in(registry, attributes), count.in(registry, { ...attributes }))
    assert.notStrictEqual(count.in(registry, attributes), count.in(registry, { ...attributes, connection: "b" }))
    const source = { value: 1 }
    level.set(registry, attributes, new ComputedGauge(source, ({ value }) => value))
    source.value = 7
    assert.include(yield* PrometheusMetrics.format(), 'g{connection="a",platform="meta"} 7')
    level.remove(registry, attributes)
    assert.notInclude(yield* PrometheusMetrics.format(), "g{")
  }).pipe(Effect.provideService(Metric.MetricRegistry, new Map()))
)
