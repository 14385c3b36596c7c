/**
 * Looks for pending requests only while there are some. kafkajs sets a timer after each response, whose handler sets the next
 * one, with a delay that is negative unless the broker throttles: every connection wakes up each millisecond for nothing, and
 * Node warns of the delay (TimeoutNegativeWarning).
 */

interface RequestQueue {
  readonly pending: ReadonlyArray<unknown>
  scheduleCheckPendingRequests: (this: RequestQueue) => void
}

/** A request that becomes pending later sets the timer itself. */
export const checkWhilePending = (queue: { readonly prototype: RequestQueue }) => {
  const { scheduleCheckPendingRequests } = queue.prototype
  queue.prototype.scheduleCheckPendingRequests = function () {
    if (this.pending.length > 0) scheduleCheckPendingRequests.call(this)
  }
  return queue
}
