/** What commands write about erasures: entries of the topic `erasure-log`, in transactions with the suppressions that they are about. */
import * as Effect from "effect/Effect"
import type { ErasureLogEntry } from "../../../schemas/types.gen.ts"
import { Codecs } from "../../../shared/codec/codecs.ts"
import { SettingsService } from "../../../shared/config/settings.ts"
import { KafkaClient, type ProducedRecord } from "../../../shared/kafka/client.ts"
import { topicNames } from "../../../shared/model/topics.ts"
import { CommandError } from "../cli.ts"

/** Writes records and entries, all or none. @param records topics without prefix */
export const writeErasure = Effect.fnUntraced(function* (
  records: ReadonlyArray<ProducedRecord>,
  entries: ReadonlyArray<ErasureLogEntry>
) {
  const codecs = yield* Codecs
  const { topicPrefix } = yield* SettingsService
  const logged = entries.map((entry) => ({
    topic: topicNames.erasureLog,
    key: entry.erasure,
    value: codecs.encode(topicNames.erasureLog, "erasure-log-entry", entry)
  }))
  const producer = yield* (yield* KafkaClient).transactional(`${topicPrefix}capi-erase`)
  yield* producer
    .commit({
      records: [...records, ...logged].map((record) => ({ ...record, topic: topicPrefix + record.topic })),
      offsets: []
    })
    .pipe(Effect.catchIf((error) => error.code === "fenced", anotherErasure))
}, Effect.scoped)

/** An entry with its step's own fields. */
export const erasureEntry = (
  step: "requested" | "cancelled",
  erasure: string,
  timestamp: number,
  fields: Partial<ErasureLogEntry>
): ErasureLogEntry => ({
  erasure,
  step,
  timestamp,
  identifiers: 0,
  destroy_at: null,
  gone_by: null,
  partition: null,
  secrets: 0,
  ...fields
})

const anotherErasure = (cause: unknown) =>
  Effect.fail(
    new CommandError({
      code: "erasure_running",
      message: "Another erasure was written at the same time, and this one was not.",
      nextStep: "Run the command again.",
      cause
    })
  )
