import { assert, it } from "@effect/vitest"
import type { PartitionMetadata } from "kafkajs"
import type { ProducedRecord } from "../client.ts"
import { BatchTooLarge } from "../wire/batch-sizes.ts"
import type { ChunkLimits } from "../wire/produce-chunks.ts"
import { makeSender, type TopicMessages } from "./send.ts"

class Refused extends Error {
  readonly type: string
  constructor(type: string) {
    super(type)
    this.type = type
  }
}

const unlimited: ChunkLimits = { batchBytesMax: () => 1e9, requestBytesMax: 1e9 }

/** What kafkajs does with a call, without a network: asks the partitioner for each message, then writes or fails. */
const makeClient = (leaders: Array<number>) => {
  const sender = makeSender()
  const partition = sender.partitioner()
  let metadata: Array<PartitionMetadata> = []
  const moved = () => {
    metadata = leaders.map((leader, partitionId) => ({
      partitionId,
      leader,
      partitionErrorCode: 0,
      replicas: [],
      isr: []
    }))
  }
  moved()
  const calls: Array<{ readonly leaders: ReadonlyArray<number>; readonly values: ReadonlyArray<string> }> = []
  const failures: Array<() => Error | null> = []
  const post = async (topicMessages: Array<TopicMessages>) => {
    const placed = topicMessages.flatMap(({ topic, messages }) =>
      messages.map((message) => ({
        leader: leaders[partition({ topic, partitionMetadata: metadata, message })]!,
        value: String(message.value)
      }))
    )
    const failure = failures.shift()?.() ?? null
    if (failure !== null) return Promise.reject(failure)
    calls.push({ leaders: [...new Set(placed.map(({ leader }) => leader))], values: placed.map(({ value }) => value) })
  }
  const send = async (records: ReadonlyArray<ProducedRecord>, limits = unlimited): Promise<number> => {
    const chunks = sender.chunks(records, limits)
    for (const chunk of chunks) await sender.send(chunk, post)
    return chunks.length
  }
  return { send, calls, failures, moved }
}

const records = (count: number): ReadonlyArray<ProducedRecord> =>
  Array.from({ length: count }, (_, index) => ({ topic: "t", key: `k${index}`, value: Buffer.from(`${index}`) }))

const written = (calls: ReturnType<typeof makeClient>["calls"]) =>
  calls.flatMap(({ values }) => values).sort((left, right) => Number(left) - Number(right))

it("gives each call of kafkajs the records of one broker, and each record to one call", async () => {
  const { send, calls } = makeClient([1, 2, 3, 1])
  await send(records(100))
  await send(records(100))
  assert.isTrue(calls.every(({ leaders }) => leaders.length === 1))
  assert.strictEqual(calls.length, 6)
  assert.deepStrictEqual(
    written(calls.slice(0, 3)),
    Array.from({ length: 100 }, (_, index) => `${index}`)
  )
})

it("makes one call where one broker leads all", async () => {
  const { send, calls } = makeClient([7, 7, 7])
  await send(records(10))
  assert.strictEqual(calls.length, 1)
})

it("divides a call again when leaders have moved before its retry, and neither loses nor duplicates a record", async () => {
  const leaders = [1, 1, 1, 1]
  const { send, calls, failures, moved } = makeClient(leaders)
  failures.push(() => {
    leaders.splice(0, 4, 1, 2, 2, 3)
    moved()
    return new Refused("NOT_LEADER_FOR_PARTITION")
  })
  await send(records(60))
  assert.isTrue(calls.every((call) => call.leaders.length === 1))
  assert.deepStrictEqual(
    written(calls),
    Array.from({ length: 60 }, (_, index) => `${index}`)
  )
})

it("keeps records without a key in their partition over a retry", async () => {
  const { send, calls, failures } = makeClient([1, 2, 3])
  failures.push(() => new Refused("NOT_ENOUGH_REPLICAS"))
  await send(Array.from({ length: 9 }, (_, index) => ({ topic: "t", key: null, value: Buffer.from(`${index}`) })))
  assert.deepStrictEqual(written(calls), [..."012345678"])
})

it("never repeats what a fenced producer or a limit refused", async () => {
  for (const type of ["PRODUCER_FENCED", "INVALID_PRODUCER_EPOCH", "MESSAGE_TOO_LARGE"]) {
    const { send, calls, failures } = makeClient([1])
    failures.push(() => new Refused(type))
    const failure = await send(records(1)).then(
      () => null,
      (error: unknown) => error
    )
    assert.strictEqual((failure as Refused).type, type)
    assert.deepStrictEqual(calls, [])
  }
})

it("refuses a partition that the topic doesn't have, which kafkajs would drop", () => {
  const partition = makeSender().partitioner()
  const partitionMetadata = [{ partitionId: 0, leader: 1, partitionErrorCode: 0, replicas: [], isr: [] }]
  const message = { partition: 5, value: null }
  assert.throws(() => partition({ topic: "t", partitionMetadata, message }), /no partition 5/)
})

it("divides by the bytes of a partition's batch, once partitions are known", async () => {
  const { send, calls } = makeClient([1, 1, 1, 1])
  const limits = { ...unlimited, batchBytesMax: () => 2_000 }
  assert.isAbove(await send(records(40), limits), 1)
  const first = calls.length
  assert.strictEqual(await send(records(40), limits), 1)
  assert.strictEqual(calls.length, first + 1)
  assert.isAbove(await send(records(400), limits), 3)
})

it("divides a call whose batch is too large after compression, and sends the rest of the records once", async () => {
  const { send, calls, failures } = makeClient([1, 2])
  await send(records(1))
  failures.push(() => new BatchTooLarge(1_000))
  await send(records(40))
  assert.strictEqual(calls.length, 4)
  assert.deepStrictEqual(
    written(calls.slice(1)),
    Array.from({ length: 40 }, (_, index) => `${index}`)
  )
})
