/** Figures, times and words as the page shows them. Times are in the viewer's zone. */

const wholes = new Intl.NumberFormat("en-US")
const compact = new Intl.NumberFormat("en-US", { notation: "compact", maximumFractionDigits: 1 })

/** `1,234`. */
export const formatCount = (count: number): string => wholes.format(count)

/** `1,234`, `12.3K`, `4.1M`: where there is little room. */
export const formatShort = (count: number): string =>
  Math.abs(count) < 10_000 ? wholes.format(count) : compact.format(count)

/** `1 event`, `1,234 events`. */
export const formatNumberOf = (count: number, noun: string, plural = `${noun}s`): string =>
  `${formatCount(count)} ${count === 1 ? noun : plural}`

/** `12.3 %`; never 0 % or 100 % where some, or not all, are meant. */
export const formatShare = (part: number, whole: number): string => {
  if (whole <= 0) return "–"
  const percent = (part / whole) * 100
  if (part > 0 && percent < 0.1) return "< 0.1 %"
  if (part < whole && percent > 99.9) return "> 99.9 %"
  return formatPercent(percent)
}

/** `12.3 %`, `100 %`. */
export const formatPercent = (percent: number): string =>
  `${percent >= 100 || percent === 0 ? Math.round(percent) : percent.toFixed(1)} %`

/** Change against the period before: `+12 %`, `−3 %`, `×14`, `new`, or nothing where both are 0. */
export const formatChange = (count: number, before: number): string => {
  if (count === before) return before === 0 ? "" : "±0 %"
  if (before === 0) return "new"
  const percent = ((count - before) / before) * 100
  if (Math.abs(percent) < 0.5) return "±0 %"
  if (percent >= 900) return `×${formatShort(Math.round(count / before))}`
  return `${percent > 0 ? "+" : "−"}${Math.abs(percent).toFixed(0)} %`
}

/** `0.4 ms`, `12 ms`, `1.2 s`. */
export const formatMillis = (millis: number): string => {
  if (millis < 1) return millis === 0 ? "0 ms" : `${millis.toFixed(1)} ms`
  if (millis < 1_000) return `${Math.round(millis)} ms`
  if (millis < 60_000) return `${(millis / 1_000).toFixed(millis < 10_000 ? 1 : 0)} s`
  return formatAge(millis)
}

/** `12 s`, `5 min`, `2 h 5 min`, `3 d 4 h`. */
export const formatAge = (millis: number): string => {
  const seconds = Math.max(0, Math.round(millis / 1_000))
  if (seconds < 120) return `${seconds} s`
  const minutes = Math.floor(seconds / 60)
  if (minutes < 120) return `${minutes} min`
  const hours = Math.floor(minutes / 60)
  if (hours < 48) return minutes % 60 === 0 ? `${hours} h` : `${hours} h ${minutes % 60} min`
  const days = Math.floor(hours / 24)
  return hours % 24 === 0 ? `${days} d` : `${days} d ${hours % 24} h`
}

/** `1,234/s`, `0.4/s`. */
export const formatRate = (perSecond: number): string =>
  `${perSecond === 0 || perSecond >= 10 ? formatShort(Math.round(perSecond)) : perSecond.toFixed(1)}/s`

const clock = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit" })
const day = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short" })
const full = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", timeStyle: "long" })

/** `14:05:09`. */
export const formatClock = (millis: number): string => clock.format(millis)

/** `14:05`, or `14:05:09` where the axis is short. */
export const formatTick = (millis: number, seconds: number): string =>
  seconds > 1_800 ? clock.format(millis).slice(0, 5) : clock.format(millis)

/** `14:05:09.123`. */
export const formatClockMillis = (millis: number): string =>
  `${clock.format(millis)}.${String(Math.floor(millis) % 1_000).padStart(3, "0")}`

/** `14:05:09` within a day of `now`, else `26 Nov 14:05:09`. */
export const formatTime = (millis: number, now: number): string =>
  Math.abs(now - millis) < 72_000_000 ? clock.format(millis) : `${day.format(millis)} ${clock.format(millis)}`

/** With date and zone, for a tooltip. */
export const formatFullTime = (millis: number): string => full.format(millis)

/** `Asia/Kolkata`. */
export const zone = Intl.DateTimeFormat().resolvedOptions().timeZone

/** A word of records for people: `dead_lettered` → `dead-lettered`, `retry_scheduled` → `retry scheduled`. */
export const formatOutcome = (outcome: string): string =>
  outcome === "dead_lettered" ? "dead-lettered" : outcome.replaceAll("_", " ")
