/** The traces of events in the delivery engine: spans of outcomes and requests, and the headers that carry a trace on. */
import * as Result from "effect/Result"
import type { PendingEvent, PendingOutcome } from "../../../schemas/types.gen.ts"
import type { Connection } from "../../../shared/connections/connection.ts"
import type {
  BatchVerdict,
  ErrorClass,
  HttpRequestSpec,
  HttpResponseSpec
} from "../../../shared/connectors/connector.ts"
import type { HttpFailure } from "../../../shared/connectors/http/http-failure.ts"
import { headerNames, topicNames } from "../../../shared/model/topics.ts"
import type { Inbound, Outbound } from "../../../shared/runtime/contract.ts"
import type { RecordHeaders } from "../../../shared/telemetry/trace-context.ts"
import type { Hop, Tracing } from "../../../shared/telemetry/tracing.ts"
import { overallClass } from "./interpret-response.ts"
import type { DeliveryEvent, Outcome, OutcomeName, RequestFacts } from "./outcome.ts"
import { addRecords, type RecordContext, unreadableRecord } from "./records.ts"
import type { Triage, Unreadable } from "./triage.ts"

type At = Pick<Connection, "id" | "platform">

/** Outcomes for which nothing more is done, though the platform does not have the event, or may not have it. */
const failures: ReadonlySet<OutcomeName> = new Set(["rejected", "expired", "dead_lettered", "unknown"])

/** Adds the records of settled outcomes and of what is not an event, under the traces of the events, whose spans here end. */
export const addTracedRecords = (
  outputs: Array<Outbound>,
  { hop, unreadable }: Pick<Triage, "hop" | "unreadable">,
  outcomes: ReadonlyArray<Outcome>,
  context: RecordContext
): void => {
  for (const outcome of outcomes) {
    const from = outputs.length
    addRecords(outputs, outcome, context)
    const headers = endOfOutcome(hop, outcome)
    if (headers !== undefined) outputs.push(...withTrace(outputs.splice(from), headers))
  }
  for (const one of unreadable) outputs.push(...unreadableRecords(hop, one, context))
}

/** The records of one that ended its process, under its trace. */
export const failedRecords = (
  { tracing }: { readonly tracing: Tracing | null },
  record: Inbound,
  records: ReadonlyArray<Outbound>
): ReadonlyArray<Outbound> => withTrace(records, tracing?.failed(record, null, "poison"))

const endOfOutcome = (hop: Hop | null, { event, requests, decision }: Outcome): RecordHeaders | undefined => {
  if (hop === null) return undefined
  const { outcome, reasonCode, request } = decision
  const isFailure = failures.has(outcome)
  const trace = isFailure ? hop.failing(event.trace, event.record, event.event.source) : event.trace
  if (trace === null) return undefined
  // The request was traced alone, if it failed: the event was not sampled.
  const requestSpan = request?.requestSpan ?? null
  if (trace !== event.trace && requestSpan !== null) trace.link(requestSpan)
  trace.end({
    outcome,
    failure: isFailure ? (reasonCode ?? outcome) : null,
    attributes: {
      "capi.reason": reasonCode,
      "capi.attempts": event.event.attempts + requests,
      "capi.round": Number(event.record.headers[headerNames.round] ?? 0) || null,
      "capi.platform.request_id": requestIdOf(request)
    }
  })
  return trace.headers
}

/** The records with the headers of their event's trace. What is read by key alone needs none. */
export const withTrace = (
  records: ReadonlyArray<Outbound>,
  headers: RecordHeaders | undefined
): ReadonlyArray<Outbound> =>
  headers === undefined
    ? records
    : records.map((record) =>
        record.topic === topicNames.refusals ? record : { ...record, headers: { ...record.headers, ...headers } }
      )

const unreadableRecords = (
  hop: Hop | null,
  { record, problem }: Unreadable,
  context: RecordContext
): ReadonlyArray<Outbound> => {
  const trace = hop?.failing(null, record, null)
  trace?.end({ outcome: "dead_lettered", failure: problem.reason })
  return withTrace([unreadableRecord(record, problem, context)], trace?.headers)
}

export interface EndedRequest {
  readonly request: Pick<HttpRequestSpec, "method" | "url">
  readonly events: ReadonlyArray<DeliveryEvent>
  readonly facts: RequestFacts
  readonly verdict: BatchVerdict
  readonly response: Result.Result<HttpResponseSpec, HttpFailure>
}

/** The facts of a request, with its span where it failed or carried a traced event. */
export const traceRequest = (
  { tracing, connection }: { readonly tracing: Tracing | null; readonly connection: At },
  ended: EndedRequest
): RequestFacts => {
  const { request, events, facts } = ended
  if (tracing === null) return facts
  const requestSpan = tracing.request({
    method: request.method,
    url: request.url,
    events: events.map(({ trace }) => trace),
    eventCount: events.length,
    startedAt: facts.attemptedAt,
    status: Result.isSuccess(ended.response) ? ended.response.success.status : null,
    failure: failureOf(ended),
    attributes: {
      "capi.connection": connection.id,
      "capi.platform": connection.platform,
      "http.request.resend_count": events[0]?.requests || null,
      "capi.platform.request_id": requestIdOf(facts)
    }
  })
  return { ...facts, requestSpan }
}

/** Why a request achieved nothing: no response, a status that says so, or a platform's code. An event that is refused is no such reason. */
const failureOf = ({ response, verdict }: EndedRequest): string | null => {
  if (Result.isFailure(response)) return response.failure.code
  const { status } = response.success
  if (status >= 400) return String(status)
  const errorClass = overallClass(verdict)
  if (fineClasses.has(errorClass)) return null
  return (verdict._tag === "All" ? verdict.verdict.reasonCode : null) ?? errorClass
}

const fineClasses: ReadonlySet<ErrorClass> = new Set(["delivered", "accepted", "duplicate", "invalid_event"])

/** The span of the final outcome of an event that was accepted before: it began when the platform accepted the event. */
export const traceFinalOutcome = (
  tracing: Tracing | null,
  pending: PendingOutcome,
  event: PendingEvent,
  { outcome, reasonCode }: { readonly outcome: string; readonly reasonCode: string | null }
): RecordHeaders | undefined => {
  if (tracing === null) return undefined
  const isFailure = outcome === "rejected"
  if (event.traceparent === null && !isFailure) return undefined
  const headers: RecordHeaders = event.traceparent === null ? {} : { traceparent: event.traceparent }
  const record = { ...event.source, headers }
  const since = BigInt(pending.accepted_at) * 1_000_000n
  const at = { "capi.connection": pending.connection_id, "capi.platform": pending.platform }
  const hop = tracing.hop(topicNames.pending, at, since)
  const trace = isFailure ? hop.failing(null, record, event.source) : hop.begin(record, event.source)
  trace?.end({
    outcome,
    failure: isFailure ? (reasonCode ?? outcome) : null,
    attributes: { "capi.reason": reasonCode, "capi.platform.request_id": pending.later_id }
  })
  return trace?.headers
}

const requestIdOf = (facts: RequestFacts | null): string | null => facts?.requestId ?? facts?.trackingId ?? null
