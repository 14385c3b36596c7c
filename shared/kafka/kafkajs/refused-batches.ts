/** Which batches of a produce request the broker refused as too large. Its response says so; kafkajs's error has the code alone. */

export interface BatchAt {
  readonly topic: string
  readonly partition: number
}

/** A produce response as kafkajs decodes it. */
export interface ProduceResponse {
  readonly topics: ReadonlyArray<{
    readonly topicName: string
    readonly partitions: ReadonlyArray<{ readonly partition: number; readonly errorCode: number }>
  }>
}

/** Notes them for the error that the response became. */
export const noteRefused = (error: unknown, { topics }: ProduceResponse): void => {
  const refused = topics.flatMap(({ topicName, partitions }) =>
    partitions
      .filter(({ errorCode }) => tooLargeCodes.has(errorCode))
      .map(({ partition }) => ({ topic: topicName, partition }))
  )
  if (typeof error === "object" && error !== null && refused.length > 0) refusedBy.set(error, refused)
}

/** Those of an error or of one that it was made of; none where no response said it. */
export const refusedBatches = (error: unknown): ReadonlyArray<BatchAt> => {
  for (let cause = error, depth = 0; typeof cause === "object" && cause !== null && depth < depthMax; depth++) {
    const found = refusedBy.get(cause)
    if (found !== undefined) return found
    cause = (cause as { readonly cause?: unknown }).cause
  }
  return []
}

const refusedBy = new WeakMap<object, ReadonlyArray<BatchAt>>()
const depthMax = 8

/** MESSAGE_TOO_LARGE and RECORD_LIST_TOO_LARGE. */
const tooLargeCodes = new Set([10, 18])
