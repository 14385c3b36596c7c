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
  [topicNames.raw]: { reads: ["normalizer", "health"], writes: [] },
  [topicNames.sealed]: { reads: ["normalizer", "health"], writes: ["normalizer"] },
  // The mapper moves a record to another partition after partitions were added.
  [topicNames.normalized]: { reads: ["mapper", "health", "indexer"], writes: ["normalizer", "mapper"] },
  [topicNames.mapperDedup]: { reads: ["mapper"], writes: ["mapper"] },
  [topicNames.mapperConnections]: { reads: ["mapper", "health"], writes: ["mapper"] },
  // WhatsApp's delivery moves a record to another partition, as the mapper does; the mapper counts what waits for removed connections.
  [topicNames.mapped(template)]: {
    reads: ["mapper", "delivery", "health", "indexer"],
    writes: ["mapper", "delivery-whatsapp"]
  },
  [topicNames.retry(template)]: { reads: ["mapper", "delivery", "health", "indexer"], writes: ["delivery"] },
  [topicNames.intents]: { reads: ["delivery-whatsapp", "indexer"], writes: ["delivery-whatsapp"] },
  [topicNames.pending]: {
    reads: ["delivery-google", "delivery-whatsapp", "indexer"],
    writes: ["delivery-google", "delivery-whatsapp"]
  },
  [topicNames.refusals]: { reads: ["mapper"], writes: ["delivery"] },
  [topicNames.positions]: { reads: ["mapper", "delivery", "health"], writes: ["delivery"] },
  [topicNames.results]: { reads: ["health", "indexer"], writes: ["normalizer", "mapper", "delivery"] },
  [topicNames.deadLetters]: { reads: ["health", "indexer"], writes: ["normalizer", "mapper", "delivery"] },
  [topicNames.state]: { reads: ["health"], writes: ["delivery"] },
  [topicNames.sealingKeys]: { reads: ["delivery-whatsapp"], writes: ["normalizer"] },
  [topicNames.personKeys]: { reads: ["normalizer"], writes: ["normalizer"] },
  [topicNames.identityKeys]: { reads: ["normalizer", "indexer"], writes: ["normalizer"] },
  [topicNames.consentChanges]: { reads: ["normalizer"], writes: [] },
  [topicNames.suppressions]: { reads: ["normalizer", "mapper", "delivery"], writes: ["normalizer"] },
  [topicNames.erasureLog]: { reads: [], writes: ["normalizer"] },
  [topicNames.health]: { reads: ["health"], writes: ["health"] },
  [topicNames.healthHistory]: { reads: ["health"], writes: ["health"] },
  [topicNames.alerts]: { reads: ["notifier"], writes: ["health", "notifier"] },
  [topicNames.notifierState]: { reads: ["notifier"], writes: ["notifier"] }
}

/** The names under which the processors of a program join groups and write transactions. */
const processorNames = (program: string): ReadonlyArray<string> =>
  program === "normalizer" ? ["normalizer", "sealer", "consent-changes"] : [program]

/** Whose offsets a program reads, beside its own groups. */
const groupsDescribed = (program: string): ReadonlyArray<string> => {
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
  "indexer"
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
  const processors = processorNames(program).flatMap(
    (name): ReadonlyArray<Right> => [
      right("group", prefix + name, "literal", "Read"),
      // The groups of its connections, which have no members.
      ...(platform === null ? [] : [right("group", `${prefix + name}.`, "prefixed", "Read")]),
      // The indexer writes to its file alone.
      ...(program === "indexer" ? [] : [right("transactional id", `${prefix + name}.`, "prefixed", "Write")])
    ]
  )
  const described = groupsDescribed(program).map((name) =>
    right("group", prefix + name, name.endsWith("-") ? "prefixed" : "literal", "Describe")
  )
  return [...topics, ...processors, ...described]
}

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

/** The arguments of `kafka-acls.sh` that grant a right to a user. */
export const aclArguments = (user: string, { resource, name, pattern, operation }: Right): ReadonlyArray<string> => [
  "--add",
  "--allow-principal",
  `User:${user}`,
  "--operation",
  operation,
  `--${resource.replace(" ", "-")}`,
  ...(resource === "cluster" ? [] : [name]),
  ...(pattern === "prefixed" ? ["--resource-pattern-type", "prefixed"] : [])
]
