/**
 * The address holds what is shown: view, filters, period and selection. So every state is a link, and the browser's back
 * button works.
 */

const viewNames = ["overview", "connections", "live", "event", "dead-letters", "alerts", "replays"] as const
export type ViewName = (typeof viewNames)[number]

export interface Route {
  readonly view: ViewName
  /** In the order of the address. */
  readonly params: Readonly<Record<string, string>>
}

/** Of an address's query; an unknown view is the overview. Empty values are left out. */
export const parseRoute = (search: string): Route => {
  const query = new URLSearchParams(search)
  const view = viewNames.find((name) => name === query.get("view")) ?? "overview"
  const params = [...query].filter(([name, value]) => name !== "view" && name !== "token" && value !== "")
  return { view, params: Object.fromEntries(params) }
}

/** What is set to null or "" leaves the address. */
export type Changes = Readonly<Record<string, string | number | null | undefined>>

export const hrefOf = (view: ViewName, params: Changes = {}): string => {
  const query = new URLSearchParams({ view })
  for (const [name, value] of Object.entries(params)) {
    if (value !== null && value !== undefined && value !== "") query.set(name, String(value))
  }
  return `?${query}`
}

/** The same view with some of its parameters changed. */
export const changedHref = ({ view, params }: Route, changes: Changes): string =>
  hrefOf(view, { ...params, ...changes })
