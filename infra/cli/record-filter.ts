/** Filters of records by what is shown of them. Pure. */
import type { RecordView } from "./commands/tail.ts"

export interface Filter {
  /** Of a field in the record; empty for anywhere in it. */
  readonly path: ReadonlyArray<string>
  readonly kind: "equals" | "differs" | "contains"
  readonly text: string
}

/** `field=value`, `field!=value` or `field~part`, the field by its path (`user.country`); else a text that the record has. */
export const parseFilter = (text: string): Filter => {
  const [, field, operator, value] = /^([a-z_][\w.]*)(!=|=|~)(.*)$/i.exec(text) ?? []
  if (field === undefined || operator === undefined) return { path: [], kind: "contains", text }
  const kind = operator === "=" ? "equals" : operator === "!=" ? "differs" : "contains"
  return { path: field.split("."), kind, text: value ?? "" }
}

/** Whether every filter accepts the record, as it is shown: what is masked is never compared. */
export const matches = (view: RecordView, filters: ReadonlyArray<Filter>): boolean =>
  filters.every(({ path, kind, text }) => {
    if (path.length === 0) return JSON.stringify(view).includes(text)
    const found = path.reduce<unknown>(
      (value, key) =>
        value !== null && typeof value === "object" ? (value as Record<string, unknown>)[key] : undefined,
      view.value
    )
    const value =
      found === undefined || found === null ? "" : typeof found === "object" ? JSON.stringify(found) : String(found)
    if (kind === "contains") return value.includes(text)
    return (kind === "equals") === (value === text)
  })
