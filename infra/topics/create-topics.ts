/** Creates the declared topics. Existing ones are never changed, only compared: their data is worth more than a table. */
import * as Effect from "effect/Effect"
import type { EventLog } from "../../shared/config/settings.ts"
import { KafkaClient, KafkaError, type TopicDeclaration } from "../../shared/kafka/client.ts"
import { declaredTopics, eventTopics, replicationOf } from "./declared-topics.ts"

export interface TopicDifference {
  readonly topic: string
  /** `partitions`, or the name of a topic setting of Kafka. */
  readonly setting: string
  readonly declared: string
  readonly present: string
}

/** Names are the broker's (with prefix). */
export interface TopicsReport {
  readonly created: ReadonlyArray<string>
  readonly existing: ReadonlyArray<string>
  readonly different: ReadonlyArray<TopicDifference>
}

/**
 * Creates what is missing of the declared topics and reports what is there but differs; may be called again at will. Topics of events
 * that a later version has added get as many partitions as those that are there: programs need the same number. Fails, and creates
 * none, while so many brokers are away that topics would have fewer copies than in the whole cluster.
 *
 * @param partitions and `eventLog`: see `declaredTopics`
 */
export const createTopics = (
  prefix: string,
  partitions?: number,
  eventLog?: EventLog
): Effect.Effect<TopicsReport, KafkaError, KafkaClient> =>
  Effect.gen(function* () {
    const client = yield* KafkaClient
    const brokers = yield* client.brokerCount
    const usual = declaredTopics(prefix, brokers.all, partitions, eventLog)
    const present = yield* client.topicConfigs(
      usual.map(({ name }) => name),
      comparedSettings(usual)
    )
    const declared = declaredTopics(prefix, brokers.all, partitionsBeside(present, prefix, partitions), eventLog)
    const missing = declared.length - present.length
    if (missing > 0 && brokers.answering < replicationOf(brokers.all)) return yield* tooFewBrokers(missing, brokers)
    const created = yield* client.createTopics(declared)
    return {
      created,
      existing: present.map(({ name }) => name),
      different: declared.flatMap((topic) => differences(topic, present))
    }
  })

/** Kafka never adds a copy to a topic by itself: what is created now with fewer has fewer for ever. */
const tooFewBrokers = (
  missing: number,
  { answering, all }: { readonly answering: number; readonly all: number }
): KafkaError =>
  new KafkaError({
    // Those that wait for a broker wait for this one, too.
    code: "unreachable",
    operation: "create topics",
    message: `${answering} of the ${all} brokers answer, and the ${missing} missing topics get ${replicationOf(all)} copies each: none was created.`,
    nextStep:
      "Start the brokers that are away, then run ./capi topics --create again. One that is gone for good still holds copies of topics: move them to other brokers first (kafka-reassign-partitions.sh).",
    cause: null
  })

/** Of topics that are created beside these; undefined: as declared. A topic that a producer alone has made says nothing of the others. */
const partitionsBeside = (
  present: ReadonlyArray<Pick<TopicDeclaration, "name" | "partitions">>,
  prefix: string,
  wanted: number | undefined
): number | undefined => {
  const ofEvents = new Set(eventTopics(prefix))
  const numbers = present.flatMap(({ name, partitions }) => (ofEvents.has(name) ? [partitions] : []))
  const isSetUp = numbers.length * 2 > ofEvents.size
  return isSetUp ? Math.max(wanted ?? 0, ...numbers) : wanted
}

const comparedSettings = (declared: ReadonlyArray<TopicDeclaration>): ReadonlyArray<string> => [
  ...new Set(declared.flatMap(({ config }) => Object.keys(config)))
]

const differences = (
  declared: TopicDeclaration,
  all: ReadonlyArray<Pick<TopicDeclaration, "name" | "partitions" | "config">>
): ReadonlyArray<TopicDifference> => {
  const present = all.find(({ name }) => name === declared.name)
  if (present === undefined) return []
  const settings: ReadonlyArray<readonly [string, string, string]> = [
    ["partitions", String(declared.partitions), String(present.partitions)],
    ...Object.entries(declared.config).map(([name, value]) => [name, value, present.config[name] ?? ""] as const)
  ]
  return settings
    .filter(([, wanted, found]) => wanted !== found)
    .map(([setting, wanted, found]) => ({ topic: declared.name, setting, declared: wanted, present: found }))
}
