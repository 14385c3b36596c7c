/** The topics, the headers of their records, and how large their values may be. */
import topicTable from "../../schemas/topics.json" with { type: "json" }
import type { TopicName } from "../../schemas/values.gen.ts"
import { platforms } from "./platform.ts"

/** The names of the topics without prefix: each of `schemas/topics.json`, once. */
export const topicNames = {
  raw: "raw-events",
  /** Raw events, sealed for each person. */
  sealed: "sealed-events",
  normalized: "normalized-events",
  mapped: (platform: string) => `mapped-events.${platform}` as const,
  retry: (platform: string) => `delivery-retry.${platform}` as const,
  results: "delivery-results",
  deadLetters: "dead-letters",
  /** Which connections the mapper decided for, from which offset on. */
  mapperConnections: "mapper-connections",
  /** The event ids that the mapper saw. */
  mapperDedup: "mapper-dedup",
  positions: "delivery-positions",
  refusals: "delivery-refusals",
  intents: "send-intents",
  pending: "pending-outcomes",
  state: "connector-state",
  health: "connector-health",
  /** A record a minute for each connection. */
  healthHistory: "connector-health-history",
  alerts: "health-alerts",
  /** What is wrong now, and what each receiver of notifications has taken. */
  notifierState: "notifier-state",
  sealingKeys: "sealing-keys",
  /** The secrets of identifiers, which erasing destroys. */
  personKeys: "person-keys",
  /** The root key of keyed ids and of sealed events, wrapped under the master key. */
  identityKeys: "identity-keys",
  consentChanges: "consent-changes",
  suppressions: "suppressions",
  erasureLog: "erasure-log"
} as const satisfies Readonly<Record<string, TopicName | ((platform: string) => TopicName)>>

/** The topics with records that are sealed under the master key, by their names in `schemas/topics.json`. */
export const sealedTopics: ReadonlyArray<string> = [
  topicNames.deadLetters,
  topicNames.normalized,
  "mapped-events.{platform}",
  "delivery-retry.{platform}"
]

/**
 * Whether a topic (its logical name) holds events between the programs, nearly all the bytes of a chain, which none but they read: these are
 * written with Zstandard. What others read too is not, since not every client of Kafka knows it.
 */
export const isBetweenPrograms = (topic: string): boolean =>
  topic === topicNames.normalized || topic.startsWith("mapped-events.") || topic.startsWith("delivery-retry.")

/** Whether a topic (its logical name) is one that others write to, so that anything may stand on it. */
export const isWrittenByOthers = (topic: string): boolean =>
  topic === topicNames.raw || topic === topicNames.consentChanges

/** Headers of mapped events. `connection` lets each group skip others' records without decoding them. */
export const headerNames = {
  connection: "connection",
  /** Of a redriven event: the connection's platform when it was given up. */
  platform: "platform",
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
  resend: "resend",
  /** Beside it: the time of the unknown result that the person saw (milliseconds), so that one is answered by one resend. */
  resendOf: "resend_of",
  /** Of a tombstone on `consent-changes`: the erasure that removes the record, and takes back nothing of what it said. */
  erasure: "erasure"
} as const

/** Room for key, headers and framing of a record, and for what a later topic of the same size adds to its value. */
export const marginBytes = 65_536

const limits: ReadonlyMap<string, number> = new Map(
  topicTable.topics.flatMap(({ name, max_message_bytes }) =>
    (name.includes("{platform}") ? platforms.map((platform) => name.replace("{platform}", platform)) : [name]).map(
      (topic) => [topic, max_message_bytes - marginBytes] as const
    )
  )
)

/**
 * Bytes of the largest value for the topic (its logical name) as it is declared. It is checked before a write, since a partition
 * cannot go on behind a record that the broker refuses.
 */
export const valueBytesMax = (topic: string): number => limits.get(topic) ?? Number.POSITIVE_INFINITY
