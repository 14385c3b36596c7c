/** A batch that its broker took, and that cannot be decompressed here, as the port's error. */
import { KafkaError, type TopicPartition } from "../client.ts"
import type { ResolvedKafkaOptions } from "../options.ts"
import { OmittedRecord } from "../wire/unread-batch.ts"
import { nextSteps } from "./errors.ts"

/** Why these messages are not to be delivered; null where they are. */
export const failureOf = (
  messages: ReadonlyArray<unknown>,
  { topic, partition }: TopicPartition,
  { writtenByOthers }: Pick<ResolvedKafkaOptions, "writtenByOthers">
): KafkaError | null => {
  const [first] = messages
  if (!(first instanceof OmittedRecord) || first.damagedCodec === null || writtenByOthers(topic)) return null
  return new KafkaError({
    code: "damaged",
    operation: `read ${topic}`,
    message: `The batch of records at offset ${first.offset} of ${topic}, partition ${partition}, is damaged, or its compression (${first.damagedCodec}) is unknown.`,
    nextStep: nextSteps.damaged,
    cause: null
  })
}
