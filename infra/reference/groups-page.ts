/** docs/reference/consumer-groups.md: who reads what under which group, and how its offsets are reset. */
import { platforms } from "../../shared/model/platform.ts"
import { topicNames } from "../../shared/model/topics.ts"
import { code, codeBlock, page, table } from "./markdown.ts"

/** The example of the page: a connection of the first platform. */
const platform = platforms[0]!
const group = `delivery-${platform}.${platform}-shop`

export const groupsPage = (): string =>
  page("Consumer groups and offset reset", [
    `Names get the prefix \`CAPI_TOPIC_PREFIX\`, as topics do. A program's offset is committed in the transaction of its outputs.`,
    table(["group", "reads", "members", "stage of `./capi replay`"], rows),
    `A connection's group holds offsets alone: the members of \`delivery-<platform>\` read once for all connections of the platform, and each connection
goes on from its offset. So the lag of a connection is that of its group, and a reset moves one connection and no other.`,
    "## Start again from an earlier time",
    `Stop the program first (SIGTERM); Kafka refuses a reset of a group with members, and \`./capi replay\` does too. The command shows how many events it
is, and what platforms that do not recognize a repeat would send again:`,
    codeBlock(
      "sh",
      `./capi replay --stage ${group} --from 2026-11-22T00:00:00Z --dry-run
./capi replay --stage ${group} --from 2026-11-22T00:00:00Z
./capi replay --stage mapper --from "2 hours"
./capi replay --stage normalizer --from 0:120,3:98     # offsets of single partitions`
    ),
    "With Kafka's tools, the same for one connection (of `mapper` and `normalizer`: their group, and their topic):",
    codeBlock(
      "sh",
      `kafka-consumer-groups.sh --bootstrap-server "$KAFKA_BROKERS" --describe --group ${group}
kafka-consumer-groups.sh --bootstrap-server "$KAFKA_BROKERS" --group ${group} \\
  --topic ${topicNames.mapped(platform)} --reset-offsets --to-datetime 2026-11-22T00:00:00.000 --dry-run
kafka-consumer-groups.sh --bootstrap-server "$KAFKA_BROKERS" --group ${group} \\
  --topic ${topicNames.mapped(platform)} --reset-offsets --to-datetime 2026-11-22T00:00:00.000 --execute`
    ),
    `Kafka's tools take a time without a zone as UTC. With a broker that asks for a login, add \`--command-config client.properties\`. Leave the topic of delayed
retries (\`${topicNames.retry("<platform>")}\`) as it is: its events are on the topic of mapped events too, and would be sent twice. What a replay sends is [here](../cli.md#what-a-replay-reads).`,
    "## Your consumers",
    `Give each program of yours a group with a name of its purpose, outside of these names, and \`auto.offset.reset=earliest\` if it must see every record. Commit after
the work is done, so that a crash repeats records and loses none; results have an \`event_id\`, a \`connection_id\` and a \`timestamp\` by which a repeat is recognized.`
  ])

const rows: ReadonlyArray<ReadonlyArray<string>> = [
  [
    code("normalizer"),
    `${code(topicNames.raw)}, or ${code(topicNames.sealed)} where events are sealed`,
    "instances of the normalizer",
    code("normalizer")
  ],
  [code("sealer"), `${code(topicNames.raw)}, where events are sealed`, "instances of the normalizer", ""],
  [code("consent-changes"), code(topicNames.consentChanges), "instances of the normalizer", ""],
  [code("mapper"), code(topicNames.normalized), "instances of the mapper", code("mapper")],
  [
    code("delivery-<platform>"),
    `${code(topicNames.mapped("<platform>"))}, ${code(topicNames.retry("<platform>"))}`,
    "instances of the delivery",
    `${code("delivery-<platform>")}: all connections of the platform`
  ],
  [
    code("delivery-<platform>.<connection>"),
    "the same, for one connection",
    "none: it holds the connection's offsets",
    code("delivery-<platform>.<connection>")
  ],
  [code("health"), `${code(topicNames.results)}, ${code(topicNames.state)}`, "instances of health", code("health")],
  [code("notifier"), code(topicNames.alerts), "instances of the notifier", ""],
  [
    code("indexer"),
    "the topics that an event passes, but for raw events",
    "none: it holds the offsets of the indexer's file ([trace](../trace.md))",
    ""
  ]
]
