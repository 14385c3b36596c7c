/** When the last copy of a record is gone from each topic that holds personal data, by the topics' settings at the broker. */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { expandPlatforms } from "../../../shared/codec/schemas.ts"
import { SettingsService } from "../../../shared/config/settings.ts"
import { KafkaClient } from "../../../shared/kafka/client.ts"
import { topicNames } from "../../../shared/model/topics.ts"
import { CommandError } from "../cli.ts"

export interface Deadline {
  readonly topic: string
  /** `retention`: the broker deletes it. `secret`: nothing opens it any more. `compaction`: a tombstone removes it. */
  readonly by: "retention" | "secret" | "compaction"
  /** In milliseconds since the epoch; null where it is kept for ever. */
  readonly goneBy: number | null
}

const settings = ["retention.ms", "segment.ms", "max.compaction.lag.ms"] as const
/** How often a broker looks for segments to delete or to compact (log.retention.check.interval.ms, and its delay of a file's deletion). */
const brokerMillis = 6 * 60_000

/** For an erasure that is asked for `now` and destroys the secrets at `destroyAt`, both in milliseconds since the epoch. */
export const deadlinesOf = Effect.fnUntraced(function* (now: number, destroyAt: number) {
  const { topicPrefix, eventLog } = yield* SettingsService
  const isSealed = eventLog === topicNames.sealed
  const topics = [
    topicNames.raw,
    ...(isSealed ? [topicNames.sealed, topicNames.personKeys] : []),
    topicNames.normalized,
    ...expandPlatforms("mapped-events.{platform}"),
    ...expandPlatforms("delivery-retry.{platform}"),
    topicNames.deadLetters,
    topicNames.consentChanges
  ]
  const found = yield* (yield* KafkaClient).topicConfigs(
    topics.map((topic) => topicPrefix + topic),
    settings
  )
  return found.map(({ name, config }): Deadline => {
    const topic = name.slice(topicPrefix.length)
    const of = (setting: (typeof settings)[number]) => Number(config[setting] ?? Number.POSITIVE_INFINITY)
    if (topic === topicNames.sealed) return { topic, by: "secret", goneBy: destroyAt }
    if (topic === topicNames.personKeys) {
      const lag = Math.min(of("segment.ms"), of("max.compaction.lag.ms")) + of("max.compaction.lag.ms")
      return { topic, by: "compaction", goneBy: finite(destroyAt + lag + brokerMillis) }
    }
    const retention = of("retention.ms")
    return {
      topic,
      by: "retention",
      goneBy: retention < 0 ? null : finite(now + retention + of("segment.ms") + brokerMillis)
    }
  })
})

/** Null where one of the topics keeps its records for ever. */
export const lastOf = (deadlines: ReadonlyArray<Deadline>): number | null =>
  deadlines.reduce<number | null>(
    (latest, { goneBy }) => (latest === null || goneBy === null ? null : Math.max(latest, goneBy)),
    0
  )

/** What the law gives: a month (GDPR, article 12, paragraph 3), counted as its shortest. */
export const lawfulMillis = 28 * 86_400_000

const graceMax = Duration.days(365)

/** The length of a grace window, in milliseconds. One that ended before the request would spare the secrets that were made since. */
export const graceOf = (text: string): Effect.Effect<number, CommandError> =>
  Effect.fromOption(Duration.fromInput(text as Duration.Input)).pipe(
    Effect.filterOrFail((grace) => Duration.between(grace, { minimum: Duration.zero, maximum: graceMax })),
    Effect.map(Duration.toMillis),
    Effect.mapError(
      () =>
        new CommandError({
          code: "invalid_grace",
          message: `${JSON.stringify(text)} is no length of time from 0 to ${Duration.format(graceMax)}.`,
          nextStep: 'Give such as --grace "12 hours".',
          exitCode: 2
        })
    )
  )

const finite = (millis: number): number | null => (Number.isFinite(millis) ? millis : null)
