/** Reads what a run left on its topics. */
import * as Effect from "effect/Effect"
import type { DeadLetter } from "../../schemas/types.gen.ts"
import { Codecs, type Records, type SchemaName } from "../../shared/codec/codecs.ts"
import { type FetchedRecord, KafkaClient } from "../../shared/kafka/client.ts"

export const readDeadLetters = (prefix: string) =>
  Effect.gen(function* () {
    const letters: Array<DeadLetter> = []
    yield* readDecoded(`${prefix}dead-letters`, "dead-letter", (letter) => void letters.push(letter))
    return letters
  })

/** Connection → states that it announced: of the circuit, and `paused` where a credential was refused. */
export const readStates = (prefix: string) =>
  Effect.gen(function* () {
    const states: Record<string, Set<string>> = {}
    yield* readDecoded(`${prefix}connector-state`, "connector-state", (state) => {
      states[state.connection_id] ??= new Set()
      states[state.connection_id]?.add(state.circuit_state)
      if (state.cause === "auth") states[state.connection_id]?.add("paused")
    })
    return states
  })

const readDecoded = Effect.fnUntraced(function* <S extends SchemaName>(
  topic: string,
  schema: S,
  use: (value: Records[S]) => void
) {
  const kafka = yield* KafkaClient
  const codecs = yield* Codecs
  const ends = yield* kafka.topicOffsets(topic)
  yield* kafka.read({
    topic,
    ranges: ends
      .filter(({ low, high }) => low < high)
      .map(({ partition, low, high }) => ({ partition, from: low, to: high })),
    onRecords: Effect.fnUntraced(function* (records: ReadonlyArray<FetchedRecord>) {
      yield* codecs.loadSchemas(records.map((record) => record.value))
      for (const record of records) {
        const decoded = codecs.decode(schema, record.value)
        if (decoded._tag === "Decoded") use(decoded.value)
      }
    })
  })
})
