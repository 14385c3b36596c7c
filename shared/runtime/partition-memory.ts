/**
 * The memory that the partitions of a group's member have for records in flight. Each may have as much as it has alone, as long as all together
 * have no more than some of them would; else each has an equal part. So the memory of a program does not grow with its partitions.
 */

import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"

/** Of all partitions that a member of a group is assigned. */
export class GroupMemory {
  private bytes = 0
  private partitions = 0

  /** @param bytesMax that the partition may have in flight where others have little */
  open(bytesMax: number): PartitionMemory {
    this.partitions++
    let counted = 0
    let isOpen = true
    const count = (bytes: number): void => {
      this.bytes += bytes - counted
      counted = bytes
    }
    return {
      bytesMax: (bytes) => {
        if (isOpen) count(bytes)
        const together = bytesMax * partitionsAtOnce
        return this.bytes <= together || this.partitions <= partitionsAtOnce ? bytesMax : together / this.partitions
      },
      close: () => {
        if (!isOpen) return
        isOpen = false
        count(0)
        this.partitions--
      }
    }
  }
}

/** Of one partition, until the scope ends. See `GroupMemory.open`. */
export const openMemory = (group: GroupMemory, bytesMax: number): Effect.Effect<PartitionMemory, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.sync(() => group.open(bytesMax)),
    ({ close }) => Effect.sync(close)
  )

/** Of one partition. */
export interface PartitionMemory {
  /**
   * How much it may have in flight now.
   *
   * @param bytes that it has
   */
  readonly bytesMax: (bytes: number) => number
  /** It has nothing in flight any more. */
  readonly close: () => void
}

/** So many may have as much as they have alone. */
const partitionsAtOnce = 4

/**
 * Many processors of a partition have more in flight together than one alone, within reason, since it is memory: four times as much with 200, eight times with 1,000, so that each
 * of them has enough waiting for a full request.
 */
export const sharedBytes = (bytes: number, processors: number): number =>
  Math.round(bytes * Math.min(1 + processors / 50, 3 + processors / 200, 8))
