/**
 * One trace follows an event over every hop. A hop (normalizer, mapper, delivery) has a span for each event that is sampled, or that
 * fails there; its place travels in the headers of the records that the hop writes. Plain functions, since they run for each event:
 * an event that is not sampled costs a look at its headers and a few multiplications.
 */
import * as Context from "effect/Context"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Tracer from "effect/Tracer"
import { redact } from "./redaction.ts"
import {
  contextOf,
  noSpan,
  type RawPosition,
  type RecordHeaders,
  type Sampler,
  type TraceContext,
  traceHeaders,
  traceIdOf
} from "./trace-context.ts"

export type Attributes = Readonly<Record<string, string | number | null>>

/** A record that a hop processes. */
export interface TracedRecord {
  readonly partition: number
  readonly offset: number
  readonly headers: RecordHeaders
}

/** What a span is linked with or hangs on. */
export type SpanPlace = Pick<TraceContext, "traceId" | "spanId">

/** What became of an event at a hop. */
export interface HopEnd {
  readonly outcome: string
  /** Why it failed: a code, never a text of a platform. Null where it did not. */
  readonly failure: string | null
  readonly attributes?: Attributes
}

export interface RequestSpan {
  readonly method: string
  readonly url: string
  /** Of the events that it carried. */
  readonly events: ReadonlyArray<EventTrace | null>
  readonly eventCount: number
  /** When it began, in milliseconds since the epoch. */
  readonly startedAt: number
  readonly status: number | null
  /** Null where it succeeded. */
  readonly failure: string | null
  readonly attributes: Attributes
}

export interface TracingOptions {
  readonly tracer: Tracer.Tracer
  readonly sampler: Sampler
  /** Nanoseconds since the epoch. */
  readonly now: () => bigint
  /** Of the topics' names. */
  readonly prefix: string
  /** Takes a span that has ended, unless there is no room for it: then it is counted, and false. */
  readonly hasRoom: () => boolean
}

/** What processors trace by; null, the default, where traces are not exported. */
export const CurrentTracing = Context.Reference<Tracing | null>("shared/telemetry/Tracing", {
  defaultValue: () => null
})

export class Tracing {
  readonly options: TracingOptions

  constructor(options: TracingOptions) {
    this.options = options
  }

  /**
   * The hop of a batch's events.
   *
   * @param topic its logical name
   * @param startedAt nanoseconds since the epoch; now where it is not given
   */
  hop(topic: string, attributes: Attributes = {}, startedAt = this.options.now()): Hop {
    return new Hop(this, topic, attributes, startedAt)
  }

  /** A record that failed before any hop could take it: its span, and the headers of its dead letter. */
  failed(record: TracedRecord & RawPosition, source: RawPosition | null, failure: string): RecordHeaders {
    const trace = this.hop(record.topic).failing(null, record, source)
    trace.end({ outcome: "dead_lettered", failure })
    return trace.headers
  }

  /**
   * The span of an HTTP request, which has ended: where it carried a traced event, or failed. It hangs on the span of the only traced
   * event, or else begins a trace; it and the events' spans are linked. Null where it is not traced.
   */
  request(request: RequestSpan): SpanPlace | null {
    const traced = request.events.filter((trace) => trace !== null && trace.span !== null) as ReadonlyArray<EventTrace>
    if (traced.length === 0 && request.failure === null) return null
    const url = URL.canParse(request.url) ? new URL(request.url) : null
    const only = traced.length === 1 ? traced[0]!.span! : null
    const span = this.start(request.method, "client", only, BigInt(request.startedAt) * 1_000_000n)
    this.annotate(span, {
      "http.request.method": request.method,
      "server.address": url?.hostname ?? null,
      "server.port": url === null ? null : Number(url.port || (url.protocol === "http:" ? 80 : 443)),
      "http.response.status_code": request.status,
      "messaging.batch.message_count": request.eventCount,
      ...request.attributes
    })
    span.addLinks(traced.map((trace) => linkTo(trace.span!)))
    for (const trace of traced) trace.span!.addLinks([linkTo(span)])
    this.end(span, request.failure)
    return { traceId: span.traceId, spanId: span.spanId }
  }

  start(name: string, kind: Tracer.SpanKind, parent: SpanPlace | null, startTime: bigint): Tracer.Span {
    return this.options.tracer.span({
      name,
      kind,
      parent: parent === null ? Option.none() : Option.some(Tracer.externalSpan(parent)),
      annotations: Context.empty(),
      links: [],
      startTime,
      root: parent === null,
      sampled: true
    })
  }

  annotate(span: Tracer.Span, attributes: Attributes): void {
    for (const name in attributes) {
      const value = attributes[name]
      if (value === null || value === undefined) continue
      span.attribute(name, typeof value === "string" && foreign.has(name) ? redact(bounded(value)) : value)
    }
  }

  /** The exporter makes the span's status of `error.type`. */
  end(span: Tracer.Span, failure: string | null): void {
    if (failure !== null) span.attribute("error.type", redact(bounded(failure)))
    if (this.options.hasRoom()) span.end(this.options.now(), Exit.void)
  }
}

/** The events of a batch at one hop. */
export class Hop {
  readonly tracing: Tracing
  readonly topic: string
  readonly attributes: Attributes
  readonly startedAt: bigint

  constructor(tracing: Tracing, topic: string, attributes: Attributes, startedAt: bigint) {
    this.tracing = tracing
    this.topic = topic
    this.attributes = attributes
    this.startedAt = startedAt
  }

  /** An event's trace here; null where it is not traced and no producer's context is to be passed on. */
  begin(record: TracedRecord, source: RawPosition | null): EventTrace | null {
    const { sampler } = this.tracing.options
    const parent = contextOf(record.headers)
    if (parent === null)
      return source !== null && sampler.samplesPosition(source)
        ? this.#open(record, { traceId: traceIdOf(source), spanId: noSpan }, null)
        : null
    return sampler.samplesContext(parent)
      ? this.#open(record, parent, parent.state)
      : new EventTrace(this.tracing, null, record.headers, parent.state)
  }

  /** The trace of an event that fails here: one that was not sampled is traced from here on. */
  failing(trace: EventTrace | null, record: TracedRecord, source: RawPosition | null): EventTrace {
    if (trace !== null && trace.span !== null) return trace
    const parent = contextOf(record.headers)
    const place = parent ?? {
      traceId: traceIdOf(source ?? { ...record, topic: this.topic, timestamp: 0 }),
      spanId: noSpan
    }
    return this.#open(record, place, parent?.state ?? null)
  }

  #open(record: TracedRecord, parent: SpanPlace, state: string | null): EventTrace {
    const topic = this.tracing.options.prefix + this.topic
    const span = this.tracing.start(`process ${topic}`, "consumer", parent, this.startedAt)
    span.attribute("messaging.system", "kafka")
    span.attribute("messaging.operation.type", "process")
    span.attribute("messaging.operation.name", "process")
    span.attribute("messaging.destination.name", topic)
    span.attribute("messaging.destination.partition.id", String(record.partition))
    span.attribute("messaging.kafka.offset", record.offset)
    this.tracing.annotate(span, this.attributes)
    const { traceId, spanId } = span
    return new EventTrace(this.tracing, span, traceHeaders({ traceId, spanId, isSampled: true, state }), state)
  }
}

/** One event at one hop. */
export class EventTrace {
  readonly tracing: Tracing
  /** Null where a producer decided that the event is not traced: its context is passed on all the same. */
  readonly span: Tracer.Span | null
  /** Of the records that the hop writes of the event. */
  readonly headers: RecordHeaders
  readonly state: string | null

  constructor(tracing: Tracing, span: Tracer.Span | null, headers: RecordHeaders, state: string | null) {
    this.tracing = tracing
    this.span = span
    this.headers = span === null ? passedOn(headers, state) : headers
    this.state = state
  }

  /** Something that happened to the event on the way, such as what one of several connections gets of it. */
  note(name: string, attributes: Attributes): void {
    if (this.span === null) return
    const present = Object.entries(attributes).filter(([, value]) => value !== null)
    this.span.event(name, this.tracing.options.now(), Object.fromEntries(present))
  }

  link(place: SpanPlace): void {
    this.span?.addLinks([linkTo(Tracer.externalSpan(place))])
  }

  end({ outcome, failure, attributes = {} }: HopEnd): void {
    if (this.span === null) return
    this.span.attribute("capi.outcome", outcome)
    this.tracing.annotate(this.span, attributes)
    this.tracing.end(this.span, failure)
  }
}

const passedOn = ({ traceparent }: RecordHeaders, state: string | null): RecordHeaders =>
  state === null ? { traceparent: traceparent! } : { traceparent: traceparent!, tracestate: state }

const linkTo = (span: Tracer.AnySpan): Tracer.SpanLink => ({ span, attributes: {} })

/** Texts of platforms. */
const foreign: ReadonlySet<string> = new Set(["capi.reason", "capi.platform.request_id"])

const bounded = (text: string): string => (text.length > textMax ? text.slice(0, textMax) : text)
const textMax = 200
