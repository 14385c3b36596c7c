/** A JSON Schema whose equal parts stand once, in `$defs`. */
import type { Shape } from "../../shared/connections/shape.ts"
import type { Json } from "../../shared/model/json.ts"

/** A part is shared from so many characters on. */
const charactersMin = 160

export const shareParts = (schema: Shape): Shape => {
  const counts = new Map<string, number>()
  count(schema, counts)
  const definitions: Record<string, Json> = {}
  const names = new Map<string, string>()
  const share = (value: Json, key: string, isMap: boolean): Json => {
    if (Array.isArray(value)) return value.map((item: Json) => share(item, key, false))
    if (typeof value !== "object" || value === null) return value
    const text = JSON.stringify(value)
    if (isMap || text.length < charactersMin || counts.get(text)! < 2) return shareBelow(value as Shape, key)
    const known = names.get(text)
    const name = known ?? nameOf(key, definitions)
    if (known === undefined) {
      names.set(text, name)
      // The place is taken before what is below it asks for names.
      definitions[name] = true
      definitions[name] = shareBelow(value as Shape, key)
    }
    return { $ref: `#/$defs/${name}` }
  }
  const shareBelow = (value: Shape, key: string): Shape =>
    Object.fromEntries(
      Object.entries(value).map(([name, below]) => [
        name,
        share(below, keywords.has(name) ? key : name, name === "properties")
      ])
    )
  const { $defs, ...rest } = schema
  // The definitions that are there keep their names.
  for (const [name, shape] of Object.entries($defs as Shape)) definitions[name] = shareBelow(shape as Shape, name)
  const top = shareBelow(rest, "part")
  return { ...top, $defs: definitions }
}

const keywords: ReadonlySet<string> = new Set([
  "anyOf",
  "allOf",
  "items",
  "properties",
  "additionalProperties",
  "if",
  "then"
])

const count = (value: Json, counts: Map<string, number>): void => {
  if (typeof value !== "object" || value === null) return
  if (!Array.isArray(value)) {
    const text = JSON.stringify(value)
    counts.set(text, (counts.get(text) ?? 0) + 1)
  }
  for (const below of Object.values(value)) count(below as Json, counts)
}

const nameOf = (key: string, taken: Readonly<Record<string, Json>>): string => {
  const base = /^\w+$/.test(key) ? key : "part"
  for (let index = 1; ; index++) {
    const name = index === 1 ? base : `${base}_${index}`
    if (!Object.hasOwn(taken, name)) return name
  }
}
