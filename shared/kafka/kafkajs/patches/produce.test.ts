/** Produce requests of version 12, which add their partitions to the transaction. */
import { createRequire } from "node:module"
import { assert, describe, it } from "@effect/vitest"
import fc from "fast-check"
import { ResponseReader } from "../raw-request.ts"
import { addByProduce } from "../transaction-requests.ts"
import "./index.ts"

const require = createRequire(import.meta.url)
const hex = (...parts: ReadonlyArray<string>): Buffer => Buffer.from(parts.join("").replaceAll(" ", ""), "hex")
const session = { transactionalId: "tx", producerId: "4097", producerEpoch: 3 }

describe("a produce request that adds its partitions", () => {
  const { protocol } = require("kafkajs/src/protocol/requests/produce")
  const create = protocol({ version: 7 })
  const bytesOf = async ({ request }: ReturnType<typeof create>): Promise<Buffer> => {
    const { buf, offset } = await request.encode()
    return Buffer.from(buf.subarray(0, offset))
  }
  const topicData = (topics: ReadonlyArray<string>, values: ReadonlyArray<string>) =>
    topics.map((topic) => ({
      topic,
      partitions: [0, 3].map((partition) => ({
        partition,
        firstSequence: 5,
        messages: values.map((value) => ({ key: "k", value: Buffer.from(value), timestamp: "1790000000000" }))
      }))
    }))
  const options = { acks: -1, timeout: 30_000, ...session }

  /** What version 7 holds: each batch with its topic and partition. */
  const classicBatches = (bytes: Buffer) => {
    const reader = new ResponseReader(bytes)
    const head = [reader.text(), reader.int16(), reader.int32()]
    const batches: Array<unknown> = []
    reader.each(() => {
      const topic = reader.text()
      reader.each(() => batches.push([topic, reader.int32(), Buffer.from(reader.bytes())]))
    })
    return { head, batches }
  }
  /** The same of version 12. */
  const compactBatches = (bytes: Buffer) => {
    const reader = new ResponseReader(bytes)
    reader.tagged()
    const head = [reader.compactText(), reader.int16(), reader.int32()]
    const batches: Array<unknown> = []
    reader.compactEach(() => {
      const topic = reader.compactText()
      reader.compactEach(() => {
        const partition = reader.int32()
        const length = reader.varint() - 1
        const from = reader.position
        reader.skip(length)
        batches.push([topic, partition, Buffer.from(bytes.subarray(from, from + length))])
        reader.tagged()
      })
      reader.tagged()
    })
    reader.tagged()
    assert.strictEqual(reader.position, bytes.length)
    return { head, batches }
  }

  it("has version 12, and holds the same batches", () =>
    fc.assert(
      fc.asyncProperty(
        fc.uniqueArray(fc.string({ unit: "grapheme", minLength: 1, maxLength: 200 }), { minLength: 1, maxLength: 130 }),
        fc.array(fc.string({ maxLength: 300 }), { minLength: 1, maxLength: 40 }),
        fc.boolean(),
        async (topics, values, isCompressed) => {
          const compression = isCompressed ? () => true : 0
          const classic = create({ ...options, compression, topicData: topicData(topics, values) })
          const added = topicData(topics, values)
          addByProduce(added)
          const compact = create({ ...options, compression, topicData: added })
          assert.deepStrictEqual([classic.request.apiVersion, compact.request.apiVersion], [7, 12])
          assert.deepStrictEqual(compactBatches(await bytesOf(compact)), classicBatches(await bytesOf(classic)))
        }
      ),
      { numRuns: 20 }
    ))

  it("reads its response", async () => {
    const added = topicData(["a"], ["v"])
    addByProduce(added)
    const { response } = create({ ...options, topicData: added })
    const answer = (code: string) =>
      hex(
        "00 02 02 61 02 00000003",
        code,
        "0000000000000007 ffffffffffffffff 0000000000000001",
        // An error of a record, a text of the whole, and a tagged field that is not known.
        "02 00000000 03 6f68 00 04 776879 01 00 02 0102 00 00000000 00"
      )
    const decoded = await response.decode(answer("0000"))
    assert.deepStrictEqual((await response.parse(decoded)).topics, [
      {
        topicName: "a",
        partitions: [{ partition: 3, errorCode: 0, baseOffset: "7", logAppendTime: "-1", logStartOffset: "1" }]
      }
    ])
    const refused = await response.parse(await response.decode(answer("0078"))).catch((error: unknown) => error)
    assert.include(refused, { type: "TRANSACTION_ABORTABLE" })
  })
})
