/** How long a topic keeps its records: long enough for what waits, and not longer than privacy allows. */
import * as Duration from "effect/Duration"
import type { Settings } from "../../../shared/config/settings.ts"
import type { Connection } from "../../../shared/connections/connection.ts"
import { connectorFor } from "../../../shared/connectors/registry.ts"
import type { TopicDeclaration } from "../../../shared/kafka/client.ts"
import { topicNames } from "../../../shared/model/topics.ts"
import { formatAge } from "../output.ts"
import { type Found, failed, warning } from "./check.ts"

/** A topic of the broker beside its declaration. */
export interface Topic {
  /** Without prefix. */
  readonly name: string
  readonly declared: TopicDeclaration
  readonly config: Readonly<Record<string, string>>
}

/** The words of a cleanup policy in one order. */
export const policyOf = (text: string | undefined): string =>
  (text ?? "")
    .split(",")
    .map((word) => word.trim())
    .sort()
    .join(",")

export interface RetentionOptions {
  readonly settings: Pick<Settings, "eventLog">
  /** The enabled connections. */
  readonly connections: ReadonlyArray<Connection>
  readonly dedupWindow: Duration.Duration
}

/** Pure. `-1` is for ever. */
export const retentionProblems = (
  { name, declared, config }: Topic,
  { settings, connections, dedupWindow }: RetentionOptions
): ReadonlyArray<Found> => {
  const wanted = millisOf(declared.config["retention.ms"])
  const present = millisOf(config["retention.ms"])
  if (policyOf(declared.config["cleanup.policy"]) === "compact") return []
  const set = `Set retention.ms=${declared.config["retention.ms"]} on it.`
  const problems: Array<Found> = []
  const least = leastOf(name, connections, dedupWindow)
  if (least !== null && present < least.millis)
    problems.push(
      failed(`${name} keeps records for ${ageOf(present)}, less than ${least.why} (${ageOf(least.millis)}).`, set)
    )
  else if (present < wanted)
    problems.push(
      warning(
        `${name} keeps records for ${ageOf(present)}, declared is ${ageOf(wanted)}: replays and searches reach less far.`,
        set
      )
    )
  if (present > wanted && holdsPersons(name)) {
    const clear = name === topicNames.raw
    const text = `${name} keeps personal data ${clear ? "in clear " : ""}for ${ageOf(present)}, declared is ${ageOf(wanted)}.`
    const breaksErasure = clear && settings.eventLog !== topicNames.raw
    problems.push(
      breaksErasure || present === Number.POSITIVE_INFINITY
        ? failed(`${text}${breaksErasure ? " An erasure does not reach these copies." : ""}`, set)
        : warning(text, set)
    )
  }
  if (config["retention.bytes"] !== undefined && config["retention.bytes"] !== "-1")
    problems.push(
      warning(
        `${name} deletes by size too (retention.bytes is ${config["retention.bytes"]}): under load, records go before their time.`,
        "Set retention.bytes=-1."
      )
    )
  return problems
}

const millisOf = (text: string | undefined): number => {
  const millis = Number(text ?? "-1")
  return millis < 0 ? Number.POSITIVE_INFINITY : millis
}
const ageOf = (millis: number): string => (millis === Number.POSITIVE_INFINITY ? "ever" : formatAge(millis))

/** Topics with records of persons, in clear, hashed or sealed. */
const personalTopics: ReadonlyArray<string> = [topicNames.raw, topicNames.normalized, topicNames.deadLetters]
const holdsPersons = (name: string): boolean =>
  personalTopics.includes(name) || /^(?:mapped-events|delivery-retry)\./.test(name)

/** The least time for which a topic must keep records, and why; null where less is lost than a view into the past. */
const leastOf = (
  name: string,
  connections: ReadonlyArray<Connection>,
  dedupWindow: Duration.Duration
): { readonly millis: number; readonly why: string } | null => {
  if (name === topicNames.mapperDedup || name === topicNames.refusals)
    return { millis: Duration.toMillis(dedupWindow), why: "DEDUP_WINDOW" }
  if (name === topicNames.intents) return { millis: dayMillis, why: "the time in which a message is not sent again" }
  const waiting = connections.filter(
    ({ platform }) =>
      name === topicNames.normalized || name === topicNames.mapped(platform) || name === topicNames.retry(platform)
  )
  const limits = waiting.map((connection) => ageLimitOf(connection))
  return limits.length === 0
    ? null
    : {
        millis: Math.max(...limits),
        why: "the age up to which the platform takes an event: what waits out an outage is lost"
      }
}

/** The age limit of a website's events; a week where the platform documents none. */
const ageLimitOf = ({ kind, mapping }: Connection): number => {
  const documented = connectorFor(kind).catalog.ageLimitMillis["default"] ?? 7 * dayMillis
  const own = (mapping.maxAgeDays ?? Number.POSITIVE_INFINITY) * dayMillis
  return Math.min(documented, own, 7 * dayMillis)
}
const dayMillis = 86_400_000
