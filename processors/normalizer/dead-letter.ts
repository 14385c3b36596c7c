/** The dead letter of a raw record: sealed, since nobody can tell what a record that could not be read holds. */
import type { DeadLetter } from "../../schemas/types.gen.ts"
import { deadLetterAad, type SealerShape } from "../../shared/credentials/sealer.ts"
import { deadLetter } from "../../shared/model/dead-letter.ts"
import type { Inbound } from "../../shared/runtime/contract.ts"
import type { Problem } from "./normalize/problem.ts"

/** @param now when it was given up, in milliseconds since the epoch */
export const deadLetterOf = (record: Inbound, problem: Problem, sealer: SealerShape, now: number): DeadLetter => {
  const { topic, partition, offset, timestamp } = record
  const key = seal(sealer, "key", record, record.key)
  const value = seal(sealer, "value", record, record.value)
  return deadLetter(
    { topic, partition, offset, timestamp, key, value },
    {
      stage: "normalizer",
      reason_code: problem.reason,
      message: problem.message,
      timestamp: now,
      sealed: true,
      event_id: problem.eventId,
      event_name: problem.eventName,
      next_step: problem.nextStep
    }
  )
}

const seal = (sealer: SealerShape, part: "key" | "value", record: Inbound, bytes: Buffer | null): Buffer | null =>
  bytes === null ? null : sealer.seal(bytes, deadLetterAad(part, record.topic, record.partition, record.offset))
