/**
 * What is found out only by doing it: a transaction under each transactional id, and that an event which cannot be read reaches
 * dead-letters. It writes one such record to raw-events, which becomes one dead letter.
 */
import * as Clock from "effect/Clock"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { KafkaClient } from "../../../shared/kafka/client.ts"
import { rightsOf } from "../../../shared/model/rights.ts"
import { topicNames } from "../../../shared/model/topics.ts"
import { type Check, failed, ok, problemsOr } from "./check.ts"
import type { Decoding } from "./event-checks.ts"
import { exampleOf, type RightsOptions } from "./rights-checks.ts"

const arrivalDeadline = Duration.seconds(45)
const badRecord = "./capi doctor: this record is no event"

export const selfTestChecks = (rights: RightsOptions, codecs: Decoding): ReadonlyArray<Check<KafkaClient>> => [
  { group: "self test", name: "transactions", run: tryTransactions(rights), deadline: Duration.seconds(30) },
  {
    group: "self test",
    name: "dead letter",
    run: tryBadRecord(rights.prefix, codecs),
    deadline: Duration.seconds(Duration.toSeconds(arrivalDeadline) + 15)
  }
]

/** A producer is initialized, which commits nothing; no program has its id. */
const tryTransactions = ({ prefix, programs, platforms }: RightsOptions) =>
  Effect.gen(function* () {
    const kafka = yield* KafkaClient
    const ids = programs
      .flatMap((program) => rightsOf(program, prefix, platforms))
      .filter(({ resource }) => resource === "transactional id")
      .map((right) => exampleOf(right))
    const problems = yield* Effect.forEach(
      ids,
      (id) =>
        Effect.scoped(kafka.transactional(id)).pipe(
          Effect.as([]),
          Effect.catch(({ message, nextStep }) => Effect.succeed([failed(message, nextStep)]))
        ),
      { concurrency: 4 }
    )
    return problemsOr(
      problems.flat(),
      `The broker lets this user begin transactions (${ids.length} transactional ids).`
    )
  })

const tryBadRecord = (prefix: string, codecs: Decoding) =>
  Effect.gen(function* () {
    const kafka = yield* KafkaClient
    const ends = yield* kafka.topicOffsets(prefix + topicNames.deadLetters)
    const since = yield* Clock.currentTimeMillis
    const raw = { topic: prefix + topicNames.raw, partition: 0 }
    yield* kafka.produce([{ ...raw, key: null, value: Buffer.from(badRecord), timestamp: since }])
    const arrived = yield* Deferred.make<number>()
    const follow = kafka.read({
      topic: prefix + topicNames.deadLetters,
      ranges: ends.map(({ partition, high }) => ({ partition, from: high, to: null })),
      onRecords: Effect.fnUntraced(function* (records) {
        yield* codecs.loadSchemas(records.map(({ value }) => value))
        for (const { value } of records) {
          const decoded = codecs.decode("dead-letter", value)
          if (decoded._tag !== "Decoded") continue
          const { stage, source_partition, source_timestamp } = decoded.value
          if (stage === "normalizer" && source_partition === raw.partition && (source_timestamp ?? 0) >= since)
            yield* Deferred.succeed(arrived, yield* Clock.currentTimeMillis)
        }
      })
    })
    const at = yield* Effect.raceFirst(Deferred.await(arrived), Effect.as(follow, null)).pipe(
      Effect.timeoutOrElse({ duration: arrivalDeadline, orElse: () => Effect.succeed(null) })
    )
    return at === null
      ? [
          failed(
            `A record that is no event was written to ${raw.topic}, and did not reach dead-letters within ${Duration.toSeconds(arrivalDeadline)} s.`,
            "Start the normalizer (./capi run normalizer); if it runs, look at its log and at how far it is behind."
          )
        ]
      : [
          ok(
            `A record that is no event was written to ${raw.topic} and reached dead-letters after ${at - since} ms; it stays there.`
          )
        ]
  })
