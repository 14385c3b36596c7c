/** `./capi ledger` on a real broker: it balances, and names what is missing. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import os from "node:os"
import path from "node:path"
import { assert, inject, it } from "@effect/vitest"
import type * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { memoryCodecs } from "../../shared/avro/memory.ts"
import { layerKafka } from "../../shared/kafka/kafkajs-client.ts"
import { KafkaClient } from "../../shared/kafka/port.ts"
import { describeFailure } from "../../shared/program/failure.ts"
import { uniquePrefix } from "../../tests/support/kafka.ts"
import { createTopics } from "../topics/create-topics.ts"
import { jsonLines, runCommand } from "./testing.ts"

const connections =
  "version: 1\nconnections:\n  - { id: shop, platform: meta, account: { dataset_id: 1 }, credential: env:NONE }\n"

const folder = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(path.join(os.tmpdir(), "capi-ledger-"))),
  (made) => Effect.sync(() => rmSync(made, { recursive: true, force: true }))
)

// Red when the ledger leaves out what the normalizer's committed offset says.
it.live("exits with 1 and names a raw record that left no trace, in the range that was asked for", () =>
  Effect.gen(function* () {
    const file = path.join(yield* folder, "connections.yaml")
    yield* Effect.sync(() => writeFileSync(file, connections))
    const prefix = uniquePrefix("ledger")
    const capi = (...args: ReadonlyArray<string>) =>
      runCommand(args, {
        KAFKA_BROKERS: inject("brokers"),
        SCHEMA_REGISTRY_URL: inject("registryUrl"),
        CAPI_TOPIC_PREFIX: prefix,
        CAPI_CONNECTIONS: file
      })
    const client = yield* KafkaClient
    yield* createTopics(prefix)
    const topic = `${prefix}raw-events`
    const at = 1_795_000_000_000
    yield* client.produce([{ topic, partition: 0, key: null, value: Buffer.from("{}"), timestamp: at }])
    assert.isTrue(Exit.isSuccess((yield* capi("ledger")).exit), "what nobody has read yet is in flight")
    yield* client.resetOffsets(`${prefix}normalizer`, topic, [{ partition: 0, offset: 1 }])
    const { exit, out } = yield* capi("ledger", "--json")
    assert.deepInclude(jsonLines(out)[0], { balanced: false, raw_events: 1, missing_raw: ["0:0"] })
    const failure = Exit.isFailure(exit) ? describeFailure(exit.cause as Cause.Cause<unknown>) : null
    assert.deepInclude(failure, { code: "not_balanced", exitCode: 1 })
    const before = yield* capi("ledger", "--until", new Date(at - 1_000).toISOString())
    assert.isTrue(Exit.isSuccess(before.exit), "outside the range it doesn't count")
  }).pipe(Effect.provide([layerKafka({ brokers: inject("brokers").split(",") }), memoryCodecs]))
)
