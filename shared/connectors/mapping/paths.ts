/** Paths into a normalized event, such as `properties.value`, `properties.items.0.id` or `properties.custom.plan`. */
import type { NormalizedEvent } from "../../../schemas/types.gen.ts"
import type { Json } from "../connector.ts"

export type Read = (event: NormalizedEvent) => Json | undefined

/** Compiles a path once; reading is then a plain walk over own properties. Absent and null both read as undefined. */
export const compilePath = (path: string): Read => {
  const custom = "properties.custom."
  if (path.startsWith(custom)) {
    // A custom property's name may itself hold dots.
    const name = path.slice(custom.length)
    return (event) => own(event.properties?.custom, name) ?? undefined
  }
  const segments = path.split(".")
  return (event) => {
    let value: unknown = event
    for (const segment of segments) {
      value = own(value, segment)
      if (value === undefined || value === null) return undefined
    }
    return isJson(value) ? value : undefined
  }
}

const own = <A>(value: A, key: string): A extends Readonly<Record<string, infer V>> ? V | undefined : never =>
  typeof value === "object" && value !== null && Object.hasOwn(value, key)
    ? (value as Record<string, never>)[key]!
    : (undefined as never)

const isJson = (value: unknown): value is Json =>
  typeof value === "string" ||
  typeof value === "boolean" ||
  (typeof value === "number" && Number.isFinite(value)) ||
  (typeof value === "object" && value !== null && !Buffer.isBuffer(value))
