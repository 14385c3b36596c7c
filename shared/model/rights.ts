/**
 * The least rights of each program in Kafka's ACLs. In these, Read and Write of a resource contain Describe; an idempotent
 * producer needs nothing but Write on a topic.
 */
import topicTable from "../../schemas/topics.json" with { type: "json" }
import { platforms } from "./platform.ts"
import { topicNames } from "./topics.ts"

/** A right in Kafka's ACLs: an operation on a resource. */
export interface Right {
  readonly resource: "topic" | "group" | "transactional id" | "cluster"
  /** The broker's, with prefix. */
  readonly name: string
  /** `prefixed`: every name that begins with it. */
  readonly pattern: "literal" | "prefixed"
  readonly operation: "Read" | "Write" | "Describe"
}

/** Of a topic: programs that read it, and that write it. `delivery` stands for the deliveries of every platform. */
interface TopicRights {
  readonly reads: ReadonlyArray<string>
  readonly writes: ReadonlyArray<string>
}

const template = "{platform}"

const topicRights: Readonly<Record<string, TopicRights>> = {
  [topicNames.raw]: { reads: ["normalizer", "health", "console"], writes: ["console"] },
  [topicNames.sealed]: { reads: ["normalizer", "health", "console"], writes: ["normalizer", "console"] },
  // The mapper moves a record to another partition after partitions were added.
  [topicNames.normalized]: {
    reads: ["mapper", "health", "indexer", "console"],
    writes: ["normalizer", "mapper", "console"]
  },
  [topicNames.mapperDedup]: { reads: ["mapper"], writes: ["mapper"] },
  [topicNames.mapperConnections]: { reads: ["mapper", "health", "console"], writes: ["mapper"] },
  // WhatsApp's delivery moves a record to another partition, as the mapper does; the mapper counts what waits for removed connections.
  [topicNames.mapped(template)]: {
    reads: ["mapper", "delivery", "health", "indexer", "console"],
    writes: ["mapper", "delivery-whatsapp", "console"]
  },
  [topicNames.retry(template)]: { reads: ["mapper", "delivery", "health", "indexer", "console"], writes: ["delivery"] },
  [topicNames.intents]: { reads: ["delivery-whatsapp", "indexer", "console"], writes: ["delivery-whatsapp"] },
  [topicNames.pending]: {
    reads: ["delivery-google", "delivery-whatsapp", "indexer", "console"],
    writes: ["delivery-google", "delivery-whatsapp"]
  },
  [topicNames.refusals]: { reads: ["mapper"], writes: ["delivery", "console"] },
  [topicNames.positions]: { reads: ["mapper", "delivery", "health", "console"], writes: ["delivery"] },
  [topicNames.results]: { reads: ["health", "indexer", "console"], writes: ["normalizer", "mapper", "delivery"] },
  [topicNames.deadLetters]: {
    reads: ["health", "indexer", "console"],
    writes: ["normalizer", "mapper", "delivery", "console"]
  },
  [topicNames.state]: { reads: ["health", "console"], writes: ["delivery"] },
  [topicNames.sealingKeys]: { reads: ["delivery-whatsapp"], writes: ["normalizer"] },
  [topicNames.personKeys]: { reads: ["normalizer"], writes: ["normalizer"] },
  [topicNames.identityKeys]: { reads: ["normalizer", "indexer"], writes: ["normalizer"] },
  [topicNames.consentChanges]: { reads: ["normalizer"], writes: ["console"] },
  [topicNames.suppressions]: { reads: ["normalizer", "mapper", "delivery", "console"], writes: ["normalizer"] },
  [topicNames.erasureLog]: { reads: [], writes: ["normalizer"] },
  [topicNames.health]: { reads: ["health", "console"], writes: ["health"] },
  [topicNames.healthHistory]: { reads: ["health", "console"], writes: ["health"] },
  [topicNames.alerts]: { reads: ["notifier", "console"], writes: ["health", "notifier"] },
  [topicNames.notifierState]: { reads: ["notifier"], writes: ["notifier"] }
}

/** The names under which the processors of a program join groups and write transactions. */
const processorNames = (program: string): ReadonlyArray<string> =>
  program === "normalizer" ? ["normalizer", "sealer", "consent-changes"] : [program]

/** Whose offsets a program reads, beside its own groups. */
const groupsDescribed = (program: string): ReadonlyArray<string> => {
  if (program === "console") return ["normalizer", "sealer", "mapper", "health", "delivery-"]
  if (program === "health") return ["normalizer", "mapper", "delivery-"]
  return program === "mapper" ? ["delivery-"] : []
}

/** Programs that have rights. */
export const programsWithRights: ReadonlyArray<string> = [
  "normalizer",
  "mapper",
  ...platforms.map((platform) => `delivery-${platform}`),
  "health",
  "notifier",
  "indexer",
  "console"
]

/**
 * What a program may do, and nothing less works.
 *
 * @param prefix before every topic, group and transactional id (`CAPI_TOPIC_PREFIX`)
 * @param names the platforms with connections: mapper and health use their topics alone
 */
export const rightsOf = (
  program: string,
  prefix: string,
  names: ReadonlyArray<string> = platforms
): ReadonlyArray<Right> => {
  const platform = program.startsWith("delivery-") ? program.slice("delivery-".length) : null
  const isOf = (programs: ReadonlyArray<string>) =>
    programs.includes(program) || (platform !== null && programs.includes("delivery"))
  const topics = topicTable.topics.flatMap(({ name }): ReadonlyArray<Right> => {
    const { reads, writes } = topicRights[name] ?? { reads: [], writes: [] }
    const expanded = name.includes(template)
      ? (platform === null ? names : [platform]).map((one) => name.replace(template, one))
      : [name]
    return expanded.flatMap((topic) => [
      ...(isOf(reads) ? [right("topic", prefix + topic, "literal", "Read")] : []),
      ...(isOf(writes) ? [right("topic", prefix + topic, "literal", "Write")] : [])
    ])
  })
  // It is in no group; it redrives as `./capi redrive` does.
  if (program === "console")
    return [
      ...topics,
      right("transactional id", `${prefix}capi-redrive`, "literal", "Write"),
      ...describedBy(program, prefix)
    ]
  const processors = processorNames(program).flatMap(
    (name): ReadonlyArray<Right> => [
      right("group", prefix + name, "literal", "Read"),
      // The groups of its connections, which have no members.
      ...(platform === null ? [] : [right("group", `${prefix + name}.`, "prefixed", "Read")]),
      // The indexer writes to its file alone.
      ...(program === "indexer" ? [] : [right("transactional id", `${prefix + name}.`, "prefixed", "Write")])
    ]
  )
  return [...topics, ...processors, ...describedBy(program, prefix)]
}

const describedBy = (program: string, prefix: string): ReadonlyArray<Right> =>
  groupsDescribed(program).map((name) =>
    right("group", prefix + name, name.endsWith("-") ? "prefixed" : "literal", "Describe")
  )

/** The operations that a program needs on a topic (the broker's name). */
export const operationsOn = (program: string, prefix: string, topic: string): ReadonlyArray<Right["operation"]> =>
  rightsOf(program, prefix)
    .filter(({ resource, name }) => resource === "topic" && name === topic)
    .map(({ operation }) => operation)

const right = (
  resource: Right["resource"],
  name: string,
  pattern: Right["pattern"],
  operation: Right["operation"]
): Right => ({ resource, name, pattern, operation })
