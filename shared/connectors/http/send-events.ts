import * as Effect from "effect/Effect"
import type { MappedEvent } from "../../../schemas/types.gen.ts"
import type { Execute } from "../connect.ts"
import type { BatchVerdict, CAPIResponse, Connector, EventVerdict, RequestContext } from "../connector.ts"
import { failureVerdict } from "./http-failure.ts"

/**
 * The specification's `sendEvents`: every event once, in requests of one batch group and of the platform's size. Where
 * the platform names culprits and took nothing, the others are sent again without them. Nothing else is repeated.
 */
export const sendEvents = (
  connector: Connector,
  context: RequestContext,
  execute: Execute,
  events: ReadonlyArray<MappedEvent>
): Effect.Effect<CAPIResponse> =>
  Effect.gen(function* () {
    const outcomes: Array<Outcome> = []
    for (const request of requestsOf(connector, context, events)) {
      outcomes.push(...(yield* sendOne(connector, context, execute, request)))
    }
    const failed = outcomes.filter(({ verdict }) => !isTaken(verdict))
    return {
      success: failed.length === 0,
      events_received: events.length,
      events_processed: outcomes.length - failed.length,
      errors: failed.map(({ event, verdict }) => ({
        event_id: event.event_id,
        code: verdict.reasonCode ?? verdict.errorClass,
        message: verdict.message ?? verdict.errorClass
      })),
      platform: connector.platform,
      request_id: outcomes.findLast(({ requestId }) => requestId !== null)?.requestId ?? null
    }
  })

interface Outcome {
  readonly event: MappedEvent
  readonly verdict: EventVerdict
  readonly requestId: string | null
}

const isTaken = ({ errorClass }: EventVerdict): boolean =>
  errorClass === "delivered" || errorClass === "accepted" || errorClass === "duplicate"

// Each answer that names culprits takes at least one event away; a platform that names one at a time is not followed for ever.
const resendsMax = 10

const sendOne = (
  connector: Connector,
  context: RequestContext,
  execute: Execute,
  events: ReadonlyArray<MappedEvent>,
  resends = 0
): Effect.Effect<ReadonlyArray<Outcome>> =>
  Effect.gen(function* () {
    const unsendable = events.map((event) => connector.unsendable?.(event, context) ?? null)
    if (unsendable.some((verdict) => verdict !== null)) {
      const sendable = events.filter((_, index) => unsendable[index] === null)
      const refused = events.flatMap((event, index): ReadonlyArray<Outcome> => {
        const verdict = unsendable[index]
        return verdict === null || verdict === undefined ? [] : [{ event, verdict, requestId: null }]
      })
      const sent = sendable.length === 0 ? [] : yield* sendOne(connector, context, execute, sendable)
      return [...refused, ...sent]
    }
    const verdict = yield* Effect.match(execute(connector.request(events, context)), {
      onFailure: failureVerdict,
      onSuccess: (response) => connector.verdict(response, events)
    })
    const first = events.map((event, index) => ({
      event,
      verdict: verdictFor(verdict, index),
      requestId: verdict.requestId
    }))
    if (verdict._tag !== "Culprits" || resends >= resendsMax) return first
    const innocent = events.filter((_, index) => !verdict.culprits.has(index))
    if (innocent.length === 0) return first
    const rest = yield* sendOne(connector, context, execute, innocent, resends + 1)
    return [...first.filter((_, index) => verdict.culprits.has(index)), ...rest]
  })

const verdictFor = (verdict: BatchVerdict, index: number): EventVerdict => {
  switch (verdict._tag) {
    case "PerEvent":
      return verdict.events[index] ?? missingVerdict
    case "Culprits":
      return (
        verdict.culprits.get(index) ?? {
          ...missingVerdict,
          message: "Not taken because of another event of the request."
        }
      )
    default:
      return verdict.verdict
  }
}

const missingVerdict: EventVerdict = {
  errorClass: "unknown",
  reasonCode: "no_verdict",
  message: "The answer does not tell."
}

/** The events in requests: of one batch group, at most the platform's number and bytes. */
const requestsOf = (
  connector: Connector,
  { connection }: RequestContext,
  events: ReadonlyArray<MappedEvent>
): ReadonlyArray<ReadonlyArray<MappedEvent>> => {
  const { eventsPerRequest, bytesPerRequest } = connector.limits[connection.limits.profile]
  const requests: Array<ReadonlyArray<MappedEvent>> = []
  for (const group of Map.groupBy(events, ({ batch_group }) => batch_group).values()) {
    let request: Array<MappedEvent> = []
    let bytes = 0
    for (const event of group) {
      const size = Buffer.byteLength(event.payload) + 1
      if (
        request.length > 0 &&
        (request.length >= eventsPerRequest || bytes + size > bytesPerRequest - envelopeBytes)
      ) {
        requests.push(request)
        request = []
        bytes = 0
      }
      request.push(event)
      bytes += size
    }
    requests.push(request)
  }
  return requests
}

// Kept free for what surrounds the events in a body.
const envelopeBytes = 8192
