/** The topics that deliveries read and write, and the headers of their records. */

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
   * retry topic share their number's partition of these logs, and may have owners of their own.
   */
  input: "input",
  /** Of the end of a pending outcome: what it was, where nothing else was told of it before. */
  outcome: "outcome",
  /** Rounds through the delayed retry topic so far. */
  round: "round",
  /** Set by a person's command: send although it may have been sent before. */
  resend: "resend"
} as const
