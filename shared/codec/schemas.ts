/** Our schemas as avsc types, built once from `schemas/*.avsc`, and which schema each declared topic carries. */
import { readdirSync, readFileSync } from "node:fs"
import avro from "avsc"
import topicTable from "../../schemas/topics.json" with { type: "json" }
import { platforms } from "../model/platform.ts"
import { boundBlocks } from "./bounded-blocks.ts"
import type { SchemaName } from "./codecs.ts"

boundBlocks()

/** The schemas by the names of their files, sorted; `Records` in `codecs.ts` gives each its TypeScript type. */
export const schemaNames: ReadonlyArray<SchemaName> = readdirSync(new URL("../../schemas", import.meta.url))
  .filter((file) => file.endsWith(".avsc"))
  .map((file) => file.slice(0, -".avsc".length) as SchemaName)
  .sort()

/** The JSON of each schema, as it is registered. */
export const schemaJson: Readonly<Record<SchemaName, string>> = Object.fromEntries(
  schemaNames.map((name) => [
    name,
    JSON.stringify(JSON.parse(readFileSync(new URL(`../../schemas/${name}.avsc`, import.meta.url), "utf8")))
  ])
) as Record<SchemaName, string>

/** The type that we read and write each record with. */
export const recordTypes: Readonly<Record<SchemaName, avro.Type>> = Object.fromEntries(
  schemaNames.map((name) => [name, parseSchema(schemaJson[name])])
) as Record<SchemaName, avro.Type>

/** Every declared topic of Avro records (logical name) with its schema; `{platform}` stands for each platform. */
export const topicSchemas: ReadonlyArray<{ readonly topic: string; readonly schema: SchemaName }> =
  topicTable.topics.flatMap(({ name, schema }) =>
    schema === null ? [] : expandPlatforms(name).map((topic) => ({ topic, schema: schema as SchemaName }))
  )

/** A declared name for each platform that it stands for. */
export function expandPlatforms(name: string): ReadonlyArray<string> {
  return name.includes("{platform}") ? platforms.map((platform) => name.replace("{platform}", platform)) : [name]
}

/** An avsc type of a schema's JSON; throws if it is no Avro schema. */
export function parseSchema(schema: string): avro.Type {
  return avro.Type.forSchema(JSON.parse(schema), { omitRecordMethods: true })
}
