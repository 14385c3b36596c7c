import { assert, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Metric from "effect/Metric"
import { makeDeliveryMetrics } from "./telemetry.ts"

it.effect("labels a rejected event by the platform's code without its subcode, and few different ones", () =>
  Effect.gen(function* () {
    const metrics = yield* makeDeliveryMetrics("labels", "meta")
    const subcodes = Array.from({ length: 500 }, (_, index) => [`event_too_old:100/${index}`, 1] as const)
    yield* metrics.rejected(new Map(subcodes))
    yield* metrics.rejected(new Map(Array.from({ length: 500 }, (_, index) => [`invented_${index}`, 1] as const)))
    const labels = (yield* Metric.snapshot).flatMap(({ attributes, id }) =>
      id === "capi_delivery_rejections_total" && attributes?.["connection"] === "labels" ? [attributes["reason"]] : []
    )
    assert.include(labels, "event_too_old:100")
    assert.include(labels, "other")
    assert.isAtMost(labels.length, 101)
    assert.isFalse(labels.some((label) => label?.includes("/")))
  })
)
