/** Every patch of kafkajs: what it changes, why, and which tests fail without it (decision 10). */
import {
  keepErrorsRetriable,
  keepOnlyBroker,
  loadOnlyTargetTopics,
  readEndOfLog,
  reportRefusedCoordinator,
  retryAtCoordinator,
  stayClosed
} from "./cluster.ts"
import {
  beatByMonotonicClock,
  endFetchers,
  finishBeforeJoining,
  keepCommittedOffset,
  visibleBatch,
  waitLongerWhenIdle,
  wakeOnResume
} from "./consumer.ts"
import {
  checkWhilePending,
  connectAndDisconnectOnce,
  nameDenied,
  receivePooled,
  timeOutWhileInFlight
} from "./network.ts"
import { groupMessagesPerPartition, transactionsOfVersionTwo } from "./producer.ts"
import { decodeInOnePass, frameRequest, namesNoTopics, poolProduceRequests, readUnreadBatches } from "./protocol.ts"

/** One change to a module of kafkajs. */
export interface Patch {
  /** Its path below `kafkajs/src`. */
  readonly module: string
  /** The functions that are changed; none where the module is one function or class, which is replaced. */
  readonly functions: ReadonlyArray<string>
  readonly why: string
  /** kafkajs's issue or pull request of the same, by its number. */
  readonly issue: number | null
  /** The file of this folder that holds it: it has the name of the module's folder in kafkajs. */
  readonly file: string
  /** Tests that fail without it, from the root of the repository; those beside it by their name. */
  readonly tests: ReadonlyArray<string>
  /** Gets what the module exports and gives what its users get: the same, changed, or something else in its place. */
  apply(exports: unknown): unknown
}

/** What patches get: the exports of a module with the types that they need. */
const patch = <A>(row: Omit<Patch, "apply"> & { apply(exports: A): A }): Patch => row as Patch

/** Every patch. Modules that are replaced come before those that use them. */
export const patches: ReadonlyArray<Patch> = [
  patch({
    module: "protocol/request",
    functions: [],
    why: "a request's header is written in front of it without a copy",
    issue: null,
    file: "protocol.ts",
    tests: ["fast-codec.test.ts"],
    apply: () => frameRequest
  }),
  patch({
    module: "protocol/requests/fetch/v4/decodeMessages",
    functions: [],
    why: "record batches are decoded without a buffer for each field; Zstandard, LZ4 and Snappy are decompressed; a batch may have any number of records",
    issue: null,
    file: "protocol.ts",
    tests: ["fast-codec.test.ts", "compressed-batches.test.ts"],
    apply: decodeInOnePass
  }),
  patch({
    module: "protocol/requests/fetch",
    functions: ["protocol"],
    why: "a batch that holds too much for one response is read in portions, from the offset on that was asked for",
    issue: null,
    file: "protocol.ts",
    tests: ["compressed-batches.test.ts", "shared/kafka/conformance/large-batches.kafka.test.ts"],
    apply: readUnreadBatches
  }),
  patch({
    module: "producer/groupMessagesPerPartition",
    functions: [],
    why: "messages are grouped by partition without copying the group for each of them",
    issue: null,
    file: "producer.ts",
    tests: ["fast-codec.test.ts"],
    apply: () => groupMessagesPerPartition
  }),
  patch({
    module: "producer/eosManager",
    functions: [],
    why: "where the brokers have version 2 of transactions, partitions and offsets are added by the requests that write them",
    issue: null,
    file: "producer.ts",
    tests: ["transactions.test.ts", "shared/kafka/conformance/transactions.kafka.test.ts"],
    apply: transactionsOfVersionTwo
  }),
  patch({
    module: "consumer/batch",
    functions: [],
    why: "records of aborted transactions are hidden, however transactions overlap; offsets are compared as numbers",
    issue: null,
    file: "consumer.ts",
    tests: ["fast-codec.test.ts", "shared/kafka/conformance/read-committed.kafka.test.ts"],
    apply: visibleBatch
  }),
  patch({
    module: "protocol/requests/metadata",
    functions: ["protocol"],
    why: "a request for the brokers alone, which kafkajs does not have",
    issue: null,
    file: "protocol.ts",
    tests: ["cluster.test.ts", "shared/kafka/conformance/target-topics.kafka.test.ts"],
    apply: namesNoTopics
  }),
  patch({
    module: "protocol/requests/produce",
    functions: ["protocol"],
    why: "a request is encoded in one pass, compressed by Zstandard where its topic is, into a pooled buffer, which is released when the broker has answered; version 12",
    issue: null,
    file: "protocol.ts",
    tests: ["fast-codec.test.ts", "compressed-batches.test.ts", "produce.test.ts"],
    apply: poolProduceRequests
  }),
  patch({
    module: "network/connection",
    functions: ["processData"],
    why: "a response is copied once, into a pooled buffer",
    issue: null,
    file: "network.ts",
    tests: ["network.test.ts"],
    apply: receivePooled
  }),
  patch({
    module: "network/connection",
    functions: ["send"],
    why: "an error of the broker's authorizer says which operation it refused, and on what",
    issue: null,
    file: "network.ts",
    tests: ["network.test.ts"],
    apply: nameDenied
  }),
  patch({
    module: "network/connection",
    functions: ["connect", "disconnect"],
    why: "requests that come at the same time make one connection, not one each, of which all but the last stay open; one that is closed already gets no further listener each time that it is disconnected",
    issue: null,
    file: "network.ts",
    tests: ["connection.test.ts", "network.test.ts"],
    apply: connectAndDisconnectOnce
  }),
  patch({
    module: "network/requestQueue",
    functions: ["scheduleCheckPendingRequests"],
    why: "a connection without pending requests does not wake up every millisecond by a timer of negative delay",
    issue: 1704,
    file: "network.ts",
    tests: ["network.test.ts"],
    apply: checkWhilePending
  }),
  patch({
    module: "network/requestQueue",
    functions: ["scheduleRequestTimeoutCheck", "sendSocketRequest"],
    why: "requests that are due are looked for while some are in flight, not ten times a second on each open connection",
    issue: null,
    file: "network.ts",
    tests: ["request-timeout.test.ts"],
    apply: timeOutWhileInFlight
  }),
  patch({
    module: "consumer/consumerGroup",
    functions: ["fetch", "resume"],
    why: "a fetcher that waits for a paused partition wakes up on `resume`",
    issue: null,
    file: "consumer.ts",
    tests: ["consumer.test.ts"],
    apply: wakeOnResume
  }),
  patch({
    module: "consumer/consumerGroup",
    functions: ["fetch", "resume", "seek"],
    why: "a fetch waits for seconds where nothing has come for a while, and ends early where it has to",
    issue: null,
    file: "consumer.ts",
    tests: ["consumer.test.ts"],
    apply: waitLongerWhenIdle
  }),
  patch({
    module: "consumer/consumerGroup",
    functions: ["lastRequest"],
    why: "heartbeats follow the monotonic clock, not the wall clock",
    issue: null,
    file: "consumer.ts",
    tests: ["consumer.test.ts"],
    apply: beatByMonotonicClock
  }),
  patch({
    module: "consumer/consumerGroup",
    functions: ["joinAndSync"],
    why: "a member finishes what is in flight before it joins again, and sends heartbeats meanwhile",
    issue: null,
    file: "consumer.ts",
    tests: ["joining.test.ts", "shared/kafka/conformance/group.kafka.test.ts"],
    apply: finishBeforeJoining
  }),
  patch({
    module: "consumer/offsetManager",
    functions: ["setDefaultOffset"],
    why: "a member whose offset is out of range goes on at the log's start and leaves the committed offset",
    issue: 1133,
    file: "consumer.ts",
    tests: ["consumer.test.ts", "shared/kafka/conformance/gaps.kafka.test.ts"],
    apply: keepCommittedOffset
  }),
  patch({
    module: "consumer/runner",
    functions: ["fetch", "stop"],
    why: "a stop ends fetches that wait for long, and fetchers that begin after it",
    issue: null,
    file: "consumer.ts",
    tests: ["consumer.test.ts"],
    apply: endFetchers
  }),
  patch({
    module: "cluster/brokerPool",
    functions: ["refreshMetadata"],
    why: "a connection that uses no topics yet asks for the brokers alone, not for all topics of the cluster",
    issue: null,
    file: "cluster.ts",
    tests: ["cluster.test.ts", "shared/kafka/conformance/target-topics.kafka.test.ts"],
    apply: loadOnlyTargetTopics
  }),
  patch({
    module: "cluster",
    functions: ["findGroupCoordinator"],
    why: "a request to a coordinator is retried at the current one; a transactional producer caches its coordinators",
    issue: 1416,
    file: "cluster.ts",
    tests: ["cluster.test.ts", "tests/broker/outages.kafka.test.ts"],
    apply: retryAtCoordinator
  }),
  patch({
    module: "cluster",
    functions: ["findGroupCoordinatorMetadata"],
    why: "a coordinator that the authorizer refuses is reported as refused, not as one that is away",
    issue: null,
    file: "cluster.ts",
    tests: ["cluster.test.ts"],
    apply: reportRefusedCoordinator
  }),
  patch({
    module: "cluster",
    functions: ["connect", "findBroker", "refreshMetadata", "refreshMetadataIfNecessary"],
    why: "an error after kafkajs's own retries stays retriable",
    issue: null,
    file: "cluster.ts",
    tests: ["cluster.test.ts", "tests/broker/outages.kafka.test.ts"],
    apply: keepErrorsRetriable
  }),
  patch({
    module: "cluster",
    functions: ["connect", "disconnect"],
    why: "a retry that is still running does not reconnect a cluster that its owner closed",
    issue: null,
    file: "cluster.ts",
    tests: ["cluster.test.ts"],
    apply: stayClosed
  }),
  patch({
    module: "cluster",
    functions: ["fetchTopicsOffset"],
    why: "a topic's end is the end of its log, not the last stable offset",
    issue: null,
    file: "cluster.ts",
    tests: ["cluster.test.ts", "shared/kafka/conformance/read-committed.kafka.test.ts"],
    apply: readEndOfLog
  }),
  patch({
    module: "cluster",
    functions: ["removeBroker"],
    why: "the only broker is kept while it restarts, and so is the membership",
    issue: null,
    file: "cluster.ts",
    tests: ["cluster.test.ts", "tests/broker/outages.kafka.test.ts"],
    apply: keepOnlyBroker
  })
]
