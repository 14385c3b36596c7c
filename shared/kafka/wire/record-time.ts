/** The time of a record, as a producer gave it: any 64 bits. */

/** As far as a date reaches, which is exact as a number and an integer in our schemas: a producer may count in nanoseconds, or write what it likes. */
const timeMax = 8.64e15

/** Milliseconds since the epoch; the latest or earliest date where they are beyond that. */
export const recordTime = (millis: number): number =>
  millis >= -timeMax && millis <= timeMax ? millis : millis > 0 ? timeMax : -timeMax
