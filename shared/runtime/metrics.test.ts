import { assert, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Metric from "effect/Metric"
import * as PrometheusMetrics from "effect/observability/PrometheusMetrics"
import { makePartitionHealth } from "./health.ts"
import { observeAll, runtimeMetrics } from "./metrics.ts"

const at = { processor: "mapper", topic: "normalized-events", partition: 1 }

it.effect("makes metrics and readiness from the runtime's events, and removes those of a revoked partition", () =>
  Effect.gen(function* () {
    const { observe: observeHealth, dependencies } = makePartitionHealth(() => 0)
    const observe = observeAll(yield* runtimeMetrics, observeHealth)
    assert.deepStrictEqual(dependencies(), {})
    observe({ type: "assigned", processor: "mapper", partitions: [{ topic: at.topic, partition: 1 }] })
    assert.deepStrictEqual(dependencies(), {
      "partitions:mapper": { healthy: false, reason: "0 of 1 partitions are open." }
    })
    observe({ ...at, type: "opened", position: 5, millis: 40 })
    observe({ ...at, type: "batch", records: 200, bytes: 9_000 })
    observe({ ...at, type: "batch", records: 100, bytes: 1_000 })
    observe({ ...at, type: "committed", next: 305, steps: 2, outputs: 1_200, millis: 12 })
    observe({ ...at, type: "progress", lag: 17, bytesInFlight: 4_096, paused: true })
    assert.deepStrictEqual(dependencies(), { "partitions:mapper": { healthy: true, reason: null } })

    const text = yield* PrometheusMetrics.format()
    for (const line of [
      'capi_records_read_total{processor="mapper",topic="normalized-events"} 300',
      'capi_read_bytes_total{processor="mapper"} 10000',
      'capi_batches_total{processor="mapper"} 2',
      'capi_records_written_total{processor="mapper"} 1200',
      'capi_commits_total{processor="mapper"} 1',
      'capi_partitions_owned{processor="mapper"} 1',
      'capi_lag_records{partition="1",processor="mapper",topic="normalized-events"} 17'
    ])
      assert.include(sorted(text), line)

    observe({ ...at, type: "closed" })
    observe({ type: "left", processor: "mapper", reason: "stopped" })
    assert.notInclude(yield* PrometheusMetrics.format(), "capi_lag_records{")
    assert.strictEqual(dependencies()["partitions:mapper"]?.healthy, false)
  }).pipe(Effect.provideService(Metric.MetricRegistry, new Map()))
)

it.effect("sums up the gauges of a processor that shares its input, so that they do not grow with partitions", () =>
  Effect.gen(function* () {
    const observe = yield* runtimeMetrics
    const of = (partition: number) => ({ processor: "delivery", topic: "mapped", partition, isShared: true })
    observe({ ...of(0), type: "progress", lag: 10, bytesInFlight: 100, paused: false })
    observe({ ...of(1), type: "progress", lag: 5, bytesInFlight: 0, paused: true })
    observe({ ...of(0), type: "progress", lag: 7, bytesInFlight: 50, paused: false })
    const text = sorted(yield* PrometheusMetrics.format())
    assert.include(text, 'capi_lag_records{processor="delivery",topic="mapped"} 12')
    assert.include(text, 'capi_in_flight_bytes{processor="delivery",topic="mapped"} 50')
    assert.include(text, 'capi_partition_paused{processor="delivery",topic="mapped"} 1')
    observe({ processor: "delivery", topic: "mapped", partition: 1, type: "closed" })
    assert.include(sorted(yield* PrometheusMetrics.format()), 'capi_lag_records{processor="delivery",topic="mapped"} 7')
    observe({ processor: "delivery", topic: "mapped", partition: 0, type: "closed" })
    assert.notInclude(yield* PrometheusMetrics.format(), "capi_lag_records{")
  }).pipe(Effect.provideService(Metric.MetricRegistry, new Map()))
)

/** Labels in the order of their names, so that the test does not depend on the writer's order. */
const sorted = (text: string): string =>
  text.replaceAll(/\{([^}]*)\}/g, (_, labels: string) => `{${labels.split(",").sort().join(",")}}`)
