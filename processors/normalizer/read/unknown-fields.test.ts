import { readFileSync } from "node:fs"
import { assert, describe, it } from "@effect/vitest"
import type { Consent, DroppedField } from "../../../schemas/types.gen.ts"
import { parseSchema } from "../../../shared/codec/schemas.ts"
import { makeMemoryCodecs, memorySchemaId } from "../../../shared/testing/memory-codecs.ts"
import { knownFields, type Level, nearestField, usualNames } from "../normalize/known-fields.ts"
import { defaultNormalizerOptions, normalize } from "../normalize/normalize.ts"
import { unknownLabel } from "./json-reader.ts"
import { readRecord } from "./read-record.ts"

const now = Date.UTC(2026, 10, 23)
const source = { topic: "raw-events", partition: 0, offset: 0, timestamp: now }
const user = { email: "jane@shop.example" }

const writerSchema = (change: (schema: AvroRecord) => void): string => {
  const schema = JSON.parse(
    readFileSync(new URL("../../../schemas/raw-event.avsc", import.meta.url), "utf8")
  ) as AvroRecord
  change(schema)
  return JSON.stringify(schema)
}
interface AvroRecord {
  readonly fields: Array<{ name: string; type: unknown; default?: unknown }>
}
/** The record behind a nullable field. */
const recordOf = (schema: AvroRecord, name: string): AvroRecord =>
  (schema.fields.find((field) => field.name === name)!.type as ReadonlyArray<unknown>)[1] as AvroRecord

const outcome = (value: Buffer, codecs = makeMemoryCodecs()) => {
  const read = readRecord(value, (bytes) => codecs.decode("raw-event", bytes), 1_048_576)
  if (read._tag === "Problem") return { consent: null, dropped: read.problem.dropped, message: read.problem.message }
  const result = normalize(read.raw, source, { ...defaultNormalizerOptions, now }, read.dropped)
  return result._tag === "Problem"
    ? { consent: null, dropped: result.problem.dropped, message: result.problem.message }
    : { consent: result.event.consent, dropped: result.event.dropped_fields, message: "" }
}
const ofJson = (fields: object) =>
  outcome(Buffer.from(JSON.stringify({ event_id: "e-1", event_name: "lead", event_time: now, user, ...fields })))

const unknown = (field: string, nearest: string | null): DroppedField => ({ field, reason: "unknown_field", nearest })
const consent = (ad_user_data: string | null, ad_personalization: string | null, sale_of_data: string | null = null) =>
  ({ ad_user_data, ad_personalization, sale_of_data }) satisfies Consent

describe("unknown fields of a JSON event", () => {
  it.each<[string, object, ReadonlyArray<DroppedField>]>([
    ["of the customer", { user: { ...user, mail: "x@y.example" } }, [unknown("user.mail", "user.email")]],
    ["in another case", { User: user }, [unknown("User", "user")]],
    ["in camel case", { user: { ...user, firstName: "Jane" } }, [unknown("user.firstName", "user.first_name")]],
    ["that another record has", { value: 1 }, [unknown("value", "properties.value")]],
    ["of another system", { user: { ...user, zip_code: "1" } }, [unknown("user.zip_code", "user.zip")]],
    ["of an app", { app: { appId: "1" } }, [unknown("app.appId", "app.app_id")]],
    ["near none", { context: { page: 1 }, foo: null }, [unknown("context", null), unknown("foo", null)]],
    [
      "of items, each name once",
      {
        properties: {
          items: [
            { id: "a", sku: "b" },
            { id: "c", sku: "d" }
          ]
        }
      },
      [unknown("properties.items[].sku", "properties.items[].id")]
    ],
    ["of properties are custom properties", { properties: { colour: "red" } }, []],
    ["are none in a usual event", { consent: consent("granted", "granted"), properties: { items: [{ id: "a" }] } }, []]
  ])("%s", (_, fields, dropped) => {
    assert.deepStrictEqual(ofJson(fields).dropped, dropped)
  })

  it("are only counted where their names may contain personal data, or are too many", () => {
    const many = Object.fromEntries(Array.from({ length: 30 }, (_, index) => [`strange${index}`, 1]))
    const fields = {
      user: { ...user, first_name: "Jane", "a@b.example": 1, jane_note: 1, call_4155550132: 1, "ö ü": 1 }
    }
    assert.deepStrictEqual(ofJson(fields).dropped, [{ field: "user.* (4)", reason: "unknown_field" }])
    const { dropped } = ofJson(many)
    assert.strictEqual(dropped.length, 21)
    assert.deepStrictEqual(dropped[20], { field: "* (10)", reason: "unknown_field" })
    assert.deepStrictEqual(ofJson({ ["x".repeat(65)]: 1 }).dropped, [{ field: "* (1)", reason: "unknown_field" }])
  })

  it("are labels of a metric only by the known field that they are near, or by their record", () => {
    const labels = [unknown("user.mail", "user.email"), unknown("user.xyz", null), unknown("* (3)", null)].map(
      unknownLabel
    )
    assert.deepStrictEqual(labels, ["user.email", "user.*", "*"])
  })

  it("are named where an event is refused for what they were meant to be", () => {
    assert.include(
      ofJson({ user: { mail: "x@y.example" } }).message,
      "user.mail (unknown_field, did you mean user.email?)"
    )
    const { dropped } = outcome(Buffer.from(JSON.stringify({ event_id: "e-1", event: "lead", event_time: now, user })))
    assert.deepStrictEqual(dropped, [unknown("event", "event_name")])
  })
})

describe("consent under a name that is not known", () => {
  it.each<[string, object, Consent | null]>([
    ["a denial counts", { consents: { ad_user_data: "denied" } }, consent("denied", null)],
    ["in another case", { Consent: { ad_user_data: "DENIED", adPersonalization: false } }, consent("denied", "denied")],
    ["a grant is unclear", { consents: { ad_user_data: "granted" } }, consent("unclear", null)],
    ["of the whole", { consents: "granted" }, consent("unclear", "unclear")],
    ["denied as a whole", { user_consent: false }, consent("denied", "denied")],
    ["of a field", { consent: { ad_userdata: "granted" } }, consent("unclear", null)],
    ["in camel case", { consent: { adUserData: "denied" } }, consent("denied", null)],
    ["beside the right one", { consent: { ad_user_data: "granted", adUserData: "granted" } }, consent("granted", null)],
    ["against the right one", { consent: { ad_user_data: "granted", adUserData: "denied" } }, consent("denied", null)],
    [
      "of another kind",
      { consent: { ad_user_data: "granted", analytics_storage: "denied" } },
      consent("granted", "denied")
    ],
    ["of another kind alone", { consent: { marketing: "yes" } }, consent("unclear", "unclear")],
    ["at the top", { ad_user_data: "denied" }, consent("denied", null)],
    ["with the customer", { user: { ...user, consent: { sale_of_data: "no" } } }, consent(null, null, "denied")],
    ["among the properties", { properties: { consent: { ad_user_data: "denied" } } }, consent("denied", null)],
    ["misspelt", { concent: { ad_user_data: "granted" } }, consent("unclear", null)],
    ["that says nothing", { consents: null }, null],
    ["is no other word", { context: "denied", content: "denied", contest: "denied" }, null]
  ])("%s", (_, fields, expected) => {
    const { consent: found, dropped } = ofJson(fields)
    assert.deepStrictEqual(found, expected)
    if (Object.values(expected ?? {}).includes("unclear")) {
      assert.isTrue(dropped.some(({ reason }) => reason === "unclear_consent"))
    }
  })
})

describe("unknown fields of an Avro event", () => {
  const schema = writerSchema((event) => {
    event.fields.push({ name: "value", type: "double" }, { name: "consents", type: { type: "map", values: "string" } })
    recordOf(event, "user").fields.push({ name: "mail", type: ["null", "string"], default: null })
  })
  const codecs = makeMemoryCodecs({ 100: schema })
  const encoded = (consents: Readonly<Record<string, string>>): Buffer => {
    const type = parseSchema(schema)
    const record = {
      event_id: "e-1",
      event_name: "lead",
      event_time: now,
      user: { email: user.email },
      value: 1,
      consents
    }
    const bytes = type.toBuffer(type.clone(record, { wrapUnions: true }))
    return Buffer.concat([Buffer.from([0, 0, 0, 0, 100]), bytes])
  }

  it("are those of its writer's schema, with the consent that they give", () => {
    const names = [
      unknown("user.mail", "user.email"),
      unknown("value", "properties.value"),
      unknown("consents", "consent")
    ]
    const denied = outcome(encoded({ ad_user_data: "denied" }), codecs)
    assert.sameDeepMembers([...denied.dropped].slice(0, 3), names)
    assert.deepStrictEqual(denied.consent, consent("denied", null))
    assert.deepStrictEqual(outcome(encoded({ ad_user_data: "granted" }), codecs).consent, consent("unclear", null))
  })

  it("about consent whose value cannot be read say nothing that is granted", () => {
    const kinds = { type: "enum", name: "Kind", symbols: ["web"] }
    const odd = writerSchema((event) => {
      event.fields.push({ name: "consents", type: "string" }, { name: "kind", type: kinds })
    })
    const record = { event_id: "e-1", event_name: "lead", event_time: now, user, consents: "denied", kind: "web" }
    const bytes = parseSchema(odd).toBuffer(record)
    // No symbol of the enum has this number: the field is skipped, and cannot be read.
    bytes[bytes.length - 1] = 14
    const value = Buffer.concat([Buffer.from([0, 0, 0, 0, 101]), bytes])
    assert.deepStrictEqual(outcome(value, makeMemoryCodecs({ 101: odd })).consent, consent("unclear", "unclear"))
  })

  it("are none where it was written by ours", () => {
    const read = readRecord(
      Buffer.from(JSON.stringify({ event_id: "e-1", event_name: "lead", event_time: now, user })),
      (bytes) => codecs.decode("raw-event", bytes),
      1_048_576
    )
    assert.strictEqual(read._tag, "Read")
    if (read._tag !== "Read") return
    const bytes = codecs.encode("raw-events", "raw-event", read.raw)
    assert.strictEqual(bytes.readInt32BE(1), memorySchemaId("raw-event"))
    assert.deepStrictEqual(outcome(bytes, codecs).dropped, [])
  })
})

describe("the nearest known field", () => {
  it("is one that the schema has", () => {
    const levels: ReadonlyArray<Level> = ["", "user.", "consent.", "app.", "properties.", "properties.items[]."]
    const paths = levels.flatMap((level) => [...knownFields(level)].map((name) => level + name))
    for (const path of usualNames.values()) assert.include(paths, path)
    for (const [name] of usualNames) assert.include(paths, nearestField("", name))
  })
})
