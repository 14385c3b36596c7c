/**
 * Gives up what waits for a connection: results, dead letters, refusals and the group's offset are one transaction a page. No program may
 * read for the connection meanwhile, so that none is both sent and given up.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import { unreadableDeadLetter } from "../../processors/delivery/engine/records.ts"
import type { MappedEvent } from "../../schemas/types.gen.ts"
import { Codecs } from "../../shared/codec/codecs.ts"
import { SettingsService } from "../../shared/config/settings.ts"
import { KeyRing } from "../../shared/credentials/key-ring.ts"
import { requiredSealer, type SealerShape, sealedDeadLetter } from "../../shared/credentials/sealer.ts"
import { placeOf } from "../../shared/dedup/deduplicator.ts"
import { refusalRecord } from "../../shared/dedup/refusals.ts"
import { type FetchedRecord, KafkaClient, type ProducedRecord } from "../../shared/kafka/client.ts"
import { deadLetterRecord, deliveryStage } from "../../shared/model/dead-letter.ts"
import { deliveryResultRecord } from "../../shared/model/delivery-result.ts"
import type { Platform } from "../../shared/model/platform.ts"
import { headerNames, topicNames } from "../../shared/model/topics.ts"
import { positionsOf, storedPositions } from "../../shared/runtime/positions.ts"
import { CommandError } from "./cli.ts"

/** How many events were given up. Fails while the connection's delivery runs somewhere. */
export const giveUpEvents = Effect.fnUntraced(function* (connectionId: string, platform: Platform) {
  const kafka = yield* KafkaClient
  const { topicPrefix: prefix } = yield* SettingsService
  const processor = `delivery-${platform}.${connectionId}`
  // Programs that were started with an earlier file of connections may still deliver to it.
  if ((yield* kafka.groups).some(({ processors }) => processors.includes(processor)))
    return yield* stillRunning(connectionId)
  const stored = yield* storedPositions(prefix)
  const groupId = prefix + processor
  let givenUp = 0
  for (const name of [topicNames.mapped(platform), topicNames.retry(platform)]) {
    const topic = prefix + name
    const committed = yield* positionsOf(stored, prefix, processor, name)
    for (const { partition, low, high } of yield* kafka.topicOffsets(topic)) {
      const from = Math.max(low, committed.get(partition) ?? 0)
      if (from >= high) continue
      givenUp += yield* Effect.scoped(
        giveUpPartition({ connectionId, platform, groupId, name, prefix, partition, from, to: high })
      )
    }
  }
  return givenUp
})

const giveUpPartition = Effect.fnUntraced(function* (options: {
  readonly connectionId: string
  readonly platform: Platform
  readonly groupId: string
  /** Without prefix. */
  readonly name: string
  readonly prefix: string
  readonly partition: number
  readonly from: number
  readonly to: number
}) {
  const { connectionId, platform, groupId, name, prefix, partition, from, to } = options
  const kafka = yield* KafkaClient
  const codecs = yield* Codecs
  const sealer = yield* Effect.provide(requiredSealer, KeyRing.layer)
  const topic = prefix + name
  const producer = yield* kafka.transactional(`${groupId}.${topic}.${partition}`)
  let givenUp = 0
  const commit = (records: ReadonlyArray<ProducedRecord>, next: number) =>
    producer.commit({ records, offsets: [{ groupId, topic, partition, next }] })
  yield* kafka.read({
    topic,
    ranges: [{ partition, from, to }],
    onRecords: Effect.fnUntraced(function* (page: ReadonlyArray<FetchedRecord>) {
      const chosen = page.filter(({ headers }) => headers[headerNames.connection] === connectionId)
      yield* codecs.loadSchemas(chosen.map(({ value }) => value))
      const now = yield* Clock.currentTimeMillis
      const records: Array<ProducedRecord> = []
      for (const record of chosen) {
        const decoded = codecs.decode("mapped-event", record.value)
        const at = { name, prefix, sealer, now }
        if (decoded._tag === "Decoded") records.push(...recordsOf(codecs, record, decoded.value, at))
        else {
          // A record that is not an event has no result, as in a delivery.
          const entry = unreadableDeadLetter(
            sealer,
            { ...record, topic: name },
            decoded,
            { id: connectionId, platform },
            now
          )
          records.push(prefixed(prefix, deadLetterRecord(codecs, entry)))
        }
      }
      givenUp += chosen.length
      yield* commit(records, (page.at(-1)?.offset ?? from) + 1)
    })
  })
  yield* commit([], to)
  return givenUp
})

const recordsOf = (
  codecs: Codecs["Service"],
  record: FetchedRecord,
  event: MappedEvent,
  { name, prefix, sealer, now }: GiveUpContext
): ReadonlyArray<ProducedRecord> => {
  const message = "The connection does not deliver any more; a person gave up what waited for it."
  const common = {
    event_id: event.event_id,
    event_name: event.event_name,
    connection_id: event.connection_id,
    platform: event.platform,
    timestamp: now,
    reason_code: reason
  }
  const { partition, offset, timestamp, key, value } = record
  const entry = sealedDeadLetter(
    sealer,
    { topic: name, partition, offset, timestamp, key, value },
    {
      ...common,
      stage: deliveryStage(event.platform),
      message,
      attempts: event.attempts,
      next_step: "Enable the connection under this id and redrive it, if it is still wanted."
    }
  )
  const result = deliveryResultRecord(codecs, {
    ...common,
    error_message: message,
    retry_count: Math.max(0, event.attempts - 1),
    outcome: "dead_lettered",
    mapping_version: event.mapping_version,
    platform_event: event.platform_event,
    event_time: event.event_time,
    match_quality: event.match_quality,
    dropped_fields: event.dropped_fields,
    source: event.source
  })
  // Published again, the event goes to the connection, as one that its delivery made a dead letter of.
  const at = { eventId: event.event_id, connectionId: event.connection_id, source: placeOf(event.source) }
  return [result, deadLetterRecord(codecs, entry), refusalRecord(at, "refused", now)].map((one) =>
    prefixed(prefix, one)
  )
}

interface GiveUpContext {
  /** Topic of the record, without prefix. */
  readonly name: string
  readonly prefix: string
  readonly sealer: SealerShape
  readonly now: number
}

const prefixed = (prefix: string, record: ProducedRecord): ProducedRecord => ({
  ...record,
  topic: prefix + record.topic
})

const reason = "connection_removed"

const stillRunning = (connectionId: string) =>
  new CommandError({
    code: "group_running",
    message: `The delivery of ${connectionId} has running members.`,
    nextStep: "Stop the delivery that still has the old file of connections, then give up what waits."
  })
