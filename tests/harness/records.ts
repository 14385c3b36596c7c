/** The records of a run's topics, as tests read and write them. */
import * as Effect from "effect/Effect"
import { Codecs, type Records, type SchemaName } from "../../shared/codec/codecs.ts"
import { KafkaClient, type KafkaError } from "../../shared/kafka/client.ts"
import { readAll } from "../../shared/testing/kafka-probe.ts"

/** Publishes to `raw-events` behind the prefix. */
export const publish = (
  prefix: string,
  records: ReadonlyArray<{ readonly key: string; readonly value: Buffer | null }>
): Effect.Effect<void, KafkaError, KafkaClient> =>
  KafkaClient.use((kafka) =>
    Effect.asVoid(kafka.produce(records.map((record) => ({ topic: `${prefix}raw-events`, ...record }))))
  )

/** Every record of a topic, decoded; tombstones are left out. A record that does not decode is a defect. */
export const readBack = <S extends SchemaName>(
  topic: string,
  schema: S
): Effect.Effect<ReadonlyArray<Records[S]>, KafkaError, KafkaClient | Codecs> =>
  Effect.gen(function* () {
    const codecs = yield* Codecs
    const records = (yield* readAll(topic)).filter(({ value }) => value !== null)
    yield* Effect.orDie(codecs.loadSchemas(records.map(({ value }) => value)))
    return records.map(({ value }) => {
      const result = codecs.decode(schema, value)
      if (result._tag !== "Decoded") throw new Error(result.message)
      return result.value as Records[S]
    })
  })
