/** The dead letter of a raw record: sealed, since nobody can tell what a record that could not be read holds. */
import type { DeadLetter } from "../../schemas/types.gen.ts"
import { deadLetterAad, type SealerShape } from "../../shared/credentials/sealer.ts"
import type { Inbound } from "../../shared/runtime/contract.ts"
import type { Problem } from "./normalize/problem.ts"

/** @param now when it was given up, in milliseconds since the epoch */
export const deadLetterOf = (record: Inbound, problem: Problem, sealer: SealerShape, now: number): DeadLetter => ({
  stage: "normalizer",
  reason_code: problem.reason,
  message: problem.message,
  source_topic: record.topic,
  source_partition: record.partition,
  source_offset: record.offset,
  source_timestamp: record.timestamp,
  timestamp: now,
  attempts: 1,
  original_key: seal(sealer, "key", record, record.key),
  original: seal(sealer, "value", record, record.value),
  sealed: true,
  event_id: problem.eventId,
  event_name: problem.eventName,
  connection_id: null,
  platform: null,
  next_step: problem.nextStep,
  request_id: null
})

/** The event's id where it could be read, else the record's position: the key on `dead-letters`. */
export const deadLetterKey = ({ event_id, source_offset, source_partition, source_topic }: DeadLetter): string =>
  event_id ?? `${source_topic}/${source_partition}/${source_offset}`

const seal = (sealer: SealerShape, part: "key" | "value", record: Inbound, bytes: Buffer | null): Buffer | null =>
  bytes === null ? null : sealer.seal(bytes, deadLetterAad(part, record.topic, record.partition, record.offset))
