/** What a processor of a shared partition needs of its partition. */
import type { BusySubscribers, CountedSubscriber } from "./busy-subscribers.ts"
import type { AssignedPartition, RuntimeOptionsShape } from "./contract.ts"
import type { Observe } from "./metrics.ts"
import type { PartitionRequests } from "./requests.ts"
import type { RestoreContext } from "./restore-state.ts"

/** `S` is the subscriber. */
export interface SubscriberContext<S extends CountedSubscriber> {
  readonly runtime: RuntimeOptionsShape
  readonly observe: Observe
  /** Of the partition: the input's names and how many partitions it has. */
  readonly input: Omit<RestoreContext, "position"> & { readonly topic: string }
  readonly requests: PartitionRequests
  readonly bytesInFlightMax: number
  readonly append: NonNullable<AssignedPartition["append"]>
  readonly shared: SharedWith<S>
}

/** Of the partition, what all subscribers have in common. */
interface SharedWith<S extends CountedSubscriber> {
  /** Whether the shared reading is far behind the end of the log, and not paused. */
  readonly isMoreComing: () => boolean
  /** Bytes that wait in all queues. */
  readonly waiting: { bytes: number }
  readonly busy: BusySubscribers<S>
  /** Those whose first step of this opening is still to be marked as begun. */
  readonly beginning: Set<S>
  /** Its progress is to be observed. */
  readonly onProgress: (subscriber: S) => void
  /** Something of it may be committed now. */
  readonly onChange: (subscriber: S) => void
}
