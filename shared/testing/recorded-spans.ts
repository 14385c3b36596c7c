/** Tracing whose spans a test reads, in the order in which they ended. */
import * as Option from "effect/Option"
import * as Tracer from "effect/Tracer"
import type { SamplerName } from "../config/otel.ts"
import { makeSampler } from "../telemetry/trace-context.ts"
import { Tracing } from "../telemetry/tracing.ts"

export interface RecordedSpan {
  readonly name: string
  readonly kind: string
  readonly traceId: string
  readonly spanId: string
  readonly parentId: string | null
  readonly attributes: Readonly<Record<string, unknown>>
  /** Ids of the spans that it is linked with. */
  readonly links: ReadonlyArray<string>
  readonly events: ReadonlyArray<Readonly<Record<string, unknown>>>
}

export const recordedTracing = (name: SamplerName = "parentbased_traceidratio", ratio = 1) => {
  const ended: Array<Tracer.Span> = []
  class Span extends Tracer.NativeSpan {
    override end(...args: Parameters<Tracer.NativeSpan["end"]>): void {
      super.end(...args)
      ended.push(this)
    }
  }
  const room = { left: Number.POSITIVE_INFINITY }
  const tracing = new Tracing({
    tracer: Tracer.make({ span: (options) => new Span(options) }),
    sampler: makeSampler({ name, ratio }),
    now: () => 1_795_000_000_000_000_000n,
    prefix: "test.",
    hasRoom: () => room.left-- > 0
  })
  return { tracing, room, spans: () => ended.map(recorded) }
}

const recorded = (span: Tracer.Span): RecordedSpan => ({
  name: span.name,
  kind: span.kind,
  traceId: span.traceId,
  spanId: span.spanId,
  parentId: Option.match(span.parent, { onNone: () => null, onSome: (parent) => parent.spanId }),
  attributes: Object.fromEntries(span.attributes),
  links: span.links.map((link) => link.span.spanId),
  events: (span as Tracer.NativeSpan).events.map(([event, , attributes]) => ({ event, ...attributes }))
})
