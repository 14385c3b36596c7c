/** Our schemas as avsc types, built once from `schemas/*.avsc`, and which schema each declared topic carries. */

import { readdirSync, readFileSync } from "node:fs"
import avro from "avsc"
import topicTable from "../../schemas/topics.json" with { type: "json" }
import { platforms } from "../model/platform.ts"
import type { SchemaName } from "./codecs.ts"

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

interface Tap {
  readonly buf: Buffer
  pos: number
  readonly readLong: () => number
  readonly readString: () => string
  readonly skipLong: () => void
  readonly skipString: () => void
}
interface ItemType {
  readonly _read: (tap: Tap) => unknown
  readonly _skip: (tap: Tap) => void
}
interface ArrayReader {
  readonly itemsType: ItemType
}
interface MapReader {
  readonly valuesType: ItemType
}

/**
 * avsc trusts the item count of a block of an array or map. A few hostile bytes can announce 2⁵³ items, and the reader
 * would loop for ever after the end of the record. Here a block may not announce more items than bytes are
 * left, and must use them: a hostile record ends as `undecodable`. It replaces the readers of avsc's two block types.
 */
const boundBlocks = (): void => {
  Object.assign(avro.types.ArrayType.prototype, {
    _read(this: ArrayReader, tap: Tap): ReadonlyArray<unknown> {
      const items: Array<unknown> = []
      for (let count = blockSize(tap); count > 0; count = blockSize(tap)) {
        const end = tap.pos + count
        while (count-- > 0) items.push(this.itemsType._read(tap))
        refuseEmptyItems(tap, end)
      }
      return items
    },
    _skip(this: ArrayReader, tap: Tap): void {
      for (let count = blockToSkip(tap); count > 0; count = blockToSkip(tap)) {
        const end = tap.pos + count
        while (count-- > 0) this.itemsType._skip(tap)
        refuseEmptyItems(tap, end)
      }
    }
  })
  Object.assign(avro.types.MapType.prototype, {
    _read(this: MapReader, tap: Tap): Readonly<Record<string, unknown>> {
      const values: Record<string, unknown> = {}
      for (let count = blockSize(tap); count > 0; count = blockSize(tap)) {
        while (count-- > 0) values[tap.readString()] = this.valuesType._read(tap)
      }
      return values
    },
    _skip(this: MapReader, tap: Tap): void {
      for (let count = blockToSkip(tap); count > 0; count = blockToSkip(tap)) {
        while (count-- > 0) {
          tap.skipString()
          this.valuesType._skip(tap)
        }
      }
    }
  })
}
boundBlocks()

/** As the compiled readers do (`RecordReader.longOfField`): avsc refuses the whole record for a long beyond 2⁵³. */
Object.assign(avro.types.LongType.prototype, {
  _read(tap: Tap): number {
    const long = tap.readLong()
    return Number.isSafeInteger(long) ? long : Number.NaN
  }
})

// A negative count is followed by the block's size in bytes (Avro specification, "Arrays" and "Maps").
const blockSize = (tap: Tap): number => {
  let count = tap.readLong()
  if (count < 0) {
    count = -count
    tap.skipLong()
  }
  if (count > tap.buf.length - tap.pos) refuse()
  return count
}

// Skips blocks of a known size; returns the count of the next block without one.
const blockToSkip = (tap: Tap): number => {
  for (let count = tap.readLong(); count !== 0; count = tap.readLong()) {
    if (count > 0) {
      if (count > tap.buf.length - tap.pos) refuse()
      return count
    }
    const bytes = tap.readLong()
    if (bytes < 0 || bytes > tap.buf.length - tap.pos) refuse()
    tap.pos += bytes
  }
  return 0
}

// Items of no bytes (a null, an empty record) would let each byte of a record announce as many items as it has bytes.
const refuseEmptyItems = (tap: Tap, end: number): void => {
  if (tap.pos < end) refuse()
}

// avsc's readers throw; `decode` catches it.
const refuse = (): never => {
  throw new Error("A block announces more items than the record has bytes.")
}
