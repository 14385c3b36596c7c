/** The topics that an event passes, what their records are, and by what an event is found in them. Pure. */
import type { NormalizedEvent } from "../../schemas/types.gen.ts"
import { platforms } from "../model/platform.ts"
import { topicNames } from "../model/topics.ts"
import type { QueryKind, Stage, ViewedSchema } from "./story.ts"

export interface EventTopic {
  readonly topic: string
  readonly stage: Stage
  /** Null where the records are not Avro. */
  readonly schema: ViewedSchema
}

/** Raw records are not looked through: what was made of them names their position. */
export const rawTopics: ReadonlyArray<EventTopic> = [
  { topic: topicNames.raw, stage: "raw", schema: "raw-event" },
  { topic: topicNames.sealed, stage: "raw", schema: "raw-event" }
]

export const normalizedTopic: EventTopic = {
  topic: topicNames.normalized,
  stage: "normalized",
  schema: "normalized-event"
}

/** Topics whose records have the event's id in their key. */
export const keyedTopics: ReadonlyArray<EventTopic> = [
  ...platforms.map((platform) => topicOf(topicNames.mapped(platform), "mapped", "mapped-event")),
  ...platforms.map((platform) => topicOf(topicNames.retry(platform), "retry", "mapped-event")),
  topicOf(topicNames.intents, "intent", "send-intent"),
  topicOf(topicNames.results, "result", "event-delivery-log"),
  topicOf(topicNames.deadLetters, "dead_letter", "dead-letter")
]

/** Its records stand for a request each, and name the request's events. */
export const pendingTopic: EventTopic = { topic: topicNames.pending, stage: "pending", schema: "pending-outcome" }

/** In the order of the pipeline. */
export const indexedTopics: ReadonlyArray<EventTopic> = [normalizedTopic, ...keyedTopics, pendingTopic]

const byName = new Map([...rawTopics, ...indexedTopics].map((row) => [row.topic, row]))
export const eventTopic = (topic: string): EventTopic | undefined => byName.get(topic)

/** The event id in a record's key: an intent's is followed by its connection. */
export const eventIdOfKey = (stage: Stage, key: string): string => {
  if (stage !== "intent") return key
  const end = key.lastIndexOf("|")
  return end < 0 ? key : key.slice(0, end)
}

/** By what a normalized event is found beside its id: with equal ones left out. */
export const termsOf = (event: NormalizedEvent): ReadonlyArray<readonly [kind: QueryKind, text: string]> => {
  const terms: Array<readonly [QueryKind, string]> = []
  const orderId = event.properties?.order_id ?? null
  if (orderId !== null) terms.push(["order", orderId])
  for (const clickId of clickIdsOf(event)) terms.push(["click", clickId])
  return terms
}

/** Those that stand for a click on an advertisement; browser ids stand for a visitor. */
const clickIdsOf = ({ user }: NormalizedEvent): ReadonlySet<string> => {
  const found = new Set<string>()
  for (const field of clickIdFields) {
    const id = user[field]
    if (id !== null) found.add(id)
  }
  // The cookie fb.1.<milliseconds>.<click id>: it is asked for by either.
  if (user.fbc !== null) found.add(user.fbc.slice(user.fbc.split(".", 3).join(".").length + 1))
  for (const id of Object.values(user.click_ids ?? {})) found.add(id)
  found.delete("")
  return found
}

const clickIdFields = [
  ...(["fbc", "fbclid", "gclid", "gbraid", "wbraid", "dclid", "ttclid", "sc_click_id", "ctwa_clid"] as const)
]

function topicOf(topic: string, stage: Stage, schema: ViewedSchema): EventTopic {
  return { topic, stage, schema }
}
