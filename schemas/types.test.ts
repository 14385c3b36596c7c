import { readFileSync } from "node:fs"
import { assert, describe, it } from "@effect/vitest"
import { generated, schemaFiles } from "./generate.ts"

const read = (file: string): string => readFileSync(new URL(file, import.meta.url), "utf8")

describe("the generated files are what the schemas say (npm run schemas writes them again)", () => {
  for (const [file, text] of generated()) it(file, () => assert.strictEqual(read(`../${file}`), text))
})

interface Node {
  readonly name?: string
  readonly doc?: string
  readonly fields?: ReadonlyArray<{ readonly name: string; readonly doc?: string; readonly type: unknown }>
  readonly items?: unknown
  readonly values?: unknown
  readonly type?: unknown
}

// The paths of all records and fields that have no doc.
const undocumented = (schema: unknown, at: string): ReadonlyArray<string> => {
  if (Array.isArray(schema)) return schema.flatMap((member) => undocumented(member, at))
  if (typeof schema !== "object" || schema === null) return []
  const node = schema as Node
  const own = node.fields !== undefined && (node.doc ?? "") === "" ? [`${at}${node.name}`] : []
  const fields = (node.fields ?? []).flatMap((field) => [
    ...((field.doc ?? "") === "" ? [`${at}${node.name}.${field.name}`] : []),
    ...undocumented(field.type, `${at}${node.name}.`)
  ])
  return [...own, ...fields, ...undocumented(node.items, at), ...undocumented(node.values, at)]
}

describe("every record and field of a schema has a doc", () => {
  for (const file of schemaFiles()) {
    it(file, () => assert.deepEqual(undocumented(JSON.parse(read(file)), ""), []))
  }
})
