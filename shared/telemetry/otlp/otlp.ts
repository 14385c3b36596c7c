/**
 * Traces, metrics and logs to an OpenTelemetry collector by Effect's own OTLP modules: they make spans, batches and bytes. What they
 * hand over waits in a bounded queue (`export-queue.ts`), so that no collector slows the pipeline.
 */

import { randomUUID } from "node:crypto"
import process from "node:process"
import { promisify } from "node:util"
import { gzip } from "node:zlib"
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type { HttpBody } from "effect/http/HttpBody"
import * as HttpClient from "effect/http/HttpClient"
import * as HttpClientResponse from "effect/http/HttpClientResponse"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import { layerFlusher } from "effect/observability/OtlpExporter"
import * as OtlpLogger from "effect/observability/OtlpLogger"
import * as OtlpMetrics from "effect/observability/OtlpMetrics"
import * as OtlpSerialization from "effect/observability/OtlpSerialization"
import type { TraceData } from "effect/observability/OtlpTracer"
import * as OtlpTracer from "effect/observability/OtlpTracer"
import * as Redacted from "effect/Redacted"
import * as References from "effect/References"
import type { TelemetrySettings } from "../../config/otel.ts"
import { sendRequest } from "../../http/http-request.ts"
import { printable } from "../printable.ts"
import { CurrentKnownSecrets, type KnownSecrets, redact, redactDeep } from "../redaction.ts"
import { makeSampler, noSpan } from "../trace-context.ts"
import { CurrentTracing, Tracing } from "../tracing.ts"
import { type Answer, type ExportQueue, makeExportQueue, type Payload, type Signal } from "./export-queue.ts"

export interface TelemetryOptions {
  readonly settings: TelemetrySettings
  /** Such as `normalizer`. */
  readonly program: string
  /** Of the topics' names. */
  readonly prefix: string
}

/**
 * What a program exports, until the scope closes: then what is left is sent within a few seconds. It has to be built around the work
 * that it observes, so that it ends last.
 */
export const telemetryLayer = (options: TelemetryOptions): Layer.Layer<never> =>
  Layer.unwrap(
    Effect.gen(function* () {
      const { settings } = options
      const secrets = yield* CurrentKnownSecrets
      for (const value of Object.values(Redacted.value(settings.headers))) secrets.add(Redacted.make(value))
      const queue = yield* makeExportQueue({
        send: senderOf(settings),
        itemsMax: settings.queueItemsMax,
        flushWithin
      })
      const common = {
        resource: resourceOf(options),
        shutdownTimeout: flushWithin,
        maxBatchSize: settings.batchItemsMax
      }
      const at = (signal: Signal) => ({ ...common, url: `${settings.endpoint}/v1/${signal}` })
      const tracer = OtlpTracer.make({ ...at("traces"), exportInterval: settings.exportEvery })
      const traces = Layer.effect(
        CurrentTracing,
        Effect.flatMap(tracer, (one) => tracingOf(options, one, queue))
      )
      const metrics = OtlpMetrics.make({ ...at("metrics"), exportInterval: settings.metricsEvery })
      const logger = Effect.map(OtlpLogger.make({ ...at("logs"), excludeLogSpans: true }), (one) =>
        redactingLogger(one, secrets)
      )
      const items: ItemsOf = new WeakMap()
      return Layer.mergeAll(
        settings.traces ? traces : Layer.empty,
        settings.metrics ? Layer.effectDiscard(metrics) : Layer.empty,
        settings.logs ? Logger.layer([logger], { mergeWithExisting: true }) : Layer.empty
      ).pipe(
        Layer.provide(
          Layer.mergeAll(
            layerFlusher,
            Layer.succeed(HttpClient.HttpClient, handingOverTo(queue, items)),
            Layer.succeed(OtlpSerialization.OtlpSerialization, counting(yield* serializationOf(settings), items))
          )
        )
      )
    })
  )

const flushWithin = Duration.seconds(5)

const tracingOf = (
  { settings, prefix }: TelemetryOptions,
  tracer: Effect.Success<ReturnType<typeof OtlpTracer.make>>,
  queue: ExportQueue
) =>
  Effect.map(
    Clock.Clock,
    (clock) =>
      new Tracing({
        tracer,
        sampler: makeSampler(settings.sampler),
        now: () => clock.currentTimeNanosUnsafe(),
        prefix,
        hasRoom: () => queue.hasRoom("traces")
      })
  )

const resourceOf = ({ settings, program }: TelemetryOptions) => ({
  serviceName: settings.serviceName ?? settings.resource["service.name"] ?? `capi-${program}`,
  attributes: {
    "service.namespace": "capi-relay",
    "service.instance.id": randomUUID(),
    "process.pid": process.pid,
    ...settings.resource
  }
})

/** How many items a body holds, and of what. */
type ItemsOf = WeakMap<HttpBody, Pick<Payload, "signal" | "items">>

type Serialization = OtlpSerialization.OtlpSerialization["Service"]

const serializationOf = ({ protocol }: TelemetrySettings): Effect.Effect<Serialization> =>
  OtlpSerialization.OtlpSerialization.use((service) => Effect.succeed(service)).pipe(
    Effect.provide(protocol === "http/json" ? OtlpSerialization.layerJson : OtlpSerialization.layerProtobuf)
  )

const counting = (serialization: Serialization, items: ItemsOf): Serialization => {
  const counted = (body: HttpBody, signal: Signal, count: number): HttpBody => {
    items.set(body, { signal, items: count })
    return body
  }
  return {
    traces: (data) => {
      const spans = data.resourceSpans.flatMap(({ scopeSpans }) => scopeSpans.map(({ spans }) => spans.length))
      return counted(serialization.traces(finishedSpans(data)), "traces", sum(spans))
    },
    metrics: (data) => counted(serialization.metrics(data), "metrics", 1),
    logs: (data) => {
      const records = data.resourceLogs.flatMap(({ scopeLogs }) =>
        scopeLogs.map(({ logRecords }) => logRecords?.length ?? 0)
      )
      return counted(serialization.logs(data), "logs", sum(records))
    }
  }
}

const sum = (numbers: ReadonlyArray<number>): number => numbers.reduce((total, one) => total + one, 0)

/** The client of Effect's exporters: it takes every request at once, so that they neither wait, nor repeat, nor stop for a minute. */
const handingOverTo = (queue: ExportQueue, items: ItemsOf): HttpClient.HttpClient =>
  HttpClient.make((request) =>
    Effect.sync(() => {
      const { body } = request
      const known = items.get(body)
      if (known !== undefined && body._tag === "Uint8Array")
        queue.offer({ ...known, url: request.url, contentType: body.contentType, body: body.body })
      return HttpClientResponse.fromWeb(request, new Response(null, { status: 200 }))
    })
  )

/**
 * Each request has a new connection: exports are seconds apart, and a server may close one that was idle just as it is used again.
 */
const senderOf = (settings: TelemetrySettings): ((payload: Payload) => Effect.Effect<Answer, string>) => {
  const headers = Redacted.value(settings.headers)
  const gzipped = settings.compression === "gzip"
  return ({ url, contentType, body }) =>
    Effect.tryPromise({
      try: async () => {
        const { status, headers: answered } = await sendRequest({
          method: "POST",
          url,
          headers: { ...headers, "content-type": contentType, ...(gzipped ? { "content-encoding": "gzip" } : {}) },
          body: gzipped ? await compress(body) : body,
          tls: settings.tls,
          timeoutMillis: Duration.toMillis(settings.timeout)
        })
        return { status, retryAfter: answered["retry-after"] ?? null }
      },
      catch: (cause) => (cause instanceof Error ? cause.message : String(cause))
    })
}

const compress = promisify<Uint8Array, Buffer>(gzip)

/**
 * Spans as OpenTelemetry wants them: a status only where one failed (`error.type`), no parent where the trace begins, and the
 * instrumentation's name.
 */
export const finishedSpans = (data: TraceData): TraceData => ({
  resourceSpans: data.resourceSpans.map((resource) => ({
    ...resource,
    scopeSpans: resource.scopeSpans.map(({ spans, ...scopeSpan }) => ({
      ...scopeSpan,
      scope: { name: "capi-relay" },
      spans: spans.map((span) => ({
        ...span,
        parentSpanId: span.parentSpanId === noSpan ? undefined : span.parentSpanId,
        status: { code: span.attributes.some(({ key }) => key === "error.type") ? statusError : statusUnset }
      }))
    }))
  }))
})

const [statusUnset, statusError] = [0, 2] as const

/** A logger that hands over entries as the log on standard output shows them: redacted, and without ids of spans that are not exported. */
export const redactingLogger = (
  logger: Logger.Logger<unknown, void>,
  secrets: KnownSecrets
): Logger.Logger<unknown, void> =>
  Logger.make((entry) => {
    const parts = Array.isArray(entry.message) ? entry.message : [entry.message]
    const texts = parts.filter((part) => typeof part === "string").map((part) => printable(redact(part, secrets)))
    const others = parts.filter((part) => typeof part !== "string")
    const annotations = redactDeep(
      {
        ...entry.fiber.getRef(References.CurrentLogAnnotations),
        ...(others.length === 0 ? {} : { details: others }),
        ...(entry.cause.reasons.length === 0 ? {} : { "exception.message": Cause.pretty(entry.cause) })
      },
      secrets
    )
    // The exporter reads the annotations and the span from the fiber.
    const getRef: typeof entry.fiber.getRef = (reference) =>
      Object.is(reference, References.CurrentLogAnnotations) ? (annotations as never) : entry.fiber.getRef(reference)
    const fiber: typeof entry.fiber = Object.create(entry.fiber, {
      getRef: { value: getRef },
      cache: { value: { ...entry.fiber.cache, span: undefined } }
    })
    logger.log({ ...entry, message: texts.join(" "), cause: Cause.empty, fiber })
  })
