/** A batch that cannot be read, as the port's error. */
import { KafkaError, type TopicPartition } from "../client.ts"
import { DamagedBatch } from "../wire/unread-batch.ts"
import { nextSteps } from "./errors.ts"

/** Why none of these messages can be read; null where they can. */
export const failureOf = (messages: ReadonlyArray<unknown>, from: TopicPartition): KafkaError | null => {
  const [first] = messages
  return first instanceof DamagedBatch ? damagedBatch(from, first) : null
}

/** A batch that its broker took, and that cannot be decompressed here. */
const damagedBatch = (
  { topic, partition }: TopicPartition,
  { codec, offset }: { readonly codec: number; readonly offset: number }
): KafkaError =>
  new KafkaError({
    code: "damaged",
    operation: `read ${topic}`,
    message: `The batch of records at offset ${offset} of ${topic}, partition ${partition}, is damaged, or its compression (${codec}) is unknown.`,
    nextStep: nextSteps.damaged,
    cause: null
  })
