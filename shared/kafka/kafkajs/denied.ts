/**
 * What the broker's authorizer refused: the operation and the resource, by their names in Kafka's ACLs. Kafka's errors name
 * neither; the response names the topic, the request the group or the transactional id.
 */
import type { EncodedRequest } from "./patches/protocol.ts"
import { ResponseReader } from "./raw-request.ts"

export interface Denied {
  /** Such as `Write`; a name of `kafka-acls.sh --operation`. */
  readonly operation: string
  readonly resource: "topic" | "group" | "transactional id" | "cluster"
  readonly names: ReadonlyArray<string>
}

export interface SentRequest {
  readonly apiName: string
  readonly apiVersion: number
  readonly encode: () => Promise<EncodedRequest>
}

/** Kafka's error types of the authorizer, by the number that a response has. */
const topicDenied = 29
const resources: Readonly<Record<string, Denied["resource"]>> = {
  TOPIC_AUTHORIZATION_FAILED: "topic",
  GROUP_AUTHORIZATION_FAILED: "group",
  TRANSACTIONAL_ID_AUTHORIZATION_FAILED: "transactional id",
  CLUSTER_AUTHORIZATION_FAILED: "cluster"
}

/** By resource and request: what it needs ("Operations and resources on protocols" of Kafka's documentation). */
const operations: Readonly<Record<Denied["resource"], Readonly<Record<string, string>>>> = {
  topic: {
    Produce: "Write",
    AddPartitionsToTxn: "Write",
    Fetch: "Read",
    OffsetCommit: "Read",
    TxnOffsetCommit: "Read",
    CreateTopics: "Create",
    CreatePartitions: "Alter",
    DeleteRecords: "Delete",
    DescribeConfigs: "DescribeConfigs"
  },
  group: {
    JoinGroup: "Read",
    SyncGroup: "Read",
    Heartbeat: "Read",
    LeaveGroup: "Read",
    OffsetCommit: "Read",
    TxnOffsetCommit: "Read",
    AddOffsetsToTxn: "Read"
  },
  "transactional id": {
    InitProducerId: "Write",
    AddPartitionsToTxn: "Write",
    AddOffsetsToTxn: "Write",
    TxnOffsetCommit: "Write",
    EndTxn: "Write",
    Produce: "Write"
  },
  cluster: { InitProducerId: "IdempotentWrite", CreateTopics: "Create", Produce: "IdempotentWrite" }
}

/** Where the request names its group: after so many strings and bytes. All others name it, or the transactional id, first. */
const groupAfter: Readonly<Record<string, readonly [strings: number, bytes: number]>> = {
  AddOffsetsToTxn: [1, 10],
  TxnOffsetCommit: [1, 0],
  DescribeGroups: [0, 4]
}

/** The first version of a request whose texts are compact, and follow the tagged fields of the header. */
const compactSince: Readonly<Record<string, number>> = { Produce: 9, TxnOffsetCommit: 3, EndTxn: 3 }

/** Null if the error is not one of the authorizer. `data` is the decoded response. */
export const deniedOf = async (type: string, request: SentRequest, data: unknown): Promise<Denied | null> => {
  const resource = resources[type]
  if (resource === undefined) return null
  const operation = operations[resource][request.apiName] ?? "Describe"
  if (resource === "cluster") return { operation, resource, names: [] }
  if (resource === "topic") return { operation, resource, names: [...new Set(topicsWith(topicDenied, data))] }
  const { buf, offset } = await request.encode()
  const skipped = resource === "group" ? groupAfter[request.apiName] : undefined
  const isCompact = request.apiVersion >= (compactSince[request.apiName] ?? Number.POSITIVE_INFINITY)
  const read = isCompact ? compactTextAfter : stringAfter
  const name = read(buf.subarray(0, offset), skipped ?? [0, 0])
  return { operation, resource, names: name === null ? [] : [name] }
}

/** The topics under which the response has the error, on the topic itself or on one of its partitions. */
const topicsWith = (code: number, node: unknown, topic: string | null = null): ReadonlyArray<string> => {
  if (typeof node !== "object" || node === null) return []
  if (Array.isArray(node)) return node.flatMap((part) => topicsWith(code, part, topic))
  const fields = node as Readonly<Record<string, unknown>>
  const named = [fields["topic"], fields["topicName"], fields["name"], fields["resourceName"]].find(
    (name) => typeof name === "string"
  )
  const here = named ?? topic
  const codes = [fields["errorCode"], fields["topicErrorCode"], fields["partitionErrorCode"]]
  if (here !== null && codes.includes(code)) return [here]
  return Object.values(fields).flatMap((part) => topicsWith(code, part, here))
}

const stringAfter = (bytes: Buffer, [strings, skipped]: readonly [number, number]): string | null => {
  let at = 0
  for (let left = strings; left > 0 && at + 2 <= bytes.length; left--) at += 2 + Math.max(0, bytes.readInt16BE(at))
  at += skipped
  if (at + 2 > bytes.length) return null
  const length = bytes.readInt16BE(at)
  return length < 0 ? null : bytes.toString("utf8", at + 2, at + 2 + length)
}

const compactTextAfter = (bytes: Buffer, [strings, skipped]: readonly [number, number]): string | null => {
  const reader = new ResponseReader(bytes)
  reader.tagged()
  for (let left = strings; left > 0; left--) reader.compactText()
  reader.skip(skipped)
  return reader.compactText()
}
