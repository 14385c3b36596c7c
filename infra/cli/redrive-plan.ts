/** What a redrive would send where. Pure, but for the opening of sealed originals. */
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import type { DeadLetter } from "../../schemas/types.gen.ts"
import type { SealError } from "../../shared/credentials/sealer.ts"
import { placeOf } from "../../shared/dedup/deduplicator.ts"
import { refusalRecord } from "../../shared/dedup/refusals.ts"
import type { ProducedRecord } from "../../shared/kafka/client.ts"
import { deadLetterHeaders, deadLetterKey } from "../../shared/model/dead-letter.ts"
import { headerNames, topicNames } from "../../shared/model/topics.ts"
import type { CommandError } from "./cli.ts"
import { type DeadLetterEntry, deadLettersTopic, type Marks, type OpenOriginal } from "./dead-letter-entries.ts"
import { isReason } from "./filter-values.ts"

/** Which dead letters are meant; an absent filter takes all. */
export interface Selection {
  readonly ids: ReadonlyArray<string>
  readonly reason: Option.Option<string>
  readonly stage: Option.Option<string>
  readonly connection: Option.Option<string>
  readonly event: Option.Option<string>
  /** Dead letters before this time, in milliseconds since the epoch. */
  readonly until: number
}

export const isSelected = ({ id, deadLetter }: DeadLetterEntry, selection: Selection): boolean =>
  (selection.ids.length === 0 || selection.ids.includes(id)) &&
  isReason(selection.reason, deadLetter.reason_code) &&
  // `delivery` stands for the stages of all platforms.
  (fits(selection.stage, deadLetter.stage) || fits(selection.stage, deadLetter.stage.split("-", 1)[0]!)) &&
  fits(selection.connection, deadLetter.connection_id) &&
  fits(selection.event, deadLetter.event_id) &&
  deadLetter.timestamp < selection.until

const fits = (wanted: Option.Option<string>, found: string | null): boolean =>
  Option.isNone(wanted) || wanted.value === found

/** What keeps a dead letter from going by what its marks say: a delivered event never goes again; null where nothing does. */
export const finishedBy = (
  { id, deadLetter }: { readonly id: string; readonly deadLetter: Pick<DeadLetter, "connection_id" | "request_id"> },
  marks: Marks,
  again: boolean
): string | null => {
  if (marks.resolvedBy(deadLetter) !== null) return "delivered_after_all"
  return marks.redriven.has(id) && !again ? "redriven_before" : null
}

/** Why a dead letter stays where it is; null where it can go. */
export const obstacleOf = ({ deadLetter }: DeadLetterEntry, enabled: ReadonlySet<string>): string | null => {
  if (deadLetter.original === null) return "no_original"
  if (deadLetter.connection_id !== null && !enabled.has(deadLetter.connection_id)) return "connection_not_enabled"
  return destinationOf(deadLetter) === null ? "unknown_stage" : null
}

/** The topic whose reader gave the dead letter up, without prefix. */
export const destinationOf = ({ stage, source_topic, platform }: DeadLetterEntry["deadLetter"]): string | null => {
  if (stage === "normalizer" || stage === "mapper" || stage === topicNames.consentChanges) return source_topic
  // Never the delayed retries: their rounds are over, and delivery starts from the mapped event.
  return stage.startsWith("delivery-") && platform !== null ? topicNames.mapped(platform) : null
}

/**
 * The original for the stage that gave it up, with its key and on its partition; for one connection alone where the dead letter
 * is one connection's, so that the others do not get the event again.
 */
export const redrivenRecord = (
  { id, deadLetter }: DeadLetterEntry,
  open: OpenOriginal,
  prefix: string
): Result.Result<ProducedRecord, CommandError | SealError> =>
  Result.map(open(deadLetter), ({ key, value }) => ({
    topic: `${prefix}${destinationOf(deadLetter)}`,
    partition: deadLetter.source_partition,
    key,
    value,
    headers: headersOf(id, deadLetter.connection_id)
  }))

export const headersOf = (id: string, connection: string | null): Record<string, string> => ({
  redrive: id,
  ...(connection === null ? {} : { [headerNames.connection]: connection })
})

/** The mark that keeps a dead letter from being redriven by mistake: found by its header, on the same partition. */
export const markOf = ({ id, partition, deadLetter }: DeadLetterEntry, prefix: string): ProducedRecord => ({
  topic: prefix + deadLettersTopic,
  partition,
  key: deadLetterKey(deadLetter),
  value: null,
  headers: { [deadLetterHeaders.redriven]: id }
})

/** Takes the refusal back, as the event goes to its connection again: a repeat that is published later is a repeat there too. */
export const revokedRefusal = (
  { deadLetter }: DeadLetterEntry,
  prefix: string,
  now: number
): ReadonlyArray<ProducedRecord> => {
  const { event_id: eventId, connection_id: connectionId, stage, source_partition, source_offset } = deadLetter
  if (eventId === null || connectionId === null || !stage.startsWith("delivery-")) return []
  // Which occurrence it was does not matter to what takes the refusal back.
  const source = placeOf({ partition: source_partition, offset: source_offset, timestamp: 0 })
  const { topic, key, value } = refusalRecord({ eventId, connectionId, source }, "taken", now)
  return [{ topic: prefix + topic, key, value }]
}
