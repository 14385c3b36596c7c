/** An event that one platform took and another refused: what is published again reaches the one that refused it, once. */
import { assert, layer } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import { declaredTopics } from "../../infra/topics/declared-topics.ts"
import { deliveryDefaults } from "../../processors/delivery/engine/settings.ts"
import {
  codecs,
  connectorWith,
  fakePlatform,
  ok,
  processorOver,
  respond,
  someInvalid
} from "../../processors/delivery/engine/testing.ts"
import { mapper } from "../../processors/mapper/mapper.ts"
import { connectorFor } from "../../shared/connectors/registry.ts"
import { KafkaClient } from "../../shared/kafka/client.ts"
import { layerKafka } from "../../shared/kafka/kafkajs/adapter.ts"
import { layerRuntimeOptions } from "../../shared/runtime/contract.ts"
import { run } from "../../shared/runtime/runtime.ts"
import { connectionOf, eventTime, purchase, testSealer } from "../../shared/testing/event-fixture.ts"
import { readAll, until } from "../../shared/testing/kafka-probe.ts"
import { memoryCodecs } from "../../shared/testing/memory-codecs.ts"
import { testBrokers, uniquePrefix } from "../harness/test-services.ts"

const connections = ["strict", "lenient"].map((id) => {
  const connection = connectionOf("meta", { maxAgeDays: null }, { id, credential: "env:TOKEN" })
  return { ...connection, limits: { ...connection.limits, linger: null } }
})
const layerTest = Layer.merge(layerKafka({ brokers: testBrokers(), sessionTimeoutMillis: 6_000 }), memoryCodecs)

layer(layerTest, { excludeTestServices: true })("a repaired event", (it) => {
  it.effect("reaches the connection whose platform refused it, and no other", () =>
    Effect.gen(function* () {
      const client = yield* KafkaClient
      const prefix = uniquePrefix("repaired")
      yield* client.createTopics(declaredTopics(prefix, 1))
      const options = layerRuntimeOptions({ prefix, drainTimeout: Duration.seconds(5) })
      const sent: Array<string> = []
      let isRepaired = false
      const deliveries = connections.map((connection) => {
        const platform = fakePlatform((asked) =>
          Effect.sync(() => {
            sent.push(...asked.ids.map((id) => `${connection.id} ${id}`))
            return connection.id === "strict" && !isRepaired ? respond(someInvalid, 400) : respond(ok)
          })
        )
        const services = { ...platform, partitionsTotal: Effect.succeed(4) }
        return Effect.scoped(
          Effect.flatMap(
            processorOver({ connector: connectorWith(), connection, settings: deliveryDefaults, services }),
            run
          )
        )
      })
      const targets = connections.map((connection) => ({ connection, connector: connectorFor("meta") }))
      const programs = yield* Effect.forEach([run(mapper(targets, testSealer)), ...deliveries], (program) =>
        Effect.forkChild(Effect.provide(program, options))
      )
      const outcomes = Effect.map(readAll(`${prefix}delivery-results`), (records) =>
        records.flatMap(({ value }) => {
          const decoded = codecs.decode("event-delivery-log", value)
          if (decoded._tag !== "Decoded") return []
          const { connection_id, outcome, reason_code, source } = decoded.value
          return [`${source?.offset} ${connection_id} ${outcome} ${reason_code}`]
        })
      )
      let offset = 0
      const publish = Effect.suspend(() => {
        const source = { topic: "raw-events", partition: 0, offset: offset++, timestamp: eventTime }
        const value = codecs.encode("normalized-events", "normalized-event", purchase({ event_id: "o-42", source }))
        return client.produce([{ topic: `${prefix}normalized-events`, key: "o-42", value }])
      })
      const published = (results: number) =>
        Effect.andThen(
          publish,
          until(`${results} results`, () => Effect.map(outcomes, (found) => found.length === results))
        )
      yield* published(2)
      isRepaired = true
      yield* published(4)
      yield* published(6)
      yield* Fiber.interruptAll(programs)
      assert.sameMembers(
        [...(yield* outcomes)],
        [
          "0 strict rejected 100",
          "0 lenient delivered null",
          "1 strict delivered null",
          "1 lenient skipped duplicate",
          "2 strict skipped duplicate",
          "2 lenient skipped duplicate"
        ]
      )
      assert.sameMembers(sent, ["strict o-42", "lenient o-42", "strict o-42"])
    })
  )
})
