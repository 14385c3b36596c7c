/** Reads the last raw events in bounded memory, and finds what is wrong with their ids. */
import * as Effect from "effect/Effect"
import { readRecord } from "../../../processors/normalizer/read/read-record.ts"
import type { Codecs } from "../../../shared/codec/codecs.ts"
import { type FetchedRecord, KafkaClient } from "../../../shared/kafka/client.ts"
import { releasing } from "../../../shared/kafka/read-topic.ts"
import { topicNames } from "../../../shared/model/topics.ts"
import type { Check } from "./check.ts"
import { eventIdFindings, type SampledEvent, sampledOf } from "./event-ids.ts"

/** Of all partitions together. */
const recordsMax = 2_000
const recordBytesMax = 1_048_576

export type Decoding = Pick<Codecs["Service"], "decode" | "loadSchemas">

export const eventChecks = (prefix: string, codecs: Decoding): ReadonlyArray<Check<KafkaClient>> => [
  {
    group: "events",
    name: "event ids",
    run: Effect.map(sample(prefix + topicNames.raw, codecs), eventIdFindings)
  }
]

const sample = (topic: string, codecs: Decoding) =>
  Effect.gen(function* () {
    const kafka = yield* KafkaClient
    const ends = yield* kafka.topicOffsets(topic)
    const each = Math.ceil(recordsMax / Math.max(1, ends.length))
    const events: Array<SampledEvent> = []
    yield* kafka.read({
      topic,
      ranges: ends
        .filter(({ low, high }) => low < high)
        .map(({ partition, low, high }) => ({ partition, from: Math.max(low, high - each), to: high })),
      onRecords: releasing(
        Effect.fnUntraced(function* (records: ReadonlyArray<FetchedRecord>) {
          yield* codecs.loadSchemas(records.map(({ value }) => value))
          for (const { partition, offset, value } of records) {
            const read = readRecord(value, (avro) => codecs.decode("raw-event", avro), recordBytesMax)
            const position = `${partition}:${offset}`
            if (read._tag === "Read") events.push(sampledOf(position, read.raw))
            else if (/^(?:missing|invalid)_event_id$/.test(read.problem.reason))
              events.push({ position, id: null, name: "", orderId: null, content: position })
          }
        })
      )
    })
    return events
  })
