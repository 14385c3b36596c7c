import * as Duration from "effect/Duration"
import * as Result from "effect/Result"
import type { Json } from "../connector.ts"
import { boundedWait, listOf, numberOf, objectOf } from "../http/response.ts"

export interface Usage {
  /** The highest of all percentages; 100 means throttled. Null without usage headers. */
  readonly percent: number | null
  /** How long Meta says the throttling lasts. */
  readonly retryAfter: Duration.Duration | null
}

/**
 * Meta's usage headers: X-App-Usage, X-Business-Use-Case-Usage (a list for each business object, with
 * estimated_time_to_regain_access in minutes) and X-Ad-Account-Usage. (Marketing API: rate limiting.)
 */
export const usageOf = (headers: Readonly<Record<string, string>>): Usage => {
  const app = objectOf(parsed(headers["x-app-usage"]))
  const account = objectOf(parsed(headers["x-ad-account-usage"]))
  const businesses = Object.values(objectOf(parsed(headers["x-business-use-case-usage"])) ?? {})
    .flatMap(listOf)
    .map(objectOf)
  const percents = [app, account, ...businesses].flatMap((usage) => percentKeys.map((key) => numberOf(usage?.[key])))
  const waits = businesses.map((usage) => minutes(usage?.["estimated_time_to_regain_access"]))
  const accountPercent = numberOf(account?.["acc_id_util_pct"]) ?? 0
  if (accountPercent >= 100) waits.push(seconds(account?.["reset_time_duration"]))
  return { percent: highest(percents), retryAfter: longest(waits) }
}

const percentKeys = ["call_count", "total_cputime", "total_time", "acc_id_util_pct"]

const parsed = (header: string | undefined): Json =>
  header === undefined
    ? null
    : Result.getOrElse(
        Result.try((): Json => JSON.parse(header)),
        () => null
      )

const minutes = (value: Json | undefined) => seconds((numberOf(value) ?? 0) * 60)
const seconds = (value: Json | undefined) => {
  const number = numberOf(value) ?? 0
  return number > 0 ? boundedWait(number * 1000) : null
}

const highest = (numbers: ReadonlyArray<number | null>): number | null => {
  const known = numbers.filter((number) => number !== null)
  return known.length === 0 ? null : Math.max(...known)
}

const longest = (waits: ReadonlyArray<Duration.Duration | null>): Duration.Duration | null =>
  waits
    .filter((wait) => wait !== null)
    .reduce<Duration.Duration | null>((a, b) => (a === null ? b : Duration.max(a, b)), null)
