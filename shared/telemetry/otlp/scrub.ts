/** The last look at what goes to the collector: spans get their status and root, logs lose secrets and personal data. */
import * as Cause from "effect/Cause"
import * as Logger from "effect/Logger"
import type { TraceData } from "effect/observability/OtlpTracer"
import * as References from "effect/References"
import { printable } from "../printable.ts"
import { type KnownSecrets, redact, redactDeep } from "../redaction.ts"
import { noSpan } from "../trace-context.ts"

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
