/**
 * Outcomes that a platform brings by itself (WhatsApp's webhook). Every instance keeps an index of the accepted requests, read from
 * `pending-outcomes`, since a notification reaches any of them. A notification that comes before its request's record is
 * committed waits for it; without memory for it, the outcome stays `accepted`.
 */
import * as Duration from "effect/Duration"
import type { PendingOutcome } from "../../schemas/types.gen.ts"
import type { Codecs } from "../avro/codecs.ts"
import type { Connection } from "../connections/connection.ts"
import type { EventVerdict } from "../platforms/connector.ts"
import type { Inbound } from "../stream/contract.ts"
import { type Conclusion, conclude, type FinalReading, neverTold } from "./later-results.ts"
import { pendingRecord } from "./pending.ts"
import { type DeliverySettings, deliveryHeaders } from "./settings.ts"

/** Results and the end of the pending record; what they conclude is for the metrics. */
export interface Told extends Conclusion {
  readonly laterId: string
}

export interface WebhookOutcomes {
  /** A record of `pending-outcomes`; gives what a notification that was here first leads to. */
  readonly pending: (record: Inbound, now: number) => ReadonlyArray<Told>
  /** A notification; gives the final results and the end of the pending record, or nothing yet. */
  readonly status: (laterId: string, verdict: EventVerdict, now: number) => ReadonlyArray<Told>
  /** The records of these could not be written: a repeated notification counts again. */
  readonly reopen: (laterIds: ReadonlyArray<string>) => void
  /** Gives up what was never told within the settings' life of a question, and the oldest of more than can be kept. */
  readonly sweep: (now: number) => ReadonlyArray<Told>
}

interface Known {
  /** The outcome as it was written, since there may be very many; read when it is concluded. */
  readonly encoded: Buffer
  readonly acceptedAt: number
  readonly partition: number
  /** Concluded; the end of its record will be read back. */
  closing: boolean
}

export const makeWebhookOutcomes = (
  connection: Connection,
  codecs: Codecs["Service"],
  settings: Pick<DeliverySettings, "laterLife">,
  entriesMax = knownMax
): WebhookOutcomes => {
  const known = new Map<string, Known>()
  const early = new Map<string, { readonly verdict: EventVerdict; readonly at: number }>()

  const close = (
    laterId: string,
    entry: Known,
    readingOf: (outcome: PendingOutcome) => FinalReading,
    now: number
  ): ReadonlyArray<Told> => {
    const { encoded, partition } = entry
    const decoded = codecs.decode("pending-outcome", encoded)
    // It was read before it was kept.
    if (decoded._tag === "Undecodable") return []
    const outcome = decoded.value
    const reading = readingOf(outcome)
    entry.closing = true
    const concluded = conclude(codecs, outcome, reading, now)
    const end = pendingRecord({ connection, codecs }, { partition }, laterId, null)
    return [{ ...concluded, laterId, outputs: [...concluded.outputs, end] }]
  }

  return {
    pending: (record, now) => {
      if (record.headers[deliveryHeaders.connection] !== connection.id || record.key === null) return []
      const laterId = record.key.toString("utf8").slice(connection.id.length + 1)
      if (record.value === null) {
        known.delete(laterId)
        early.delete(laterId)
        return []
      }
      const decoded = codecs.decode("pending-outcome", record.value)
      if (decoded._tag === "Undecodable") return []
      const encoded = Buffer.from(record.value)
      const entry = { encoded, acceptedAt: decoded.value.accepted_at, partition: record.partition, closing: false }
      known.set(laterId, entry)
      // It stays until the record ends: what it leads to may fail to be written, and then all is read again.
      const told = early.get(laterId)
      return told === undefined ? [] : close(laterId, entry, readingOf(told.verdict), now)
    },
    status: (laterId, verdict, now) => {
      // Sent is no news: the request's answer said as much.
      if (verdict.errorClass === "accepted") return []
      const entry = known.get(laterId)
      if (entry?.closing === true) return []
      if (entry !== undefined) return close(laterId, entry, readingOf(verdict), now)
      early.set(laterId, { verdict, at: now })
      forgetOld(early, now)
      return []
    },
    reopen: (laterIds) => {
      for (const laterId of laterIds) {
        const entry = known.get(laterId)
        if (entry !== undefined) entry.closing = false
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
        if (!entry.closing && (isSurplus || entry.acceptedAt < limit)) old.push([laterId, entry])
      }
      return old.flatMap(([laterId, entry]) => close(laterId, entry, () => never, now))
    }
  }
}

const readingOf =
  (verdict: EventVerdict) =>
  (outcome: PendingOutcome): FinalReading => {
    const count = outcome.events.length
    const isDelivered = verdict.errorClass === "delivered" || verdict.errorClass === "duplicate"
    return isDelivered
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
