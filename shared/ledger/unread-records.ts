/**
 * Records that a later stage could not read: of their events no result says what became of them, as nothing but the record's place is
 * known. A dead letter stands for each, and the ledger finds the event by the place.
 */
import type { DeadLetter } from "../../schemas/types.gen.ts"
import { deliveryStage } from "../model/dead-letter.ts"
import { topicNames } from "../model/topics.ts"
import { type Place, positionOf } from "./event-state.ts"
import type { ResultFact } from "./known-outcome.ts"

type UnreadDeadLetter = Pick<
  DeadLetter,
  | "stage"
  | "connection_id"
  | "source_topic"
  | "source_partition"
  | "source_offset"
  | "reason_code"
  | "timestamp"
  | "event_name"
>

/** Which reader has it: the mapper, or a connection's delivery, of mapped events or of delayed retries. */
export type Reader = { readonly connectionId: string; readonly isRetry: boolean } | "mapper"

export class UnreadRecords {
  private readonly facts = new Map<string, ResultFact>()

  get size(): number {
    return this.facts.size
  }

  /** Takes note of a dead letter of the mapper or a delivery, unless its event was read. */
  add(deadLetter: UnreadDeadLetter): void {
    if (deadLetter.event_name !== null) return
    const { source_topic, source_partition, source_offset, connection_id } = deadLetter
    const isDelivery = deadLetter.stage.startsWith(deliveryStage("")) && connection_id !== null
    if (!isDelivery && deadLetter.stage !== "mapper") return
    const isRetry = source_topic.startsWith(topicNames.retry(""))
    const reader: Reader = isDelivery ? { connectionId: connection_id, isRetry } : "mapper"
    const [oldest] = this.facts.keys()
    if (this.facts.size >= factsMax && oldest !== undefined) this.facts.delete(oldest)
    this.facts.set(keyOf(reader, { partition: source_partition, offset: source_offset }), {
      outcome: "dead_lettered",
      reason: deadLetter.reason_code,
      at: deadLetter.timestamp,
      isSent: false,
      acceptedAt: null
    })
  }

  /** What is known of the record at one of the places; each is taken once. Null where it was read, or is yet to be. */
  take(reader: Reader, places: ReadonlyArray<Place>): ResultFact | null {
    if (this.facts.size === 0) return null
    for (const place of places) {
      const key = keyOf(reader, place)
      const fact = this.facts.get(key)
      this.facts.delete(key)
      if (fact !== undefined) return fact
    }
    return null
  }
}

const keyOf = (reader: Reader, place: Place): string =>
  `${reader === "mapper" ? reader : `${reader.connectionId} ${reader.isRetry}`} ${positionOf(place)}`

/** Those whose events lie outside the range stay: about 300 bytes each. */
const factsMax = 10_000
