/** The records by which events of unknown outcome are sent again. */
import * as Arrays from "effect/Array"
import * as Effect from "effect/Effect"
import type { EventDeliveryLog } from "../../schemas/types.gen.ts"
import { SettingsService } from "../../shared/config/settings.ts"
import type { FetchedRecord } from "../../shared/kafka/client.ts"
import { detached } from "../../shared/kafka/last-records.ts"
import { readTopic } from "../../shared/kafka/read-topic.ts"
import { headerNames, topicNames } from "../../shared/model/topics.ts"

/**
 * The events' newest mapped records, marked as a person's request, for the partition that remembers their intents. `underWay` are those
 * that are sent again already for the same result: a command that is given twice sends once.
 */
export const recordsToResend = Effect.fnUntraced(function* (chosen: ReadonlyArray<EventDeliveryLog>) {
  const prefix = (yield* SettingsService).topicPrefix
  const wanted = new Map(chosen.map((log) => [eventAtConnection(log.event_id, log.connection_id), log]))
  const found = new Map<string, FetchedRecord>()
  const requested = new Set<string>()
  for (const platform of Arrays.dedupe(chosen.map((log) => log.platform)))
    for (const topic of [topicNames.mapped(platform), topicNames.retry(platform)])
      yield* readTopic({
        topic,
        from: { _tag: "Beginning" },
        follow: false,
        onRecords: (records) => {
          for (const record of records) {
            const key = eventAtConnection(
              record.key?.toString("utf8") ?? "",
              record.headers[headerNames.connection] ?? ""
            )
            const log = wanted.get(key)
            if (log === undefined) continue
            found.set(key, detached(record))
            if (record.headers[headerNames.resendOf] === String(log.timestamp)) requested.add(key)
          }
        }
      })
  const records = [...wanted].flatMap(([key, log]) => {
    const record = found.get(key)
    if (record === undefined || requested.has(key)) return []
    const { partition, key: own, value, headers } = record
    return {
      topic: prefix + topicNames.mapped(log.platform),
      partition,
      key: own,
      value,
      headers: { ...headers, [headerNames.resend]: "true", [headerNames.resendOf]: String(log.timestamp) }
    }
  })
  const those = (holds: (key: string) => boolean) => [...wanted].filter(([key]) => holds(key)).map(([, log]) => log)
  return {
    records,
    missing: those((key) => !found.has(key)),
    underWay: those((key) => requested.has(key))
  }
})

/** A name of the two. */
export const eventAtConnection = (eventId: string, connectionId: string): string => `${connectionId}|${eventId}`
