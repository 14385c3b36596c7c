/** The topics that deliveries read and write, and the headers of their records. */
import topicTable from "../../schemas/topics.json" with { type: "json" }
import { platforms } from "./platform.ts"

/** The topics of delivery, by their logical names. */
export const topicNames = {
  mapped: (platform: string) => `mapped-events.${platform}`,
  retry: (platform: string) => `delivery-retry.${platform}`,
  results: "delivery-results",
  deadLetters: "dead-letters",
  state: "connector-state",
  intents: "send-intents",
  pending: "pending-outcomes"
} as const

/** Headers of mapped events. `connection` lets each group pass over others' records without decoding them. */
export const headerNames = {
  connection: "connection",
  /**
   * Of a send intent or a pending outcome: the topic whose partition it belongs to. The partitions of the mapped and of the
   * retry topic share their number's partition of these logs, and may have different owners.
   */
  input: "input",
  /** Of the end of a pending outcome: what it was, where nothing was reported of it before. */
  outcome: "outcome",
  /** Rounds through the delayed retry topic so far. */
  round: "round",
  /** Set by a person's command: send although it may have been sent before. */
  resend: "resend"
} as const

/** How large a value may be on a declared topic: checked before it is written, since a partition can't pass one that is refused. */

/** Room for key, headers and framing of a record, and for what a later topic of the same size adds to its value. */
const marginBytes = 65_536

const limits: ReadonlyMap<string, number> = new Map(
  topicTable.topics.flatMap(({ name, max_message_bytes }) =>
    (name.includes("{platform}") ? platforms.map((platform) => name.replace("{platform}", platform)) : [name]).map(
      (topic) => [topic, max_message_bytes - marginBytes] as const
    )
  )
)

/** Bytes of the largest value for the topic (its logical name) as it is declared. */
export const valueBytesMax = (topic: string): number => limits.get(topic) ?? Number.POSITIVE_INFINITY
