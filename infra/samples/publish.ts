/** Publishes the sample events as producers do: most as JSON, some as Confluent-Avro, a few as bytes that are neither. */

import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type { RawEvent } from "../../schemas/types.gen.ts"
import { Codecs } from "../../shared/codec/codecs.ts"
import { KafkaClient } from "../../shared/kafka/client.ts"
import { topicNames } from "../../shared/model/topics.ts"
import { type JsonObject, type SampleEvent, sampleEvents } from "./sample-events.ts"

/** Every `of`-th sample, from the one at `index` on. */
export interface SamplePart {
  readonly index: number
  readonly of: number
}

/** How many records were published. Each run gives the events new ids, so that none is a duplicate of an earlier run's. */
export const publishSamples = Effect.fnUntraced(function* (prefix: string, { index, of }: SamplePart = all) {
  const kafka = yield* KafkaClient
  const codecs = yield* Codecs
  const now = yield* Clock.currentTimeMillis
  const encode = (event: JsonObject): Buffer => codecs.encode(topicNames.raw, "raw-event", event as unknown as RawEvent)
  const samples = sampleEvents(now, { rawEventSchemaId: encode(smallest).readUInt32BE(1) }).filter(
    (_, at) => at % of === index
  )
  const run = now.toString(36)
  yield* kafka.produce(
    samples.map((sample) => ({
      topic: `${prefix}${topicNames.raw}`,
      key: sample.key,
      value: bytesOf(sample, run, encode)
    }))
  )
  return samples.length
})

const all: SamplePart = { index: 0, of: 1 }

const smallest: JsonObject = { event_id: "e", event_name: "page_view", event_time: 0 }

const bytesOf = (sample: SampleEvent, run: string, encode: (event: JsonObject) => Buffer): Buffer | null => {
  if (sample.encoding === "bytes") return sample.bytes.length === 0 ? null : sample.bytes
  const event = ofRun(sample.json, run)
  return sample.encoding === "avro" ? encode(event) : Buffer.from(JSON.stringify(event))
}

const ofRun = (event: JsonObject, run: string): JsonObject =>
  typeof event.event_id === "string" && event.event_id.trim() !== ""
    ? { ...event, event_id: `${event.event_id}-${run}` }
    : event
