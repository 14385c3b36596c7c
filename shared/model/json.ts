/** What JSON can hold. */
export type Json = string | number | boolean | null | ReadonlyArray<Json> | { readonly [key: string]: Json }
export type JsonObject = { readonly [key: string]: Json }

/** A parsed JSON object whose values were not looked at yet. */
export type JsonRecord = Readonly<Record<string, unknown>>

/** Whether a parsed JSON value is an object: neither null nor a list. */
export const isRecord = (value: unknown): value is JsonRecord =>
  typeof value === "object" && value !== null && !Array.isArray(value)
