/** The identity of a raw record, which every later record of its event carries. */

/** The raw record that an event came from; the time is Kafka's, in milliseconds, and null where an old record does not say it. */
export interface RawSource {
  readonly partition: number
  readonly offset: number
  readonly timestamp: number | null
}

/** Whether what tells of a source means the raw record of this time at the same position. */
export const isSameRecord = (timestamp: number, source: RawSource): boolean =>
  source.timestamp === null || source.timestamp === timestamp
