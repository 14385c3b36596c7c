/**
 * Outcomes that a platform brings by itself (WhatsApp's webhook). Every instance keeps an index of the accepted requests, read from
 * `pending-outcomes`, since a notification reaches any of them. A notification that comes before its request's record is
 * committed waits for it; without memory for it, the outcome stays `accepted`.
 */
import * as Duration from "effect/Duration"
import type { MessagePricing, PendingOutcome } from "../../../schemas/types.gen.ts"
import type { Codecs } from "../../../shared/codec/codecs.ts"
import type { Connection } from "../../../shared/connections/connection.ts"
import type { EventVerdict } from "../../../shared/connectors/connector.ts"
import { deliveryHeaders } from "../../../shared/model/delivery-topics.ts"
import type { Inbound, Outbound } from "../../../shared/runtime/contract.ts"
import type { DeliverySettings } from "../engine/settings.ts"
import { type Conclusion, conclude, type FinalReading, neverTold } from "./later-results.ts"
import { pendingRecord } from "./pending.ts"

/** Results and the end of the pending record; what they conclude is for the metrics. */
export interface Told extends Conclusion {
  readonly laterId: string
}

export interface WebhookOutcomes {
  /** A record of `pending-outcomes`; gives what a notification that was here first leads to. */
  readonly pending: (record: Inbound, now: number) => ReadonlyArray<Told>
  /**
   * A notification; gives the final results and the end of the pending record, or nothing yet. They come in any order: a
   * failure ends nothing, since a later delivered or read corrects it.
   */
  readonly status: (
    laterId: string,
    verdict: EventVerdict,
    now: number,
    pricing?: MessagePricing | null
  ) => ReadonlyArray<Told>
  /** The records of these could not be written: a repeated notification counts again. */
  readonly reopen: (laterIds: ReadonlyArray<string>) => void
  /** Gives up what was never told within the settings' life of a question, and the oldest of more than can be kept. */
  readonly sweep: (now: number) => ReadonlyArray<Told>
}

/** What was told of a message: nothing, that it failed (which may be corrected), or its final outcome. */
type Standing = "open" | "rejected" | "final"

interface Known {
  /** The outcome as it was written, since there may be very many; read when it is concluded. */
  readonly encoded: Buffer
  readonly acceptedAt: number
  readonly partition: number
  standing: Standing
  /** Before the records that made it so were written. */
  before: Standing
  /** This instance told that it failed: so it corrects, where another one tells at the same time that it was delivered. */
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
  settings: Pick<DeliverySettings, "laterLife">,
  entriesMax = knownMax
): WebhookOutcomes => {
  const known = new Map<string, Known>()
  const early = new Map<string, Early>()

  /** Concludes by a reading; `rejected` stays known for a correction, all else ends the record. */
  const conclusionOf = (
    laterId: string,
    entry: Known,
    readingOf: (outcome: PendingOutcome) => FinalReading,
    now: number
  ): ReadonlyArray<Told> => {
    const decoded = codecs.decode("pending-outcome", entry.encoded)
    // It was read before it was kept.
    if (decoded._tag === "Undecodable") return []
    const rejectedAt = entry.standing === "rejected" ? (decoded.value.rejected_at ?? now) : null
    const outcome = { ...decoded.value, rejected_at: rejectedAt }
    const concluded = conclude(codecs, outcome, readingOf(outcome), now, { pricing: entry.pricing })
    entry.before = entry.standing
    entry.standing = concluded.outcome === "rejected" ? "rejected" : "final"
    entry.rejectedHere = entry.standing === "rejected"
    const kept = entry.standing === "rejected" ? { ...outcome, rejected_at: now } : null
    const record = recordOf(laterId, entry, kept)
    const isNews = concluded.outcome === "delivered" && rejectedAt === null
    const headers = isNews ? { ...record.headers, [deliveryHeaders.outcome]: concluded.outcome } : record.headers
    return [{ ...concluded, laterId, outputs: [...concluded.outputs, { ...record, ...(headers && { headers }) }] }]
  }

  const recordOf = (laterId: string, { partition }: Known, outcome: PendingOutcome | null): Outbound =>
    pendingRecord({ connection, codecs }, { partition }, laterId, outcome)

  /** What a verdict leads to: a failure only once, a delivery also after a failure. */
  const apply = (laterId: string, entry: Known, verdict: EventVerdict, now: number): ReadonlyArray<Told> => {
    if (entry.standing === "final" || (entry.standing === "rejected" && !isDelivered(verdict))) return []
    return conclusionOf(laterId, entry, readingOf(verdict), now)
  }

  return {
    pending: (record, now) => {
      if (record.headers[deliveryHeaders.connection] !== connection.id || record.key === null) return []
      const laterId = record.key.toString("utf8").slice(connection.id.length + 1)
      if (record.value === null) {
        const entry = known.get(laterId)
        known.delete(laterId)
        early.delete(laterId)
        const isElsewhere = record.headers[deliveryHeaders.outcome] === "delivered"
        return entry?.standing === "rejected" && entry.rejectedHere && isElsewhere
          ? conclusionOf(laterId, entry, readingOf(deliveredElsewhere), now)
          : []
      }
      const decoded = codecs.decode("pending-outcome", record.value)
      if (decoded._tag === "Undecodable") return []
      const { accepted_at, rejected_at } = decoded.value
      const told = early.get(laterId)
      const standing = rejected_at === null ? "open" : "rejected"
      const entry: Known = {
        encoded: Buffer.from(record.value),
        acceptedAt: rejected_at ?? accepted_at,
        partition: record.partition,
        // Where a correction is on its way to the topic, the failure before it is no news.
        standing: known.get(laterId)?.standing === "final" && told === undefined ? "final" : standing,
        before: standing,
        rejectedHere: known.get(laterId)?.rejectedHere ?? false,
        pricing: told?.pricing ?? known.get(laterId)?.pricing ?? null
      }
      known.set(laterId, entry)
      // It stays until the record ends: what it leads to may fail to be written, and then all is read again.
      return told === undefined || told.verdict === null ? [] : apply(laterId, entry, told.verdict, now)
    },
    status: (laterId, verdict, now, pricing = null) => {
      // Sent is no news: the request's answer said as much. But it may tell the price.
      const news = verdict.errorClass === "accepted" ? null : verdict
      const entry = known.get(laterId)
      if (entry !== undefined) {
        entry.pricing = pricing ?? entry.pricing
        return news === null ? [] : apply(laterId, entry, news, now)
      }
      const before = early.get(laterId)
      if (news === null && pricing === null) return []
      early.set(laterId, {
        verdict: laterVerdict(before?.verdict ?? null, news),
        pricing: pricing ?? before?.pricing ?? null,
        at: now
      })
      forgetOld(early, now)
      return []
    },
    reopen: (laterIds) => {
      for (const laterId of laterIds) {
        const entry = known.get(laterId)
        if (entry !== undefined) entry.standing = entry.before
      }
    },
    sweep: (now) => {
      const limit = now - Duration.toMillis(settings.laterLife)
      // Where no webhook is set up at Meta nothing is ever told: what is waited for must not grow with the messages.
      let surplus = known.size - entriesMax
      const old: Array<[string, Known]> = []
      for (const [laterId, entry] of known) {
        if (old.length >= sweptMax) break
        const isSurplus = surplus-- > 0
        if (entry.standing !== "final" && (isSurplus || entry.acceptedAt < limit)) old.push([laterId, entry])
      }
      return old.flatMap(([laterId, entry]) => {
        if (entry.standing === "open") return conclusionOf(laterId, entry, () => never, now)
        // The failure was told long ago, and nothing has corrected it.
        entry.before = entry.standing
        entry.standing = "final"
        const outputs = [recordOf(laterId, entry, null)]
        return [{ laterId, outcome: "rejected", reasonCode: null, events: 0, outputs }]
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
  for (const [laterId, { at }] of early) {
    if (early.size <= earlyMax && now - at < earlyLifeMillis) return
    early.delete(laterId)
  }
}

const never: FinalReading = { _tag: "Final", processed: null, rejected: [], warnings: [neverTold] }
const knownMax = 100_000
const sweptMax = 5000
const earlyMax = 100_000
const earlyLifeMillis = 10 * 60_000
