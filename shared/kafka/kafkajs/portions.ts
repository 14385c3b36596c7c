/** The batches of a fetch response that are too much for it, each read from the offset on that was asked for. */
import { UnreadBatch } from "../wire/unread-batch.ts"

/** What a fetch request asks for. */
export type AskedTopics = ReadonlyArray<{
  readonly topic: string
  readonly partitions: ReadonlyArray<{ readonly partition: number; readonly fetchOffset: string | number }>
}>

/** A fetch response as kafkajs has it. */
export interface FetchedTopics {
  readonly responses: ReadonlyArray<{
    readonly topicName: string
    readonly partitions: ReadonlyArray<{ readonly partition: number; messages: ReadonlyArray<unknown> }>
  }>
}

/** Puts the records of a batch that was not read in its place; changes the response. */
export const readPortions = async (fetched: FetchedTopics, asked: AskedTopics): Promise<FetchedTopics> => {
  for (const { topicName, partitions } of fetched.responses) {
    for (const found of partitions) {
      const [first] = found.messages
      if (first instanceof UnreadBatch)
        found.messages = await oneAtATime(() => first.read(offsetOf(asked, topicName, found.partition) ?? first.offset))
    }
  }
  return fetched
}

/** Of the process, whose memory is bounded: Zstandard takes up to 128 MiB for each, as the producer chose, and each broker may send one. */
const oneAtATime = <A>(read: () => Promise<A>): Promise<A> => {
  const next = reading.then(read)
  reading = next.catch(() => undefined)
  return next
}

let reading: Promise<unknown> = Promise.resolve()

const offsetOf = (asked: AskedTopics, name: string, number: number): number | null => {
  for (const { topic, partitions } of asked) {
    const found = topic === name ? partitions.find(({ partition }) => partition === number) : undefined
    if (found !== undefined) return Number(found.fetchOffset)
  }
  return null
}
