/** Takes a field's values by its rule and names those that are left out. */
import type { DropReason, Field } from "./field.ts"

export type Drop = (field: string, reason: DropReason) => void

/** Several values of one field are kept up to here; more is a mistake of the producer. */
const valuesMax = 20

export const take = <Forms>(
  field: string,
  value: string | null,
  rule: (raw: string) => Field<Forms>,
  drop: Drop
): Forms | null => {
  if (value === null) return null
  const result = rule(value)
  if ("value" in result) return result.value
  drop(field, result.dropped)
  return null
}

export const each = (
  field: string,
  values: string | ReadonlyArray<string> | null,
  drop: Drop,
  use: (value: string) => void
): void => {
  if (values === null) return
  const list = typeof values === "string" ? [values] : values
  for (const value of list.length > valuesMax ? list.slice(0, valuesMax) : list) use(value)
  if (list.length > valuesMax) drop(field, "too_many")
}

export const add = (list: Array<string>, value: string): void => {
  if (!list.includes(value)) list.push(value)
}
