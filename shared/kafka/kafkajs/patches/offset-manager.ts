/**
 * What a group member does if its offset is out of range. kafkajs commits a placeholder (-2, "the earliest") in place of the
 * group's offset, which is lost then, and with it the number of missed records. Here the member continues at the start of the
 * log, so that its owner learns of the gap, and the committed offset stays.
 */

interface OffsetManager {
  setDefaultOffset: (this: OffsetManager, at: { readonly topic: string; readonly partition: number }) => Promise<void>
  readonly cluster: {
    readonly fetchTopicsOffset: (
      topics: ReadonlyArray<object>
    ) => Promise<ReadonlyArray<{ readonly partitions: ReadonlyArray<{ readonly offset: string }> }>>
  }
  readonly resolvedOffsets: Record<string, Record<number, string>>
}

export const keepCommittedOffset = (manager: { readonly prototype: OffsetManager }) => {
  manager.prototype.setDefaultOffset = async function ({ topic, partition }) {
    const earliest = { topic, partitions: [{ partition }], fromBeginning: true }
    const [found] = await this.cluster.fetchTopicsOffset([earliest])
    const offset = found?.partitions[0]?.offset
    if (offset !== undefined) this.resolvedOffsets[topic]![partition] = offset
  }
  return manager
}
