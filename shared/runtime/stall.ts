/** Notices a member that stopped fetching without an error. */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Semaphore from "effect/Semaphore"
import { KafkaClient, KafkaError, type PartitionOffsets, type TopicPartition } from "../kafka/client.ts"
import { monotonicMillis } from "../model/monotonic.ts"
import type { Intake } from "./intake.ts"
import { untilNext } from "./timers.ts"

/**
 * Fails when nothing was received over two checks although the log went on: kafkajs can stop fetching without an error. One check
 * would be too few, because records of a transaction that is still open don't come yet. A partition that waits for its steps
 * or has nothing to read is not stalled.
 */
export const failOnStall = (
  at: TopicPartition,
  intake: Pick<Intake, "endOffset" | "isEmpty" | "paused">,
  every: Duration.Duration
): Effect.Effect<never, KafkaError, KafkaClient> =>
  Effect.gen(function* () {
    const client = yield* KafkaClient
    let stalledChecks = 0
    while (true) {
      const before = intake.endOffset
      yield* untilNext(every)
      const quiet = intake.endOffset === before && intake.isEmpty && !intake.paused
      // An unreachable broker is not a stall: commits and heartbeats fail then.
      const behind = quiet && (yield* Effect.orElseSucceed(isBehind(client, at, before, every), () => false))
      stalledChecks = behind && intake.endOffset === before ? stalledChecks + 1 : 0
      if (stalledChecks === 2) return yield* stalled(at, before, Duration.toMillis(every) * stalledChecks)
    }
  })

const isBehind = (
  client: KafkaClient["Service"],
  { topic, partition }: TopicPartition,
  position: number,
  every: Duration.Duration
) =>
  Effect.map(endsOf(client, topic, every), (offsets) =>
    offsets.some((found) => found.partition === partition && found.high > position)
  )

interface Ends {
  readonly oneAtATime: Semaphore.Semaphore
  at: number
  offsets: ReadonlyArray<PartitionOffsets>
}

/** By client and topic: the partitions of a topic are opened together, and so are their checks. */
const known = new WeakMap<KafkaClient["Service"], Map<string, Ends>>()

const endsOf = (client: KafkaClient["Service"], topic: string, every: Duration.Duration) =>
  Effect.suspend(() => {
    const ofClient = known.get(client) ?? new Map<string, Ends>()
    known.set(client, ofClient)
    const ends = ofClient.get(topic) ?? {
      oneAtATime: Semaphore.makeUnsafe(1),
      at: Number.NEGATIVE_INFINITY,
      offsets: []
    }
    ofClient.set(topic, ends)
    return Effect.gen(function* () {
      const now = yield* monotonicMillis
      if (now - ends.at < Duration.toMillis(every) / 8) return ends.offsets
      ends.offsets = yield* client.topicOffsets(topic)
      ends.at = now
      return ends.offsets
    }).pipe(ends.oneAtATime.withPermit)
  })

const stalled = ({ topic, partition }: TopicPartition, position: number, millis: number) =>
  new KafkaError({
    code: "timeout",
    operation: "fetch",
    message: `No records of ${topic}/${partition} were received for ${millis} ms, though the log goes on after offset ${position}.`,
    nextStep: "The member joins its group again by itself; look at the network and the broker if this repeats.",
    cause: null
  })
