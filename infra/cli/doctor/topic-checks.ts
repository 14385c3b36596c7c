/** The topics as they are beside what the programs need: a difference is a failure where events or state would be lost. */
import * as Effect from "effect/Effect"
import topicTable from "../../../schemas/topics.json" with { type: "json" }
import type { Settings } from "../../../shared/config/settings.ts"
import { ClusterInspection, KafkaClient, type TopicCopies } from "../../../shared/kafka/client.ts"
import { marginBytes, topicNames } from "../../../shared/model/topics.ts"
import { declaredTopics, replicationOf } from "../../topics/declared-topics.ts"
import { type Check, type Found, failed, named, problemsOr, warning } from "./check.ts"
import { policyOf, type RetentionOptions, retentionProblems, type Topic } from "./retention.ts"

export interface TopicCheckOptions extends RetentionOptions {
  readonly settings: Settings
  /** Logical names of the topics that the programs of these connections use. */
  readonly topics: ReadonlyArray<string>
  /** Of these, the ones that only programs use which a deployment may do without. */
  readonly optional: ReadonlySet<string>
  readonly brokerCount: number
}

const compared = [
  "cleanup.policy",
  "retention.ms",
  "retention.bytes",
  "segment.ms",
  "max.message.bytes",
  "min.insync.replicas",
  "message.timestamp.type"
]

export const topicChecks = (options: TopicCheckOptions): ReadonlyArray<Check<KafkaClient | ClusterInspection>> => {
  const { settings, topics, brokerCount } = options
  const prefix = settings.topicPrefix
  const declared = new Map(
    declaredTopics(prefix, brokerCount, undefined, settings.eventLog).map((topic) => [
      topic.name.slice(prefix.length),
      topic
    ])
  )
  const copies = Effect.flatMap(ClusterInspection, (inspection) =>
    inspection.copies(topics.map((name) => prefix + name))
  )
  const configured = Effect.map(
    Effect.flatMap(KafkaClient, (kafka) =>
      kafka.topicConfigs(
        topics.map((name) => prefix + name),
        compared
      )
    ),
    (found) =>
      found.map(({ name, config }): Topic => {
        const logical = name.slice(prefix.length)
        return { name: logical, declared: declared.get(logical)!, config }
      })
  )
  return [
    { group: "topics", name: "present", run: Effect.map(copies, (found) => checkPresent(options, found)) },
    { group: "topics", name: "partitions", run: Effect.map(copies, (found) => checkPartitions(prefix, found)) },
    {
      group: "topics",
      name: "copies",
      run: Effect.map(Effect.zip(copies, configured), ([found, all]) => checkCopies(options, found, all))
    },
    {
      group: "topics",
      name: "retention",
      run: Effect.map(configured, (all) => all.flatMap((topic) => retentionProblems(topic, options))).pipe(
        Effect.map((found) => problemsOr(found, "Long enough for platforms and replays, and not longer than declared."))
      )
    },
    {
      group: "topics",
      name: "cleanup",
      run: Effect.map(configured, (all) =>
        problemsOr(all.flatMap(cleanupProblems), "State is compacted, logs are not.")
      )
    },
    {
      group: "topics",
      name: "record sizes",
      run: Effect.map(configured, (all) =>
        problemsOr(sizeProblems(all), "The longest raw event, and what is made of it, fits.")
      )
    },
    {
      group: "topics",
      name: "timestamps",
      run: Effect.map(configured, (all) =>
        problemsOr(all.flatMap(timestampProblems), "Records keep their time (CreateTime).")
      )
    }
  ]
}

/** Pure. Names of `found` are the broker's. */
export const checkPresent = (
  {
    settings: { topicPrefix: prefix },
    topics,
    optional
  }: Pick<TopicCheckOptions, "topics" | "optional"> & { readonly settings: Pick<Settings, "topicPrefix"> },
  found: ReadonlyMap<string, unknown>
): ReadonlyArray<Found> => {
  const absent = topics.filter((name) => !found.has(prefix + name))
  const missing = absent.filter((name) => !optional.has(name)).map((name) => prefix + name)
  const unused = absent.filter((name) => optional.has(name)).map((name) => prefix + name)
  return problemsOr(
    [
      ...(missing.length === 0
        ? []
        : [
            failed(
              `${missing.length} of ${topics.length} topics do not exist, or this user may not see them: ${named(missing)}.`,
              "Create them: ./capi topics --create; or correct CAPI_TOPIC_PREFIX, or grant Describe on them."
            )
          ]),
      ...(unused.length === 0
        ? []
        : [
            warning(
              `${unused.length} topics do not exist that indexer, console and notifier alone would use: ${named(unused)}.`,
              "Create them before one of these runs: ./capi topics --create."
            )
          ])
    ],
    `All ${topics.length} exist${prefix === "" ? "" : ` (CAPI_TOPIC_PREFIX is ${prefix})`}.`
  )
}

/** Events pass through topics whose partitions belong together: the ids of one are kept in the same partition of another. */
export const checkPartitions = (prefix: string, found: ReadonlyMap<string, TopicCopies>): ReadonlyArray<Found> => {
  const single = new Set(topicTable.topics.filter(({ partitions }) => partitions === 1).map(({ name }) => name))
  const all = [...found].map(([name, { partitions, leaderless }]) => ({
    name: name.slice(prefix.length),
    partitions,
    leaderless
  }))
  const ofEvents = all.filter(({ name }) => !single.has(name))
  const most = Math.max(0, ...ofEvents.map(({ partitions }) => partitions))
  const fewer = ofEvents.filter(({ partitions }) => partitions < most)
  const several = all.filter(({ name, partitions }) => single.has(name) && partitions > 1)
  const leaderless = all.filter((topic) => topic.leaderless > 0)
  return problemsOr(
    [
      ...(fewer.length === 0
        ? []
        : [
            failed(
              `The topics of events must have the same number of partitions, and ${fewer.length} have fewer than ${most}: ${named(fewer.map(({ name, partitions }) => `${name} ${partitions}`))}.`,
              `Give them the same number: ./capi topics --add-partitions ${most}.`
            )
          ]),
      ...several.map(({ name, partitions }) =>
        failed(
          `${name} has ${partitions} partitions and may have 1 alone: its records have one order.`,
          "Delete it while no program runs and it holds nothing, then ./capi topics --create."
        )
      ),
      ...leaderless.map((topic) =>
        failed(
          `${topic.leaderless} partitions of ${topic.name} have no leader: they can be neither read nor written.`,
          "Start the brokers that hold them."
        )
      )
    ],
    `The topics of events have ${most} each.`
  )
}

const checkCopies = (
  { settings, brokerCount }: TopicCheckOptions,
  found: ReadonlyMap<string, TopicCopies>,
  all: ReadonlyArray<Topic>
): ReadonlyArray<Found> =>
  problemsOr(
    all.flatMap(({ name, config }) => {
      const copies = found.get(settings.topicPrefix + name)
      return copies === undefined ? [] : copyProblems(name, copies, Number(config["min.insync.replicas"]), brokerCount)
    }),
    brokerCount === 1
      ? "One broker: every record is on one disk."
      : "A record that was acknowledged outlives the loss of a broker, and writes go on without one."
  )

/** Pure. `inSyncMin` is the topic's min.insync.replicas. */
export const copyProblems = (
  name: string,
  { replicas, inSync }: TopicCopies,
  inSyncMin: number,
  brokerCount: number
): ReadonlyArray<Found> => {
  if (inSync < inSyncMin)
    return [
      failed(
        `${name}: ${inSync} replicas are in sync and min.insync.replicas is ${inSyncMin}: nothing can be written.`,
        "Start the brokers that hold its replicas, or lower min.insync.replicas."
      )
    ]
  if (brokerCount === 1) return []
  if (replicas === 1)
    return [
      warning(
        `${name} has one replica: its records are lost with that broker's disk.`,
        "Raise the replication factor (kafka-reassign-partitions.sh)."
      )
    ]
  if (inSyncMin >= replicas)
    return [
      warning(
        `${name}: min.insync.replicas is ${inSyncMin} of ${replicas} replicas: a broker that restarts stops all writes.`,
        `Set min.insync.replicas=${replicas - 1}.`
      )
    ]
  const usual = replicationOf(brokerCount)
  if (inSyncMin === 1 && replicas < usual)
    return [
      warning(
        `${name} has ${replicas} replicas on ${brokerCount} brokers, and min.insync.replicas is 1: a record that one broker alone has acknowledged is lost with its disk.`,
        `Raise the replication factor to ${usual} (kafka-reassign-partitions.sh), then set min.insync.replicas=${usual - 1}.`
      )
    ]
  return inSyncMin === 1 && replicas > 2
    ? [
        warning(
          `${name}: min.insync.replicas is 1: a record that one broker alone has acknowledged is lost with its disk.`,
          `Set min.insync.replicas=${replicas - 1}.`
        )
      ]
    : []
}

/** Pure. A raw event may be as long as its topic allows; what is made of it has to fit, and it alone sets no limit for itself. */
export const sizeProblems = (all: ReadonlyArray<Topic>): ReadonlyArray<Found> => {
  const sizeOf = (topic: Topic | undefined) => Number(topic?.config["max.message.bytes"])
  const raw = sizeOf(all.find(({ name }) => name === topicNames.raw))
  return all.flatMap((topic) => {
    const declared = Number(topic.declared.config["max.message.bytes"])
    const holdsOriginals = topic.name === topicNames.deadLetters || topic.name === topicNames.sealed
    const wanted = holdsOriginals && raw > 0 ? Math.min(declared, raw + marginBytes) : declared
    const present = sizeOf(topic)
    if (topic.name === topicNames.raw || present >= wanted) return []
    return [
      warning(
        `${topic.name}: max.message.bytes is ${present}, needed are ${wanted}: a longer record stops its partition until the limit is raised.`,
        holdsOriginals
          ? `Set max.message.bytes=${wanted} on it; where the service allows less, set that of raw-events to ${present - marginBytes}.`
          : `Set max.message.bytes=${wanted} on it.`
      )
    ]
  })
}

const timestampProblems = ({ name, config }: Topic): ReadonlyArray<Found> =>
  config["message.timestamp.type"] === undefined || config["message.timestamp.type"] === "CreateTime"
    ? []
    : [
        warning(
          `${name}: message.timestamp.type is ${config["message.timestamp.type"]}: retention and replays go by the broker's clock.`,
          "Set message.timestamp.type=CreateTime."
        )
      ]

/** Pure. */
export const cleanupProblems = ({ name, declared, config }: Topic): ReadonlyArray<Found> => {
  const [present, wanted] = [policyOf(config["cleanup.policy"]), policyOf(declared.config["cleanup.policy"])]
  if (present === wanted) return []
  const why = wanted.includes("compact")
    ? "state would be deleted by age"
    : "records with the same key would be deleted, and with them events"
  return [
    failed(
      `${name}: cleanup.policy is ${present || "not known"}, and must be ${wanted}: ${why}.`,
      `Set cleanup.policy=${wanted}.`
    )
  ]
}
