/**
 * How long the next transaction of a partition waits, so that a broker that is busy with transactions gets fewer and larger ones. Where each
 * partition of each stage begins the next as soon as one has ended, they share the broker: each takes as long as all of them together.
 * With a pause between two, the same events need fewer, and each is done sooner.
 */
export class TransactionPace {
  /** Milliseconds that transactions take now, smoothed; and the least of late, about what one takes alone. */
  private typical = 0
  private least = Number.POSITIVE_INFINITY
  private endedAt = Number.NEGATIVE_INFINITY
  /** The last transaction's events were seconds old: a backlog. */
  private isLate = false

  /**
   * @param now monotonic milliseconds
   * @param lateMillis how long ago its last event was written to the log, where that is known
   */
  ended(now: number, tookMillis: number, lateMillis = 0): void {
    this.endedAt = now
    this.isLate = lateMillis >= lateMillisMin
    this.typical += (tookMillis - this.typical) / smoothedOver
    this.least = Math.min(tookMillis, this.least * leastGrows)
  }

  /**
   * 0 where nothing is to be waited for.
   *
   * @param now monotonic milliseconds
   * @param isAtEnd the log has nothing more: late events do not gather then, since the next stage may wait for them
   */
  millisLeft(now: number, isAtEnd = false): number {
    const pause = this.isLate && !isAtEnd ? latePauseMillis : this.pauseMillis
    return Math.max(0, this.endedAt + pause - now)
  }

  /** Complete outputs of so many bytes wait for nothing: they are a large transaction as they are. */
  get enoughBytes(): number {
    return this.isLate ? lateTransactionBytes : largeTransactionBytes
  }

  /** A transaction stays open and takes more while it holds less than this; 0 where it is committed with the first outputs that it has. */
  get openBytesMax(): number {
    return this.isLate ? openTransactionBytes : 0
  }

  /** None while transactions take twice as long as one alone, or less; as long as they take, at most. */
  private get pauseMillis(): number {
    const unhurried = Math.max(unhurriedMillis, 2 * this.least)
    return Math.min(Math.max(0, 2 * (this.typical - unhurried)), this.typical, pauseMillisMax)
  }
}

/** Outputs of so many bytes that are complete wait for nothing: they are a large transaction as they are. */
export const largeTransactionBytes = 256 * 1024

/** Events that are so late are a backlog: what counts is how many go through, and a transaction costs as much as some fifty of them. */
const lateMillisMin = 2_000
const latePauseMillis = 500
const lateTransactionBytes = 2 * 1024 * 1024
const openTransactionBytes = 8 * 1024 * 1024

const smoothedOver = 5
const leastGrows = 1.01
const unhurriedMillis = 10
const pauseMillisMax = 40
