/** What a redrive would send where. Pure, but for the opening of sealed originals. */
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import { deadLetterHeaders } from "../../processors/delivery/engine/settings.ts"
import type { DeadLetter } from "../../schemas/types.gen.ts"
import type { SealError } from "../../shared/credentials/sealer.ts"
import { placeOf } from "../../shared/dedup/deduplicator.ts"
import { refusalRecord } from "../../shared/dedup/refusals.ts"
import type { ProducedRecord } from "../../shared/kafka/client.ts"
import { deadLetterKey } from "../../shared/model/dead-letter.ts"
import { headerNames, topicNames } from "../../shared/model/topics.ts"
import type { CommandError } from "./command-error.ts"
import { isReason } from "./known-values.ts"
import { deadLettersTopic, type Letter, type Marks, type Open } from "./letters.ts"

/** Which letters are meant; what is none narrows nothing. */
export interface Selection {
  readonly ids: ReadonlyArray<string>
  readonly reason: Option.Option<string>
  readonly stage: Option.Option<string>
  readonly connection: Option.Option<string>
  readonly event: Option.Option<string>
  /** Letters before this time, in milliseconds since the epoch. */
  readonly until: number
}

export const isSelected = ({ id, letter }: Letter, selection: Selection): boolean =>
  (selection.ids.length === 0 || selection.ids.includes(id)) &&
  isReason(selection.reason, letter.reason_code) &&
  // `delivery` stands for the stages of all platforms.
  (fits(selection.stage, letter.stage) || fits(selection.stage, letter.stage.split("-", 1)[0]!)) &&
  fits(selection.connection, letter.connection_id) &&
  fits(selection.event, letter.event_id) &&
  letter.timestamp < selection.until

const fits = (wanted: Option.Option<string>, found: string | null): boolean =>
  Option.isNone(wanted) || wanted.value === found

/** What keeps a letter from going by what its marks say: a delivered event never goes again; null where nothing does. */
export const doneOf = (
  { id, letter }: { readonly id: string; readonly letter: Pick<DeadLetter, "connection_id" | "request_id"> },
  marks: Marks,
  again: boolean
): string | null => {
  if (marks.resolvedBy(letter) !== null) return "delivered_after_all"
  return marks.redriven.has(id) && !again ? "redriven_before" : null
}

/** Why a letter stays where it is; null where it can go. */
export const obstacleOf = ({ letter }: Letter, enabled: ReadonlySet<string>): string | null => {
  if (letter.original === null) return "no_original"
  if (letter.connection_id !== null && !enabled.has(letter.connection_id)) return "connection_not_enabled"
  return destinationOf(letter) === null ? "unknown_stage" : null
}

/** The topic whose reader gave the letter up, without prefix. */
export const destinationOf = ({ stage, source_topic, platform }: Letter["letter"]): string | null => {
  if (stage === "normalizer" || stage === "mapper") return source_topic
  // Never the delayed retries: their rounds are over, and the mapped event begins anew.
  return stage.startsWith("delivery-") && platform !== null ? topicNames.mapped(platform) : null
}

/**
 * The original for the stage that gave it up, with its key and on its partition; for one connection alone where the letter
 * is one connection's, so that the others do not get the event again.
 */
export const redrivenRecord = (
  { id, letter }: Letter,
  open: Open,
  prefix: string
): Result.Result<ProducedRecord, CommandError | SealError> =>
  Result.map(open(letter), ({ key, value }) => ({
    topic: `${prefix}${destinationOf(letter)}`,
    partition: letter.source_partition,
    key,
    value,
    headers: headersOf(id, letter.connection_id)
  }))

export const headersOf = (id: string, connection: string | null): Record<string, string> => ({
  redrive: id,
  ...(connection === null ? {} : { [headerNames.connection]: connection })
})

/** The mark that keeps a dead letter from being redriven by mistake: found by its header, on the same partition. */
export const markOf = ({ id, partition, letter }: Letter, prefix: string): ProducedRecord => ({
  topic: prefix + deadLettersTopic,
  partition,
  key: deadLetterKey(letter),
  value: null,
  headers: { [deadLetterHeaders.redriven]: id }
})

/** Takes the refusal back, as the event goes to its connection again: a repeat that is published later is a repeat there too. */
export const refusalTakenBack = ({ letter }: Letter, prefix: string, now: number): ReadonlyArray<ProducedRecord> => {
  const { event_id: eventId, connection_id: connectionId, stage, source_partition, source_offset } = letter
  if (eventId === null || connectionId === null || !stage.startsWith("delivery-")) return []
  // Which occurrence it was does not matter to what takes the refusal back.
  const source = placeOf({ partition: source_partition, offset: source_offset, timestamp: 0 })
  const { topic, key, value } = refusalRecord({ eventId, connectionId, source }, "taken", now)
  return [{ topic: prefix + topic, key, value }]
}
