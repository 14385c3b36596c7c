/** What a collector that is a `webhookRecorder` was sent, as OTLP's JSON says it. */
import type { WebhookRecorder } from "./webhook-recorder.ts"

export interface ExportedSpan {
  readonly service: string
  readonly name: string
  readonly traceId: string
  readonly spanId: string
  readonly parentSpanId: string
  readonly attributes: Readonly<Record<string, string>>
  /** Ids of the spans that it is linked with. */
  readonly links: ReadonlyArray<string>
  /** 0 unset, 2 error. */
  readonly status: number
}

interface KeyValue {
  readonly key: string
  readonly value: Readonly<Record<string, unknown>>
}

interface OtlpSpan extends Pick<ExportedSpan, "name" | "traceId" | "spanId"> {
  readonly parentSpanId?: string
  readonly attributes: ReadonlyArray<KeyValue>
  readonly links: ReadonlyArray<{ readonly spanId: string }>
  readonly status: { readonly code: number }
}

interface TraceBody {
  readonly resourceSpans: ReadonlyArray<{
    readonly resource: { readonly attributes: ReadonlyArray<KeyValue> }
    readonly scopeSpans: ReadonlyArray<{ readonly spans: ReadonlyArray<OtlpSpan> }>
  }>
}

/** The spans of the requests that it took, in the order in which they came. */
export const exportedSpans = ({ requests }: WebhookRecorder): ReadonlyArray<ExportedSpan> =>
  requests
    .filter(({ path, taken }) => path === "/v1/traces" && taken)
    .flatMap(({ text }) => (JSON.parse(text) as TraceBody).resourceSpans)
    .flatMap(({ resource, scopeSpans }) =>
      scopeSpans.flatMap(({ spans }) =>
        spans.map((span) => spanOf(span, textsOf(resource.attributes)["service.name"]!))
      )
    )

const spanOf = (span: OtlpSpan, service: string): ExportedSpan => ({
  service,
  name: span.name,
  traceId: span.traceId,
  spanId: span.spanId,
  parentSpanId: span.parentSpanId ?? "",
  attributes: textsOf(span.attributes),
  links: span.links.map((link) => link.spanId),
  status: span.status.code
})

const textsOf = (attributes: ReadonlyArray<KeyValue>): Readonly<Record<string, string>> =>
  Object.fromEntries(attributes.map(({ key, value }) => [key, String(Object.values(value)[0])]))
