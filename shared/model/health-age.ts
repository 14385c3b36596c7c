/** Whether what the health program wrote last still says how a connection is. Pure. */

/** It writes each status again every 30 seconds. */
const freshMillis = 120_000

/** Older, or of a clock that was set back since: it comes from a health program that no longer works. Both in milliseconds since the epoch. */
export const isOutdated = (lastCheck: number, now: number): boolean => Math.abs(now - lastCheck) > freshMillis
