/** Whether the versions of the platforms' APIs that connections use are about to end; the dates are in `api-versions.json`. */
import type { Connection } from "../../../shared/connections/connection.ts"
import table from "./api-versions.json" with { type: "json" }
import { type Found, failed, named, problemsOr, warning } from "./check.ts"

interface Version {
  /** The last day, `YYYY-MM-DD`; null where no end is announced. */
  readonly ends: string | null
  /** The platform named a month alone. */
  readonly approximate?: boolean
}

const dayMillis = 86_400_000
/** From so many days before its end on, a version is named. */
const daysSoon = 90
const daysVerySoon = 30
const daysFailed = 7

type Used = Pick<Connection, "id" | "kind" | "endpoint">

/** Pure. One line for each version that ends within 90 days or has ended; `now` in milliseconds. */
export const apiVersionFindings = (connections: ReadonlyArray<Used>, now: number): ReadonlyArray<Found> => {
  const used = Map.groupBy(connections, ({ kind, endpoint }) => `${kind} ${endpoint.version}`)
  return problemsOr(
    [...used.values()].flatMap((same) => findingsOf(same, now)),
    `No version in use ends within ${daysSoon} days: ${named([...used.keys()], 8)}.`
  )
}

const findingsOf = (same: ReadonlyArray<Used>, now: number): ReadonlyArray<Found> => {
  const { kind, endpoint } = same[0]!
  const ids = named(same.map(({ id }) => id))
  const api = table.apis.find(({ kinds }) => kinds.includes(kind))
  const versions: Readonly<Record<string, Version>> = api?.versions ?? {}
  const version = Object.hasOwn(versions, endpoint.version) ? versions[endpoint.version]! : undefined
  if (version === undefined)
    return [
      warning(
        `When version ${endpoint.version} of ${kind} ends is not known here (${ids}).`,
        `Look it up${api === undefined ? "" : ` at ${api.source}`}; known are ${Object.keys(versions).join(", ")}.`
      )
    ]
  if (version.ends === null) return []
  const days = Math.floor((Date.parse(version.ends) + dayMillis - now) / dayMillis)
  if (days > daysSoon) return []
  const newest = Object.entries(versions).findLast(([, { ends }]) => ends === null || ends > version.ends!)?.[0]
  const next = `Set endpoint.version: ${newest ?? "a newer one"} in connections.yaml and try it with a test event; source: ${api?.source}.`
  const date = `${version.approximate === true ? "about " : ""}${version.ends}`
  if (days <= 0) return [failed(`Version ${endpoint.version} of ${kind} ended on ${date} (${ids}).`, next)]
  const text = `Version ${endpoint.version} of ${kind} ends on ${date}, in ${days} days (${ids}).`
  if (days <= daysFailed) return [failed(text, next)]
  return [warning(days <= daysVerySoon ? `${text} Less than a month is left.` : text, next)]
}
