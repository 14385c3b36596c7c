/**
 * What a group member does when its offset is not in the log any more. kafkajs commits a placeholder (-2, "the earliest") in
 * the place of the group's offset, which is then gone: nobody can tell any more what was missed. Here the member only goes on
 * at the log's beginning, so that its owner learns of the gap and looks what is committed.
 */
import { repairClass } from "./patch-prototype.ts"

/** Changes the class of kafkajs's offset managers. */
export const repairOutOfRange = (): void => repairClass("consumer/offsetManager", goToBeginning)

const goToBeginning = (prototype: PatchedOffsetManager): void => {
  prototype.setDefaultOffset = async function ({ topic, partition }) {
    const earliest = { topic, partitions: [{ partition }], fromBeginning: true }
    const [found] = await this.cluster.fetchTopicsOffset([earliest])
    const offset = found?.partitions[0]?.offset
    if (offset !== undefined) this.resolvedOffsets[topic]![partition] = offset
  }
}

interface PatchedOffsetManager {
  setDefaultOffset: (
    this: PatchedOffsetManager,
    at: { readonly topic: string; readonly partition: number }
  ) => Promise<void>
  readonly cluster: {
    readonly fetchTopicsOffset: (
      topics: ReadonlyArray<object>
    ) => Promise<ReadonlyArray<{ readonly partitions: ReadonlyArray<{ readonly offset: string }> }>>
  }
  readonly resolvedOffsets: Record<string, Record<number, string>>
}
