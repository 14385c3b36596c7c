/** What a redrive would send where. Pure, but for the reading of dead letters and the opening of sealed originals. */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import type { DeadLetter } from "../../schemas/types.gen.ts"
import { SettingsService } from "../config/settings.ts"
import type { SealError } from "../credentials/sealer.ts"
import { placeOf } from "../dedup/deduplicator.ts"
import { refusalRecord } from "../dedup/refusals.ts"
import type { ProducedRecord } from "../kafka/client.ts"
import type { StartPosition } from "../kafka/read-topic.ts"
import { readDecidedConnections } from "../ledger/decided-connections.ts"
import { deadLetterHeaders, deadLetterKey, isReason } from "../model/dead-letter.ts"
import { headerNames, topicNames } from "../model/topics.ts"
import type { RedriveError } from "./dead-letter-entries.ts"
import {
  type DeadLetterEntry,
  deadLettersTopic,
  keysAtHand,
  type Marks,
  type OpenOriginal,
  scanDeadLetters
} from "./dead-letter-entries.ts"

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

/** What a redrive takes of the dead letters from a start position on. */
export interface RedriveChoice {
  readonly from: StartPosition
  readonly selection: Selection
  /** The enabled connections: ids, each with its platform. */
  readonly connections: ReadonlyMap<string, string>
  /** Also those that were redriven before. */
  readonly again: boolean
  /** Map what a delivery gave up again, instead of sending its payload again. */
  readonly remap: boolean
}

export interface RedrivePlan {
  readonly deadLetters: number
  readonly groups: ReadonlyArray<{
    readonly stage: string
    readonly reason_code: string
    readonly connection_id: string | null
    readonly platform: string | null
    /** The topic that they go to, without prefix. */
    readonly to: string
    readonly deadLetters: number
    /** Those of them that a request has carried before, or may have. */
    readonly sentBefore: number
  }>
  /** Dead letters that stay, by why: see `whyTheyStay`. */
  readonly left: Readonly<Record<string, number>>
}

/** Counts what a redrive would send; `onEntry` sees every dead letter. */
export const planRedrive = Effect.fnUntraced(function* (
  { from, selection, again, ...choice }: RedriveChoice,
  onEntry: (one: DeadLetterEntry) => void = () => undefined
) {
  const groups = new Map<string, { -readonly [K in keyof Group]: Group[K] }>()
  // Marks come after their dead letters, so which are left is known at the end.
  const found: Array<Found> = []
  const hasKey = yield* keysAtHand
  const decided = yield* connectionsOfMapper
  const marks = yield* scanDeadLetters(from, (page) =>
    Effect.sync(() => {
      for (const one of page) {
        onEntry(one)
        if (!isSelected(one, selection)) continue
        const { stage, reason_code, connection_id, platform, request_id, attempts } = one.deadLetter
        const group = JSON.stringify([stage, reason_code, connection_id])
        const wasSent = attempts > 0 || request_id !== null
        const obstacle = obstacleOf(one, { ...choice, decided, hasKey })
        found.push({ id: one.id, deadLetter: { connection_id, request_id }, group, obstacle, wasSent })
        const to = destinationOf(one.deadLetter) ?? ""
        if (!groups.has(group))
          groups.set(group, { stage, reason_code, connection_id, platform, to, deadLetters: 0, sentBefore: 0 })
      }
    })
  )
  const left: Record<string, number> = {}
  let deadLetters = 0
  for (const one of found) {
    const why = finishedBy(one, marks, again) ?? one.obstacle
    if (why !== null) {
      left[why] = (left[why] ?? 0) + 1
      continue
    }
    deadLetters++
    const group = groups.get(one.group)!
    group.deadLetters++
    if (one.wasSent) group.sentBefore++
  }
  return {
    deadLetters,
    groups: [...groups.values()].filter((group) => group.deadLetters > 0),
    left
  } satisfies RedrivePlan
})

type Group = RedrivePlan["groups"][number]

interface Found {
  readonly id: string
  readonly deadLetter: Pick<DeadLetter, "connection_id" | "request_id">
  readonly group: string
  readonly obstacle: string | null
  readonly wasSent: boolean
}

/** For people: the end of the sentence "3 stay: …". */
export const whyTheyStay: Readonly<Record<string, string>> = {
  redriven_before: "they were redriven before (--again takes them, too)",
  delivered_after_all: "the platform delivered their events after all",
  connection_not_enabled: "their connection is not in the file of connections, or not enabled",
  connection_not_taken:
    "the mapper does not have their connection, or has it with another platform: restart it, unless it reads the file again, and see that its file is this one",
  other_platform: "their connection is of another platform by now (--remap maps their events for it)",
  no_original: "they hold no original",
  other_key: "their originals are sealed under a master key that is not at hand (add it to CAPI_MASTER_KEY_PREVIOUS)",
  unknown_stage: "their stage is not known"
}

export const isSelected = ({ id, deadLetter }: DeadLetterEntry, selection: Selection): boolean =>
  (selection.ids.length === 0 || selection.ids.includes(id)) &&
  (Option.isNone(selection.reason) || isReason(selection.reason.value, deadLetter.reason_code)) &&
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

/** By what a dead letter may be held up. */
export interface Obstacles extends Pick<RedriveChoice, "connections" | "remap"> {
  /** The connections that the mapper decides for, each with its platform; null where it has not said so. */
  readonly decided: ReadonlyMap<string, string> | null
  readonly hasKey: (deadLetter: DeadLetter) => boolean
}

/** Why a dead letter stays where it is; null where it can go. */
export const obstacleOf = ({ deadLetter }: DeadLetterEntry, obstacles: Obstacles): string | null => {
  if (deadLetter.original === null) return "no_original"
  const byConnection = deadLetter.connection_id === null ? null : connectionObstacle(deadLetter, obstacles)
  if (byConnection !== null) return byConnection
  if (destinationOf(deadLetter) === null) return "unknown_stage"
  return obstacles.hasKey(deadLetter) ? null : "other_key"
}

const connectionObstacle = (
  { connection_id, platform, stage }: DeadLetter,
  { connections, decided, remap }: Obstacles
): string | null => {
  const enabledFor = connections.get(connection_id ?? "")
  if (enabledFor === undefined) return "connection_not_enabled"
  if (decided !== null && decided.get(connection_id ?? "") !== enabledFor) return "connection_not_taken"
  // The former platform's delivery does not read for it any more.
  return stage.startsWith("delivery-") && platform !== enabledFor && !remap ? "other_platform" : null
}

/** What the mapper said last of the connections that it decides for. */
export const connectionsOfMapper = Effect.gen(function* () {
  const { topicPrefix } = yield* SettingsService
  return (yield* readDecidedConnections(topicPrefix)).current
})

/** The topic whose reader gave the dead letter up, without prefix. */
const destinationOf = ({ stage, source_topic, platform }: DeadLetterEntry["deadLetter"]): string | null => {
  if (stage === "normalizer" || stage === "mapper" || stage === topicNames.consentChanges) return source_topic
  // Never the delayed retries: their rounds are over, and delivery starts from the mapped event.
  return stage.startsWith("delivery-") && platform !== null ? topicNames.mapped(platform) : null
}

/**
 * The original for the stage that gave it up, with its key and on its partition; for one connection alone where the dead letter
 * is one connection's, so that the others do not get the event again.
 */
export const redrivenRecord = (
  { id, deadLetter, trace = {} }: DeadLetterEntry,
  open: OpenOriginal,
  prefix: string
): Result.Result<ProducedRecord, RedriveError | SealError> =>
  Result.map(open(deadLetter), ({ key, value }) => ({
    topic: `${prefix}${destinationOf(deadLetter)}`,
    partition: deadLetter.source_partition,
    key,
    value,
    headers: { ...headersOf(id, deadLetter), ...trace }
  }))

export const headersOf = (
  id: string,
  { connection_id, platform }: Pick<DeadLetter, "connection_id" | "platform">
): Record<string, string> => ({
  redrive: id,
  ...(connection_id === null ? {} : { [headerNames.connection]: connection_id }),
  ...(connection_id === null || platform === null ? {} : { [headerNames.platform]: platform })
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
