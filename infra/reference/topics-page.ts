/** docs/reference/topics.md: the topics, first those that a consumer of a user reads; the fields of their records. */
import { readFileSync } from "node:fs"
import path from "node:path"
import type { AvroRecord } from "../../schemas/avro-schema.ts"
import topicTable from "../../schemas/topics.json" with { type: "json" }
import { programsWithRights, rightsOf } from "../../shared/model/rights.ts"
import { sealedTopics, topicNames } from "../../shared/model/topics.ts"
import { repository } from "../local/state.ts"
import { fieldsOf } from "./avro-fields.ts"
import { code, codes, page, span, table } from "./markdown.ts"

export const topicsPage = (): string =>
  page("Topics", [
    `Names get the prefix \`CAPI_TOPIC_PREFIX\`. \`./capi topics\` compares this table with the broker, and creates what is missing. Values are
Confluent-Avro: a zero byte, the schema's id at the registry (4 bytes, big-endian), the record in Avro; the subject is \`<topic>-value\`. Schemas only gain
fields with defaults, so a consumer reads past what it does not know. Read with \`isolation.level=read_committed\`: what a transaction has written and
not committed may be written again.`,
    "## For producers and consumers of yours",
    topicRows(forUsers),
    "## Of the programs",
    "Between the programs, and their state. They may change with a version; read them only to look into something.",
    topicRows(topicTable.topics.map(({ name }) => name).filter((name) => !forUsers.includes(name))),
    ...forUsers.flatMap((name) => {
      const topic = declared(name)
      return topic.schema === null || topic.schema === "raw-event"
        ? []
        : [
            `## ${name}`,
            `\`schemas/${topic.schema}.avsc\`. ${schemaOf(topic.schema).doc ?? ""}`,
            fieldTable(schemaOf(topic.schema))
          ]
    }),
    "## raw-events",
    "[Fields of a raw event](raw-events.md)."
  ])

/** Topics that others than the programs write or read, in the order of an event's way. */
const forUsers: ReadonlyArray<string> = [
  topicNames.raw,
  topicNames.consentChanges,
  topicNames.results,
  topicNames.deadLetters,
  topicNames.health,
  topicNames.healthHistory,
  topicNames.alerts,
  topicNames.erasureLog
]

const declared = (name: string) => topicTable.topics.find((topic) => topic.name === name)!

const topicRows = (names: ReadonlyArray<string>): string =>
  table(
    ["topic", "schema", "key", "partitions", "retention", "largest value", "written by", "read by"],
    names.map((name) => {
      const topic = declared(name)
      return [
        code(name.replace("{platform}", "<platform>")) + (sealedTopics.includes(name) ? " (holds sealed values)" : ""),
        topic.schema === null ? "bytes" : code(`${topic.schema}.avsc`),
        topic.key,
        String(topic.partitions),
        retentionOf(topic),
        `${Math.floor(topic.max_message_bytes / 1_048_576)} MiB`,
        programs(name, "Write"),
        programs(name, "Read")
      ]
    })
  )

const retentionOf = (topic: ReturnType<typeof declared>): string => {
  const kept = topic.cleanup.includes("delete") ? span(topic.retention_ms) : null
  const parts = [topic.cleanup.includes("compact") ? "compacted" : null, kept].filter((part) => part !== null)
  const sealed =
    topic.retention_ms_sealed === undefined ? "" : `; ${span(topic.retention_ms_sealed)} with sealed events`
  return `${parts.join(", ")}${sealed}`
}

/** Programs with the right; your own where none has. */
const programs = (name: string, operation: "Read" | "Write"): string => {
  const withRight = programsWithRights.filter((program) => {
    const platform = program.startsWith("delivery-") ? program.slice("delivery-".length) : null
    const topics = platform === null || !name.includes("{platform}") ? [] : [name.replace("{platform}", platform)]
    const wanted = name.includes("{platform}") && platform === null ? name.replace("{platform}", "") : name
    return rightsOf(program, "").some(
      (right) =>
        right.resource === "topic" &&
        right.operation === operation &&
        (topics.includes(right.name) ||
          (platform === null ? right.name.startsWith(wanted) && isTopic(right.name, name) : right.name === name))
    )
  })
  const deliveries = withRight.filter((program) => program.startsWith("delivery-"))
  const all = programsWithRights.filter((program) => program.startsWith("delivery-")).length
  const names = [
    ...withRight.filter((program) => !program.startsWith("delivery-")),
    ...(deliveries.length === all ? ["delivery-<platform>"] : deliveries)
  ]
  const yours =
    forUsers.includes(name) &&
    (operation === "Read" ? name !== topicNames.raw : name === topicNames.raw || names.length === 0)
  return [codes(names), yours ? "you" : ""].filter((part) => part !== "").join(", ")
}

const isTopic = (right: string, name: string): boolean =>
  name.includes("{platform}") ? right.startsWith(name.replace("{platform}", "")) : right === name

const schemaOf = (name: string): AvroRecord =>
  JSON.parse(readFileSync(path.join(repository, "schemas", `${name}.avsc`), "utf8")) as AvroRecord

const fieldTable = (record: AvroRecord): string =>
  table(
    ["field", "type", "meaning"],
    fieldsOf(record).map(({ path: field, type, doc }) => [code(field), type, doc])
  )
