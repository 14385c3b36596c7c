import { assert, describe, it } from "@effect/vitest"
import avro from "avsc"
import { ResponseTooLarge } from "../http/http-request.ts"
import { type AskRegistry, fetchWriterSchema } from "./writer-schema.ts"

/** A registry of these answers by path, and what it was asked. */
const registryOf = (answers: Readonly<Record<string, unknown>>) => {
  const asked: Array<string> = []
  const ask: AskRegistry = async (path) => {
    asked.push(path)
    return answers[path] ?? null
  }
  return { ask, asked }
}

const record = (name: string, fields: ReadonlyArray<readonly [name: string, type: unknown]>): string =>
  JSON.stringify({ type: "record", name, fields: fields.map(([field, type]) => ({ name: field, type })) })

const reference = (subject: string) => ({ name: subject, subject, version: 1 })

describe("a writer's schema", () => {
  it("of parts that share a part is parsed with each of them once, in their order", async () => {
    const { ask, asked } = registryOf({
      "/schemas/ids/7": {
        schema: record("Event", [
          ["left", "Left"],
          ["right", "Right"]
        ]),
        references: [reference("left"), reference("right")]
      },
      "/subjects/left/versions/1": { schema: record("Left", [["part", "Part"]]), references: [reference("part")] },
      "/subjects/right/versions/1": { schema: record("Right", [["part", "Part"]]), references: [reference("part")] },
      "/subjects/part/versions/1": { schema: record("Part", [["text", "string"]]) }
    })
    const type = await fetchWriterSchema(ask, 7)
    if (!(type instanceof avro.types.RecordType)) return assert.fail(String(type))
    const value = { left: { part: { text: "a" } }, right: { part: { text: "b" } } }
    assert.strictEqual(JSON.stringify(type.fromBuffer(type.toBuffer(value))), JSON.stringify(value))
    assert.strictEqual(asked.length, 4)
  })

  it("that refers to itself, or to very many others, cannot be read, and ends", async () => {
    const itself = { schema: record("A", [["b", "B"]]), references: [reference("a")] }
    const circle = registryOf({ "/schemas/ids/7": itself, "/subjects/a/versions/1": itself })
    assert.match(String(await fetchWriterSchema(circle.ask, 7)), /cannot be parsed/)
    const many: AskRegistry = async (path) => {
      const number = Number(/[0-9]+/.exec(path)?.[0])
      return { schema: record(`A${number}`, []), references: [reference(`s${number + 1}`)] }
    }
    assert.match(String(await fetchWriterSchema(many, 7)), /refers to more than 64/)
  })

  it.each(["__proto__", "constructor", "toString"])("may have a type with the name %s", async (name) => {
    const inner = JSON.parse(record(name, [["text", "string"]])) as unknown
    const { ask } = registryOf({
      "/schemas/ids/7": {
        schema: record("Event", [
          ["a", inner],
          ["b", name]
        ])
      }
    })
    assert.isTrue(avro.Type.isType(await fetchWriterSchema(ask, 7)))
  })

  it("may have defaults that do not fit, since its records have all fields", async () => {
    const fields = [
      { name: "email", type: ["null", "string"], default: "" },
      { name: "default", type: "double", default: "0" }
    ]
    const { ask } = registryOf({ "/schemas/ids/7": { schema: JSON.stringify({ type: "record", name: "A", fields }) } })
    const type = await fetchWriterSchema(ask, 7)
    if (!avro.Type.isType(type)) return assert.fail(String(type))
    const value = { email: null, default: 1 }
    assert.strictEqual(
      JSON.stringify((type as avro.Type).fromBuffer((type as avro.Type).toBuffer(value))),
      JSON.stringify(value)
    )
  })

  it("that cannot be parsed says why", async () => {
    const { ask } = registryOf({ "/schemas/ids/7": { schema: record("A", [["email", "address"]]) } })
    assert.match(String(await fetchWriterSchema(ask, 7)), /cannot be parsed \(undefined type name: address\)/)
  })

  it("that is not there is null; ids that no registry gives are not asked for", async () => {
    const { ask, asked } = registryOf({
      "/schemas/ids/8": { schema: record("A", []), references: [reference("gone")] }
    })
    assert.isNull(await fetchWriterSchema(ask, 7))
    assert.isNull(await fetchWriterSchema(ask, 8))
    assert.isNull(await fetchWriterSchema(ask, 0xffff_ffff))
    assert.strictEqual(asked.length, 3)
  })

  it("is not what a proxy answers instead: that is a failure, to be tried again", async () => {
    for (const answer of ["<html>", {}, { schema: null }, []]) {
      const { ask } = registryOf({ "/schemas/ids/7": answer })
      const failed = await fetchWriterSchema(ask, 7).then(
        () => null,
        (cause: unknown) => cause
      )
      assert.instanceOf(failed, Error)
    }
  })

  it("that is too large for a response cannot be read", async () => {
    const ask: AskRegistry = () => Promise.reject(new ResponseTooLarge())
    assert.match(String(await fetchWriterSchema(ask, 7)), /too large/)
  })
})
