/**
 * Final outcomes that a platform posts (WhatsApp's webhook). Every instance keeps an index of the accepted requests, read from
 * `pending-outcomes`, since a notification reaches any of them. A notification that comes before its request's record is
 * committed waits for it; without memory for it, the outcome stays `accepted`.
 */
import * as Duration from "effect/Duration"
import type { MessagePricing, PendingOutcome } from "../../../schemas/types.gen.ts"
import type { Codecs } from "../../../shared/codec/codecs.ts"
import type { Connection } from "../../../shared/connections/connection.ts"
import type { EventVerdict } from "../../../shared/connectors/connector.ts"
import { headerNames } from "../../../shared/model/topics.ts"
import type { Inbound, Outbound } from "../../../shared/runtime/contract.ts"
import type { Tracing } from "../../../shared/telemetry/tracing.ts"
import type { DeliverySettings } from "../engine/settings.ts"
import { type Conclusion, conclude, type FinalReading, neverReported } from "./final-results.ts"
import { pendingRecord } from "./pending.ts"

/** Results and the end of the pending record; what they conclude is for the metrics. */
export interface MessageConclusion extends Conclusion {
  readonly trackingId: string
}

export interface WebhookOutcomes {
  /** A record of `pending-outcomes`; gives what a notification that was here first leads to. */
  readonly pending: (record: Inbound, now: number) => ReadonlyArray<MessageConclusion>
  /**
   * A notification; gives the final results and the end of the pending record, or nothing yet. They come in any order: a
   * failure ends nothing, since a later delivered or read corrects it.
   */
  readonly status: (
    trackingId: string,
    verdict: EventVerdict,
    now: number,
    pricing?: MessagePricing | null
  ) => ReadonlyArray<MessageConclusion>
  /** The records of these could not be written: a repeated notification counts again. */
  readonly reopen: (trackingIds: ReadonlyArray<string>) => void
  /** Gives up what got no final status within `asyncOutcomeLife`, and the oldest of more than can be kept. */
  readonly sweep: (now: number) => ReadonlyArray<MessageConclusion>
}

/** What is known of a message: nothing final, that it failed (which may be corrected), or its final outcome. */
type MessageState = "open" | "rejected" | "final"

interface Known {
  /** The outcome as it was written, since there may be very many; read when it is concluded. */
  readonly encoded: Buffer
  readonly acceptedAt: number
  readonly partition: number
  state: MessageState
  /** Before the records that made it so were written. */
  before: MessageState
  /** This instance wrote that it failed: so it corrects, where another one writes at the same time that it was delivered. */
  rejectedHere: boolean
  pricing: MessagePricing | null
}

interface Early {
  readonly verdict: EventVerdict | null
  readonly pricing: MessagePricing | null
  readonly at: number
}

export const makeWebhookOutcomes = (
  connection: Connection,
  codecs: Codecs["Service"],
  settings: Pick<DeliverySettings, "asyncOutcomeLife">,
  entriesMax = knownMax,
  tracing: Tracing | null = null
): WebhookOutcomes => {
  const known = new Map<string, Known>()
  const early = new Map<string, Early>()

  /** Concludes by a reading; `rejected` stays known for a correction, all else ends the record. */
  const conclusionOf = (
    trackingId: string,
    entry: Known,
    readingOf: (outcome: PendingOutcome) => FinalReading,
    now: number
  ): ReadonlyArray<MessageConclusion> => {
    const decoded = codecs.decode("pending-outcome", entry.encoded)
    // It was read before it was kept.
    if (decoded._tag === "Undecodable") return []
    const rejectedAt = entry.state === "rejected" ? (decoded.value.rejected_at ?? now) : null
    const outcome = { ...decoded.value, rejected_at: rejectedAt }
    const concluded = conclude(codecs, outcome, readingOf(outcome), now, { pricing: entry.pricing, tracing })
    entry.before = entry.state
    entry.state = concluded.outcome === "rejected" ? "rejected" : "final"
    entry.rejectedHere = entry.state === "rejected"
    const kept = entry.state === "rejected" ? { ...outcome, rejected_at: now } : null
    const record = recordOf(trackingId, entry, kept)
    const isNews = concluded.outcome === "delivered" && rejectedAt === null
    const headers = isNews ? { ...record.headers, [headerNames.outcome]: concluded.outcome } : record.headers
    return [
      {
        ...concluded,
        trackingId,
        outputs: [...concluded.outputs, { ...record, ...(headers && { headers }) }]
      }
    ]
  }

  const recordOf = (trackingId: string, { partition }: Known, outcome: PendingOutcome | null): Outbound =>
    pendingRecord({ connection, codecs }, { partition }, trackingId, outcome)

  /** What a verdict leads to: a failure only once, a delivery also after a failure. */
  const apply = (
    trackingId: string,
    entry: Known,
    verdict: EventVerdict,
    now: number
  ): ReadonlyArray<MessageConclusion> => {
    if (entry.state === "final" || (entry.state === "rejected" && !isDelivered(verdict))) return []
    return conclusionOf(trackingId, entry, readingOf(verdict), now)
  }

  return {
    pending: (record, now) => {
      if (record.headers[headerNames.connection] !== connection.id || record.key === null) return []
      const trackingId = record.key.toString("utf8").slice(connection.id.length + 1)
      if (record.value === null) {
        const entry = known.get(trackingId)
        known.delete(trackingId)
        early.delete(trackingId)
        const isElsewhere = record.headers[headerNames.outcome] === "delivered"
        return entry?.state === "rejected" && entry.rejectedHere && isElsewhere
          ? conclusionOf(trackingId, entry, readingOf(deliveredElsewhere), now)
          : []
      }
      const decoded = codecs.decode("pending-outcome", record.value)
      if (decoded._tag === "Undecodable") return []
      const { accepted_at, rejected_at } = decoded.value
      const notified = early.get(trackingId)
      const state = rejected_at === null ? "open" : "rejected"
      const entry: Known = {
        encoded: Buffer.from(record.value),
        acceptedAt: rejected_at ?? accepted_at,
        partition: record.partition,
        // Where a correction is on its way to the topic, the failure before it is no news.
        state: known.get(trackingId)?.state === "final" && notified === undefined ? "final" : state,
        before: state,
        rejectedHere: known.get(trackingId)?.rejectedHere ?? false,
        pricing: notified?.pricing ?? known.get(trackingId)?.pricing ?? null
      }
      known.set(trackingId, entry)
      // It stays until the record ends: what it leads to may fail to be written, and then all is read again.
      return notified === undefined || notified.verdict === null ? [] : apply(trackingId, entry, notified.verdict, now)
    },
    status: (trackingId, verdict, now, pricing = null) => {
      // `sent` is not news: the request's response said as much. But it may bring the price.
      const news = verdict.errorClass === "accepted" ? null : verdict
      const entry = known.get(trackingId)
      if (entry !== undefined) {
        entry.pricing = pricing ?? entry.pricing
        return news === null ? [] : apply(trackingId, entry, news, now)
      }
      const before = early.get(trackingId)
      if (news === null && pricing === null) return []
      early.set(trackingId, {
        verdict: laterVerdict(before?.verdict ?? null, news),
        pricing: pricing ?? before?.pricing ?? null,
        at: now
      })
      forgetOld(early, now)
      return []
    },
    reopen: (trackingIds) => {
      for (const trackingId of trackingIds) {
        const entry = known.get(trackingId)
        if (entry !== undefined) entry.state = entry.before
      }
    },
    sweep: (now) => {
      const limit = now - Duration.toMillis(settings.asyncOutcomeLife)
      // Where no webhook is set up at Meta no status ever comes: what is waited for must not grow with the messages.
      let surplus = known.size - entriesMax
      const old: Array<[string, Known]> = []
      for (const [trackingId, entry] of known) {
        if (old.length >= sweptMax) break
        const isSurplus = surplus-- > 0
        if (entry.state !== "final" && (isSurplus || entry.acceptedAt < limit)) old.push([trackingId, entry])
      }
      return old.flatMap(([trackingId, entry]) => {
        if (entry.state === "open") return conclusionOf(trackingId, entry, () => never, now)
        // The failure was written long ago, and nothing has corrected it.
        entry.before = entry.state
        entry.state = "final"
        const outputs = [recordOf(trackingId, entry, null)]
        return [{ trackingId, outcome: "rejected", reasonCode: null, events: 0, outputs }]
      })
    }
  }
}

const deliveredElsewhere: EventVerdict = { errorClass: "delivered", reasonCode: null, message: null }

const isDelivered = ({ errorClass }: EventVerdict): boolean => errorClass === "delivered" || errorClass === "duplicate"

/** Of two verdicts in any order the delivery holds. */
const laterVerdict = (first: EventVerdict | null, second: EventVerdict | null): EventVerdict | null =>
  second === null || (first !== null && isDelivered(first)) ? first : second

const readingOf =
  (verdict: EventVerdict) =>
  (outcome: PendingOutcome): FinalReading => {
    const count = outcome.events.length
    return isDelivered(verdict)
      ? { _tag: "Final", processed: count, rejected: [], warnings: [] }
      : { _tag: "Final", processed: 0, rejected: [{ verdict, count }], warnings: [] }
  }

/** Bounded in number and age; the oldest stand first. */
const forgetOld = (early: Map<string, { readonly at: number }>, now: number): void => {
  for (const [trackingId, { at }] of early) {
    if (early.size <= earlyMax && now - at < earlyLifeMillis) return
    early.delete(trackingId)
  }
}

const never: FinalReading = { _tag: "Final", processed: null, rejected: [], warnings: [neverReported] }
const knownMax = 100_000
const sweptMax = 5000
const earlyMax = 100_000
const earlyLifeMillis = 10 * 60_000
