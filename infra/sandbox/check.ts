/** Small checks that tables of documented fields are built from. A check answers with the first problem, or null. */
import { isIP } from "node:net"
import { isObject, type Json, type JsonObject } from "./platform.ts"

export interface Problem {
  /** Dotted, with list positions in brackets: `userData.userIdentifiers[1].emailAddress`. */
  readonly path: string
  readonly kind: "missing" | "type" | "format" | "hash" | "enum" | "unknown" | "count" | "range"
  readonly message: string
  /** The platform's own reason, where the field has one. */
  readonly reason?: string
}

/** `warn` takes what the platform would let pass but its documentation does not know. */
export type Check = (value: Json, path: string, warn: (message: string) => void) => Problem | null

export const string: Check = (value, path) =>
  typeof value === "string" ? null : { path, kind: "type", message: "Not a valid string" }

export const nonEmpty: Check = (value, path) =>
  typeof value === "string" && value.trim() !== ""
    ? null
    : { path, kind: typeof value === "string" ? "missing" : "type", message: "Not a valid string" }

export const number: Check = (value, path) =>
  typeof value === "number" && Number.isFinite(value) ? null : { path, kind: "type", message: "Not a valid number" }

export const integer: Check = (value, path) =>
  typeof value === "number" && Number.isSafeInteger(value)
    ? null
    : { path, kind: "type", message: "Not a valid integer" }

export const boolean: Check = (value, path) =>
  typeof value === "boolean" ? null : { path, kind: "type", message: "Not a valid boolean" }

export const anything: Check = () => null

export const zeroOrOne: Check = (value, path) =>
  value === 0 || value === 1 || typeof value === "boolean"
    ? null
    : { path, kind: "enum", message: "Must be one of: 0, 1" }

/** 64 lower-case hexadecimal characters; whatever else stands there is taken for plaintext. */
export const sha256: Check = (value, path) =>
  typeof value === "string" && /^[0-9a-f]{64}$/.test(value)
    ? null
    : { path, kind: "hash", message: "Not a SHA-256 hash in lower-case hexadecimal" }

export const ip: Check = (value, path) =>
  typeof value === "string" && isIP(value) !== 0 ? null : { path, kind: "format", message: "Not a valid IP address" }

export const url: Check = (value, path) =>
  typeof value === "string" && URL.canParse(value) && /^(?:https?|android-app|ios-app):/i.test(value)
    ? null
    : { path, kind: "format", message: "Not a valid URL" }

const currencies = new Set(Intl.supportedValuesOf("currency"))

/** ISO 4217, in any case. */
export const currency: Check = (value, path) =>
  typeof value === "string" && currencies.has(value.toUpperCase())
    ? null
    : { path, kind: "format", message: "Not a valid ISO 4217 currency" }

export const pattern =
  (regex: RegExp, what: string): Check =>
  (value, path) =>
    typeof value === "string" && regex.test(value) ? null : { path, kind: "format", message: `Not a valid ${what}` }

export const oneOf = (...allowed: ReadonlyArray<string | number>): Check => {
  const set = new Set<Json>(allowed)
  return (value, path) =>
    set.has(value) ? null : { path, kind: "enum", message: `Must be one of: ${allowed.join(", ")}` }
}

export const listOf =
  (item: Check, bounds: { readonly min?: number; readonly max?: number } = {}): Check =>
  (value, path, warn) => {
    if (!Array.isArray(value)) return { path, kind: "type", message: "Not a valid list" }
    if (value.length < (bounds.min ?? 0)) return { path, kind: "missing", message: "List is too short" }
    if (value.length > (bounds.max ?? Number.POSITIVE_INFINITY))
      return { path, kind: "count", message: `More than ${bounds.max} entries` }
    for (let index = 0; index < value.length; index++) {
      const problem = item(value[index], `${path}[${index}]`, warn)
      if (problem !== null) return problem
    }
    return null
  }

/** One value, or a list of at least one. */
export const oneOrMany = (item: Check): Check => {
  const many = listOf(item, { min: 1 })
  return (value, path, warn) => (Array.isArray(value) ? many(value, path, warn) : item(value, path, warn))
}

/** The first check's problem unless another one passes. */
export const either =
  (...checks: ReadonlyArray<Check>): Check =>
  (value, path, warn) => {
    let first: Problem | null = null
    for (const check of checks) {
      const problem = check(value, path, warn)
      if (problem === null) return null
      first ??= problem
    }
    return first
  }

/** Gives a check's problems the platform's own reason. */
export const because =
  (reason: string, check: Check): Check =>
  (value, path, warn) => {
    const problem = check(value, path, warn)
    return problem === null ? null : { ...problem, reason }
  }

/** Extra keys: `reject` them, `warn` about them, or `accept` them. */
export const record = (
  fields: Readonly<Record<string, Check>>,
  options: { readonly required?: ReadonlyArray<string>; readonly extra: "reject" | "warn" | "accept" }
): Check => {
  const table = new Map(Object.entries(fields))
  return (value, path, warn) => {
    if (!isObject(value)) return { path, kind: "type", message: "Not a valid object" }
    const prefix = path === "" ? "" : `${path}.`
    for (const name of options.required ?? [])
      if (isAbsent(value, name)) return { path: prefix + name, kind: "missing", message: "Missing required field" }
    for (const name in value) {
      const check = table.get(name)
      if (check !== undefined) {
        const problem = check(value[name] ?? null, prefix + name, warn)
        if (problem !== null) return problem
      } else if (options.extra === "reject") {
        return { path, kind: "unknown", message: name }
      } else if (options.extra === "warn") {
        warn(`unknown field ${prefix}${name}`)
      }
    }
    return null
  }
}

/** Missing, null or an empty string. */
export const isAbsent = (object: JsonObject, name: string): boolean => {
  const value = object[name]
  return value === undefined || value === null || value === ""
}
