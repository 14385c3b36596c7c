/** What became of each accepted request: PROCESSING at first, then the counts. Google names no single event. */
import type { JsonObject } from "../platform.ts"

export interface Ingested {
  readonly destination: JsonObject
  readonly records: number
  /** Reason → records. */
  readonly errors: Readonly<Record<string, number>>
}

/** Requests whose status can still be asked for; older ones are forgotten. */
const requestsMax = 50_000

export const makeStatuses = (processingMillis: number) => {
  const requests = new Map<string, { readonly at: number; readonly ingested: ReadonlyArray<Ingested> }>()
  return {
    accept: (requestId: string, at: number, ingested: ReadonlyArray<Ingested>) => {
      requests.set(requestId, { at, ingested })
      if (requests.size > requestsMax) requests.delete(requests.keys().next().value ?? "")
    },
    /** The body of `requestStatus:retrieve`, or null for an unknown id. */
    retrieve: (requestId: string, now: number): JsonObject | null => {
      const request = requests.get(requestId)
      if (request === undefined) return null
      const done = now - request.at >= processingMillis
      return { requestStatusPerDestination: request.ingested.map((one) => (done ? final(one) : processing(one))) }
    },
    reset: () => requests.clear()
  }
}

const processing = ({ destination }: Ingested): JsonObject => ({ destination, requestStatus: "PROCESSING" })

const final = ({ destination, records, errors }: Ingested): JsonObject => {
  const failed = Object.values(errors).reduce((sum, count) => sum + count, 0)
  const errorCounts = Object.entries(errors).map(([reason, count]) => ({ recordCount: String(count), reason }))
  return {
    destination,
    requestStatus: failed === 0 ? "SUCCESS" : failed === records ? "FAILED" : "PARTIAL_SUCCESS",
    ...(failed === 0 ? {} : { errorInfo: { errorCounts } }),
    eventsIngestionStatus: { recordCount: String(records) }
  }
}
