/** A copying processor whose records are a backlog, so that its transactions stay open, for tests that fail or kill while one is open. */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { KafkaClient, type KafkaError } from "../kafka/client.ts"
import type { Batch, Processor } from "../runtime/contract.ts"

/** @param afterWrite runs when the broker has records of a transaction that stays open */
export const copyingBacklog = <A, E, R>(
  copy: Processor,
  afterWrite: Effect.Effect<void, KafkaError>,
  runWith: (processor: Processor) => Effect.Effect<A, E, R>
) =>
  Effect.flatMap(KafkaClient, (client) => {
    const acting = KafkaClient.of({
      ...client,
      transactional: (id) =>
        Effect.map(client.transactional(id), (producer) => ({
          ...producer,
          begin: Effect.map(producer.begin, (transaction) => ({
            ...transaction,
            write: (records) => Effect.andThen(transaction.write(records), afterWrite)
          }))
        }))
    })
    const processor: Processor = {
      ...copy,
      batch: { recordsMax: 10, bytesMax: 500_000, linger: Duration.zero },
      concurrency: 1,
      open: (assigned) =>
        Effect.map(copy.open(assigned), (task) => ({
          step: (batch: Batch) => Effect.map(task.step(batch), (step) => ({ ...step, writtenAt: 1 }))
        }))
    }
    return Effect.provideService(runWith(processor), KafkaClient, acting)
  })
