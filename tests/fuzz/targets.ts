import { readFileSync } from "node:fs"
import { assert } from "@effect/vitest"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import { defaultNormalizerOptions, normalize } from "../../processors/normalizer/normalize/normalize.ts"
import { problemReasons } from "../../processors/normalizer/normalize/problem.ts"
import { maskRecord } from "../../processors/normalizer/preview/mask.ts"
import { type JsonEvent, readRecord } from "../../processors/normalizer/read/read-record.ts"
import type { NormalizedEvent } from "../../schemas/types.gen.ts"
import type { SchemaName } from "../../shared/codec/codecs.ts"
import { recordTypes, schemaNames } from "../../shared/codec/schemas.ts"
import { parseConnections } from "../../shared/connections/connections.ts"
import { connectorCatalog } from "../../shared/connectors/load-connections.ts"
import { mapForConnection } from "../../shared/connectors/mapping/map.ts"
import { connectors } from "../../shared/connectors/registry.ts"
import { keyFits, newStore, openEntry, parseStore, sealEntry } from "../../shared/credentials/store-file.ts"
import { connectorKinds } from "../../shared/model/platform.ts"
import { redactDeep } from "../../shared/telemetry/redaction.ts"
import { mappedEvent } from "../../shared/testing/connector-fixture.ts"
import { connectionOf, purchase } from "../../shared/testing/event-fixture.ts"
import { makeMemoryCodecs } from "../../shared/testing/memory-codecs.ts"
import type { FuzzTarget } from "./fuzz.ts"
import { answer, answerSeeds, notification, webhookSeeds } from "./platform-targets.ts"

const now = Date.UTC(2026, 10, 23)
const codecs = makeMemoryCodecs()
const fileOf = (name: string): Buffer => readFileSync(new URL(`../../${name}`, import.meta.url))

/** A few sample events of each kind, the bad ones too. */
const samples = fileOf("examples/sample-events/sample-events.jsonl")
  .toString("utf8")
  .split("\n")
  .filter((line, index) => line !== "" && index % 9 === 0)
  .map((line) =>
    Buffer.from(JSON.stringify((JSON.parse(line) as { readonly event?: unknown }).event ?? JSON.parse(line)))
  )

export const fuzzTargets = async (): Promise<ReadonlyArray<FuzzTarget>> => [
  { name: "bytes", seeds: [...samples.slice(0, 10), ...avroSeeds().slice(0, 10)], run: rawRecord },
  { name: "json", seeds: samples, run: rawRecord },
  { name: "avro", seeds: avroSeeds(), run: avroRecord },
  { name: "connections", seeds: connectionsSeeds(), run: connectionsFile },
  { name: "webhook", seeds: webhookSeeds, run: notification },
  { name: "answers", seeds: await answerSeeds(), run: answer },
  { name: "store", seeds: [storeSeed()], run: storeFile }
]

// Every control character but the breaks of lines, and what changes the direction of a text.
const unwanted = /(?![\t\n\r])[\p{Cc}\u202a-\u202e\u2066-\u2069]/u

const textsIn = (value: unknown, into: Array<string> = []): ReadonlyArray<string> => {
  if (typeof value === "string") into.push(value)
  else if (value !== null && typeof value === "object")
    for (const [key, item] of Object.entries(value)) {
      into.push(key)
      textsIn(item, into)
    }
  return into
}

const assertClean = (value: unknown): void => {
  for (const text of textsIn(value)) {
    assert.isFalse(unwanted.test(text), `a control character is left in ${JSON.stringify(text.slice(0, 80))}`)
    assert.isTrue(text.isWellFormed(), "a lone surrogate is left")
  }
}

const rawRecord = (input: Buffer, choice: number): void => {
  followed(
    readRecord(input, (value) => codecs.decode("raw-event", value), 1_048_576),
    choice
  )
}

/** A raw event on its way to each platform. */
const followed = (read: JsonEvent, choice: number): void => {
  maskRecord("raw-event", read._tag === "Read" ? read.raw : read)
  if (read._tag === "Problem") {
    assert.include(problemReasons, read.problem.reason)
    return
  }
  const source = { topic: "raw-events", partition: 0, offset: 0, timestamp: now }
  const options = { ...defaultNormalizerOptions, now, defaultCountries: choice % 2 === 0 ? [] : ["US", "DE"] }
  const result = normalize(read.raw, source, options, read.dropped)
  if (result._tag === "Problem") {
    assert.include(problemReasons, result.problem.reason)
    assertClean({ ...result.problem, dropped: [] })
    return
  }
  assertClean({ ...result.event, dropped_fields: [] })
  const bytes = codecs.encode("normalized-events", "normalized-event", result.event)
  const decoded = codecs.decode("normalized-event", bytes)
  if (decoded._tag !== "Decoded") throw new Error("the normalized event cannot be read back")
  mapped(decoded.value, choice)
}

const mapped = (event: NormalizedEvent, choice: number): void => {
  const kind = connectorKinds[choice % connectorKinds.length]!
  const result = mapForConnection(event, connectionOf(kind), connectors[kind], now)
  if (result._tag !== "Mapped") {
    assert.match(result.reason, /^[a-z_]+$/)
    return
  }
  JSON.parse(result.event.payload)
  const bytes = codecs.encode(`mapped-events.${connectors[kind].platform}`, "mapped-event", result.event)
  assert.strictEqual(codecs.decode("sendable-event", bytes)._tag, "Decoded")
}

/** A frame of each schema with random values, and the samples as Avro. */
const avroSeeds = (): ReadonlyArray<Buffer> => [
  ...samples.flatMap((sample) => {
    const read = readRecord(sample, (value) => codecs.decode("raw-event", value), 1_048_576)
    return read._tag === "Read" && Number.isSafeInteger(read.raw.event_time)
      ? [codecs.encode("raw-events", "raw-event", read.raw)]
      : []
  }),
  codecs.encode("normalized-events", "normalized-event", purchase()),
  codecs.encode("mapped-events.meta", "mapped-event", mappedEvent(1))
]

const avroRecord = (input: Buffer, choice: number): void => {
  const schema = schemaNames[choice % schemaNames.length]!
  read(schema, input)
  // The frame's schema id decides how the rest is read: here it is the one that is asked for.
  const framed = Buffer.concat([Buffer.from([0, 0, 0, 0, schemaNames.indexOf(schema) + 1]), input.subarray(5)])
  read(schema, framed)
  if (schema === "raw-event") rawRecord(framed, choice)
  const event = schema === "normalized-event" ? codecs.decode("normalized-event", framed) : null
  if (event?._tag === "Decoded") mapped(event.value, choice)
}

const read = (schema: SchemaName, bytes: Buffer): void => {
  const decoded = codecs.decode(schema, bytes)
  if (decoded._tag === "Undecodable") {
    assert.isBelow(decoded.message.length, 1_000)
    return
  }
  redactDeep(decoded.value)
  maskRecord(schema, decoded.value)
  // What was read can be written, unless Avro has no such number.
  if (recordTypes[schema].isValid(decoded.value)) codecs.encode("any", schema, decoded.value as never)
}

/** The example, a connection each: the shorter a file, the more cases. */
const connectionsSeeds = (): ReadonlyArray<Buffer> => [
  ...fileOf("examples/connections.yaml")
    .toString("utf8")
    .split(/^(?= {2}- )/m)
    .slice(1)
    .map((connection) => Buffer.from(`version: 1\nconnections:\n${connection.replaceAll(/ +#.*/g, "")}`)),
  Buffer.from(
    "version: 1\ndefaults: &d { retry: { attempts: 3 } }\nconnections:\n  - { id: a, platform: meta, account: { dataset_id: 1 }, credential: env:A, resilience: *d }\n"
  )
]

const connectionsFile = (input: Buffer): void => {
  const result = parseConnections("connections.yaml", input.toString("utf8"), {
    catalog: connectorCatalog,
    variables: { A: "x" }
  })
  if (Result.isSuccess(result)) return
  assert.strictEqual(result.failure.code, "invalid")
  for (const { column, line, message } of result.failure.problems) {
    assert.isAbove(line, 0)
    assert.isAbove(column, 0)
    assert.isBelow(message.length, 20_000)
  }
}

const key = Buffer.alloc(32, 7)
const storeSeed = (): Buffer => {
  const entry = sealEntry(key, "meta", ["access_token"], now, Redacted.make("the-token"))
  return Buffer.from(
    JSON.stringify({ ...newStore(key, "0123456789abcdef", Buffer.alloc(16, 1)), entries: { meta: entry } })
  )
}

const storeFile = (input: Buffer): void => {
  const store = parseStore("store", input.toString("utf8"))
  if (Result.isFailure(store)) {
    assert.strictEqual(store.failure.code, "store_corrupt")
    return
  }
  const { entries, kdf } = store.success
  assert.isAtMost(128 * kdf.cost * kdf.block_size, 128 * 1_048_576)
  keyFits(store.success, key)
  // What opens is what was sealed, under its name and with its age.
  for (const [name, entry] of Object.entries(entries)) {
    const opened = openEntry(key, name, entry)
    if (opened === null) continue
    assert.strictEqual(Redacted.value(opened), "the-token")
    assert.deepStrictEqual([name, entry.fields, entry.updated_at], ["meta", ["access_token"], now])
  }
}
