/** The batches of a fetch response that are too much for it, each read from the offset on that was asked for. */
import { portionBytesMax, portionBytesMin, portionsBytesMax } from "../wire/batch-bounds.ts"
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
      if (first instanceof UnreadBatch) {
        const from = offsetOf(asked, topicName, found.partition) ?? first.offset
        found.messages = await oneAtATime(() => first.read(from, shares.next(topicName, found.partition)))
      } else if (first !== undefined) shares.end(topicName, found.partition)
    }
  }
  return fetched
}

/** How many bytes each partition's portion may have, of what all of the process may have together. */
class Shares {
  /** Of partitions whose last fetch brought a portion. */
  private readonly given = new Map<string, { readonly bytes: number; readonly until: number }>()

  /** A part of what the others have left; they are not processed any more after a while, or by another process. */
  next(topic: string, partition: number): number {
    const name = `${topic}/${partition}`
    const now = performance.now()
    this.given.delete(name)
    let left = portionsBytesMax
    for (const [other, { bytes, until }] of this.given)
      if (until < now) this.given.delete(other)
      else left -= bytes
    const bytes = Math.max(portionBytesMin, Math.min(portionBytesMax, left / 4))
    this.given.set(name, { bytes, until: now + givenMillis })
    return bytes
  }

  /** It has other records by now. */
  end(topic: string, partition: number): void {
    if (this.given.size > 0) this.given.delete(`${topic}/${partition}`)
  }
}

const shares = new Shares()
const givenMillis = 60_000

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
