import { assert, it } from "@effect/vitest"
import avro from "avsc"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { makeAuthority } from "../../tests/harness/certificates.ts"
import { startRegistryProxy } from "../../tests/harness/registry-proxy.ts"
import { temporaryFolder } from "../../tests/harness/temporary-folder.ts"
import { testRegistryUrl, uniquePrefix } from "../../tests/harness/test-services.ts"
import { startTokenEndpoint } from "../../tests/harness/token-endpoint.ts"
import { Codecs } from "./codecs.ts"
import { registryLayer, subjectOf } from "./registry.ts"
import { makeRegistryClient } from "./registry-client.ts"
import { schemaJson } from "./schemas.ts"

const rawSchema = () => JSON.parse(schemaJson["raw-event"]) as { fields: Array<Record<string, unknown>> }

const frame = (id: number, schema: object, record: object): Buffer => {
  const head = Buffer.alloc(5)
  head.writeUInt32BE(id, 1)
  return Buffer.concat([head, avro.Type.forSchema(schema as avro.Schema).toBuffer(record)])
}

it.live("reads what a producer with a newer schema wrote, whose id it has never seen", () => {
  const prefix = uniquePrefix("newer")
  return Effect.gen(function* () {
    const codecs = yield* Codecs
    const newer = rawSchema()
    newer.fields.push({ name: "loyalty_tier", type: ["null", "string"], default: null, doc: "New." })
    const client = makeRegistryClient({ url: testRegistryUrl() })
    const { id } = yield* client.register(subjectOf(prefix, "raw-events"), JSON.stringify(newer))
    const value = frame(id, newer, { event_id: "e", event_name: "lead", event_time: 1, loyalty_tier: "gold" })
    assert.deepInclude(codecs.decode("raw-event", value), { _tag: "Undecodable", reason: "unknown_schema_id" })
    yield* codecs.loadSchemas([value, null, Buffer.from("{}")])
    const decoded = codecs.decode("raw-event", value)
    assert.strictEqual(decoded._tag === "Decoded" ? decoded.value.event_id : decoded.message, "e")
  }).pipe(Effect.provide(registryLayer({ url: testRegistryUrl(), prefix })))
})

const publish = (subject: string, body: object) =>
  Effect.promise(async () => {
    const response = await fetch(`${testRegistryUrl()}/subjects/${subject}/versions`, {
      method: "POST",
      headers: { "content-type": "application/vnd.schemaregistry.v1+json" },
      body: JSON.stringify(body)
    })
    assert.strictEqual(response.status, 200)
    return ((await response.json()) as { readonly id: number }).id
  })

it.live("a schema of another kind is no outage of the registry: it stops no record of other schemas", () => {
  const prefix = uniquePrefix("kinds")
  const newest = { $schema: "https://json-schema.org/draft/2020-12/schema", type: "object", properties: {} }
  const connect = { type: "object", "connect.type": "int64", properties: { a: { oneOf: [{ "connect.index": 0 }] } } }
  const other = { type: "record", name: "Order", fields: [{ name: "a", type: "double", default: "0" }] }
  return Effect.gen(function* () {
    const codecs = yield* Codecs
    const good = rawSchema()
    good.fields.push({ name: "loyalty_tier", type: ["null", "string"], default: null, doc: "New." })
    const goodId = yield* publish(subjectOf(prefix, "other"), { schema: JSON.stringify(good) })
    const others: ReadonlyArray<readonly [object, RegExp]> = [
      [{ schemaType: "JSON", schema: JSON.stringify(newest) }, /schema of JSON, and not of Avro/],
      [{ schemaType: "JSON", schema: JSON.stringify(connect) }, /schema of JSON, and not of Avro/],
      [{ schemaType: "PROTOBUF", schema: 'syntax = "proto3"; message B { string c = 1; }' }, /of PROTOBUF/],
      [{ schema: JSON.stringify(other) }, /it is the schema of Order, and io.capirelay.RawEvent is expected/]
    ]
    for (const [index, [body, message]] of others.entries()) {
      const id = yield* publish(subjectOf(prefix, `kind-${index}`), body)
      const value = frame(goodId, good, { event_id: "e", event_name: "lead", event_time: 1, loyalty_tier: "gold" })
      const other = Buffer.from([0, 0, 0, 0, 0, 0x7b, 0x7d])
      other.writeUInt32BE(id, 1)
      yield* codecs.loadSchemas([other, other, value])
      const decoded = codecs.decode("raw-event", other)
      assert.match(decoded._tag === "Undecodable" ? decoded.message : "", message)
      assert.strictEqual(codecs.decode("raw-event", value)._tag, "Decoded")
    }
  }).pipe(Effect.provide(registryLayer({ url: testRegistryUrl(), prefix })))
})

it.live("reads records of a schema whose parts are schemas of other subjects", () => {
  const prefix = uniquePrefix("parts")
  const subject = (name: string) => subjectOf(prefix, name)
  const reference = (name: string, of: string) => ({ name, subject: subject(of), version: 1 })
  return Effect.gen(function* () {
    const codecs = yield* Codecs
    const user = {
      type: "record",
      name: "RawUser",
      namespace: "io.capirelay",
      fields: [{ name: "email", type: { type: "array", items: "string" } }]
    }
    yield* publish(subject("user"), { schema: JSON.stringify(user) })
    const event = rawSchema()
    event.fields = [
      ...event.fields.slice(0, 3),
      { name: "user", type: ["null", "io.capirelay.RawUser"], default: null }
    ]
    const id = yield* publish(subject("event"), {
      schema: JSON.stringify(event),
      references: [reference("io.capirelay.RawUser", "user")]
    })
    const whole = rawSchema()
    whole.fields = [...event.fields.slice(0, 3), { name: "user", type: ["null", user] }]
    const value = frame(id, whole, {
      event_id: "e",
      event_name: "lead",
      event_time: 1,
      user: { email: ["ann@shop.example"] }
    })
    yield* codecs.loadSchemas([value])
    const decoded = codecs.decode("raw-event", value)
    assert.deepStrictEqual(decoded._tag === "Decoded" ? decoded.value.user?.email : decoded.message, [
      "ann@shop.example"
    ])
  }).pipe(Effect.provide(registryLayer({ url: testRegistryUrl(), prefix })))
})

it.live("a breaking change is refused", () =>
  Effect.gen(function* () {
    const prefix = uniquePrefix("breaking")
    const client = makeRegistryClient({ url: testRegistryUrl() })
    const subject = subjectOf(prefix, "raw-events")
    yield* client.register(subject, schemaJson["raw-event"])
    const breaking = rawSchema()
    breaking.fields = breaking.fields.map((field) =>
      field["name"] === "event_time" ? { ...field, type: "string" } : field
    )
    const error = yield* Effect.flip(client.register(subject, JSON.stringify(breaking)))
    assert.strictEqual(error.code, "incompatible")
  })
)

it.live("programs that start at the same time all get the id of the schema that they register", () =>
  Effect.gen(function* () {
    for (let round = 0; round < 5; round++) {
      const subject = subjectOf(uniquePrefix("race"), "raw-events")
      const register = Effect.suspend(() =>
        makeRegistryClient({ url: testRegistryUrl() }).register(subject, schemaJson["raw-event"])
      )
      const answers = yield* Effect.all(
        Array.from({ length: 8 }, () => register),
        { concurrency: "unbounded" }
      )
      assert.strictEqual(new Set(answers.map(({ id }) => id)).size, 1)
    }
  })
)

it.live("programs that all find a subject without our level of compatibility get the id of their schema", () =>
  Effect.gen(function* () {
    const older = rawSchema()
    older.fields.pop()
    for (let round = 0; round < 10; round++) {
      const subject = subjectOf(uniquePrefix("level"), "raw-events")
      // As between the two requests of the first of them: the subject is there, and its level is not.
      const made = yield* Effect.promise(() =>
        fetch(`${testRegistryUrl()}/subjects/${subject}/versions`, {
          method: "POST",
          headers: { "content-type": "application/vnd.schemaregistry.v1+json" },
          body: JSON.stringify({ schema: JSON.stringify(older) })
        })
      )
      assert.strictEqual(made.status, 200)
      const answers = yield* Effect.all(
        Array.from({ length: 8 }, () =>
          makeRegistryClient({ url: testRegistryUrl() }).register(subject, schemaJson["raw-event"])
        ),
        { concurrency: "unbounded" }
      )
      assert.strictEqual(new Set(answers.map(({ id }) => id)).size, 1)
    }
  })
)

it.live("while the registry is down known ids go on working and an unknown one is a failure to try again", () => {
  const prefix = uniquePrefix("down")
  return Effect.gen(function* () {
    const proxy = yield* startRegistryProxy(testRegistryUrl())
    const url = proxy.url
    yield* Effect.gen(function* () {
      const codecs = yield* Codecs
      const record = { event_id: "e", event_name: "lead", event_time: 1 }
      const first = codecs.encode("raw-events", "raw-event", decodedFrom(record))
      yield* codecs.loadSchemas([first])
      const unknown = Buffer.from([0, 0, 0x7f, 0xff, 0xfe, 0])
      yield* codecs.loadSchemas([unknown])
      assert.deepInclude(codecs.decode("raw-event", unknown), { reason: "unknown_schema_id" })

      // Readable for others alone: the records behind it do not wait.
      const hidden = Buffer.from([0, 0, 0x7f, 0xff, 0xfc, 0])
      proxy.answer(403, new RegExp(`/schemas/ids/${hidden.readUInt32BE(1)}$`))
      yield* codecs.loadSchemas([hidden])
      assert.deepInclude(codecs.decode("raw-event", hidden), { reason: "unknown_schema_id" })
      // Nothing is readable any more, as Confluent and Karapace say it: no word about the record.
      for (const status of [403, 404]) {
        proxy.answer(status)
        const lost = yield* Effect.flip(codecs.loadSchemas([Buffer.from([0, 0, 0x7f, 0xff, 0xfb, 0])]))
        assert.deepEqual([lost.code, /SCHEMA_REGISTRY_USERNAME/.test(lost.nextStep)], ["other", true])
      }
      proxy.answer(503)
      const second = codecs.encode("raw-events", "raw-event", decodedFrom({ ...record, event_id: "f" }))
      yield* codecs.loadSchemas([first, second, unknown])
      assert.strictEqual(codecs.decode("raw-event", second)._tag, "Decoded")
      const other = Buffer.from([0, 0, 0x7f, 0xff, 0xfd, 0])
      const error = yield* Effect.flip(codecs.loadSchemas([other]))
      assert.strictEqual(error.code, "unreachable")

      proxy.answer(null)
      yield* codecs.loadSchemas([other])
      assert.deepInclude(codecs.decode("raw-event", other), { reason: "unknown_schema_id" })
    }).pipe(Effect.provide(registryLayer({ url, prefix })))
  }).pipe(Effect.scoped)
})

it.live("a start without a registry fails with one clear line after its timeout", () =>
  Effect.gen(function* () {
    const proxy = yield* startRegistryProxy(testRegistryUrl())
    proxy.answer(503)
    const layer = registryLayer({ url: proxy.url, prefix: "none.", startupTimeout: Duration.zero })
    const error = yield* Effect.flip(Effect.provide(Effect.void, layer))
    assert.strictEqual(error.code, "unreachable")
    assert.match(error.nextStep, /SCHEMA_REGISTRY_URL/)
  }).pipe(Effect.scoped)
)

it.live("says what keeps a registry from answering, and what to set", () =>
  Effect.gen(function* () {
    const folder = temporaryFolder()
    const certificate = makeAuthority(folder).issue("registry")
    // Any server whose certificate no authority of this machine has signed.
    const stranger = yield* startTokenEndpoint({ folder, certificate, clients: {}, audience: "none" })
    const { host, origin } = new URL(testRegistryUrl())
    for (const [url, reason, step] of [
      [new URL(stranger.url).origin, /certificate/, /SCHEMA_REGISTRY_CA/],
      [`https://${host}`, /wrong version number/, /http:\/\//],
      [origin, /404/, /\/apis\/ccompat\/v7/]
    ] as const) {
      const error = yield* Effect.flip(makeRegistryClient({ url }).register("none", schemaJson["raw-event"]))
      assert.match(error.message, reason)
      assert.match(error.nextStep, step)
    }
  }).pipe(Effect.scoped)
)

const decodedFrom = (record: { event_id: string; event_name: string; event_time: number }) => {
  const type = avro.Type.forSchema(rawSchema() as unknown as avro.Schema)
  return type.fromBuffer(type.toBuffer(record))
}
