/** Version 2 of transactions: the bytes of its requests and responses, and what a producer does with them. */
import { assert, describe, it } from "@effect/vitest"
import { apiVersions } from "../api-versions.ts"
import { ResponseReader } from "../raw-request.ts"
import { endTxn, failIf, hasVersionTwo, txnOffsetCommit } from "../transaction-requests.ts"
import "./index.ts"
import { CompletionWait, transactionsOfVersionTwo, versionOneIds } from "./producer.ts"

const hex = (...parts: ReadonlyArray<string>): Buffer => Buffer.from(parts.join("").replaceAll(" ", ""), "hex")
const session = { transactionalId: "tx", producerId: "4097", producerEpoch: 3 }

/** ApiVersions of version 3 with these requests and finalized features. */
const versionsResponse = (versions: ReadonlyArray<readonly [number, number]>, level: number): Buffer => {
  const int16 = (value: number) => value.toString(16).padStart(4, "0")
  const name = Buffer.from("transaction.version").toString("hex")
  const finalized = `02 14 ${name} ${int16(level)} ${int16(level)} 00`.replaceAll(" ", "")
  return hex(
    "0000",
    (versions.length + 1).toString(16).padStart(2, "0"),
    ...versions.map(([key, newest]) => `${int16(key)} 0000 ${int16(newest)} 00`),
    "00000000",
    // Three tagged fields: no supported feature, the epoch, the finalized features.
    "03 00 01 01 01 08 0000000000000009",
    `02 ${(finalized.length / 2).toString(16).padStart(2, "0")} ${finalized}`
  )
}
const allNewest = [
  [0, 13],
  [26, 5],
  [28, 5]
] as const

describe("the requests of version 2", () => {
  it("end a transaction, and read who writes the next one", () => {
    const { body, read, check } = endTxn(session, true)
    assert.deepStrictEqual(body, hex("00 03 7478 0000000000001001 0003 01 00"))
    assert.deepStrictEqual(endTxn(session, false).body, hex("00 03 7478 0000000000001001 0003 00 00"))
    const next = read(new ResponseReader(hex("00 00000000 0000 0000000000001002 0000 00")))
    assert.deepStrictEqual(next, { errorCode: 0, producerId: "4098", producerEpoch: 0 })
    const fenced = read(new ResponseReader(hex("00 00000000 005a ffffffffffffffff ffff 00")))
    assert.throws(() => check?.(fenced), /PRODUCER_FENCED/)
  })

  it("commit offsets", () => {
    const { body, read, check } = txnOffsetCommit(session, "group", [
      { topic: "a", partitions: [{ partition: 1, offset: "258" }] },
      { topic: "b", partitions: [{ partition: 0, offset: "1", metadata: "m" }] }
    ])
    assert.deepStrictEqual(
      body,
      hex(
        "00 03 7478 06 67726f7570 0000000000001001 0003 ffffffff 01 00",
        "03 02 61 02 00000001 0000000000000102 ffffffff 01 00 00",
        "02 62 02 00000000 0000000000000001 ffffffff 02 6d 00 00",
        "00"
      )
    )
    const answer = (code: string) =>
      read(new ResponseReader(hex("00 00000000 02 02 61 03 00000001 0000 00 00000002", code, "00 00 00")))
    check?.(answer("0000"))
    assert.throws(() => check?.(answer("0033")), /another concurrent operation/)
  })

  it("name errors that kafkajs does not know", () => {
    failIf(0)
    for (const [code, type] of [
      [51, "CONCURRENT_TRANSACTIONS"],
      [90, "PRODUCER_FENCED"],
      [120, "TRANSACTION_ABORTABLE"]
    ] as const) {
      try {
        failIf(code)
        assert.fail("no error")
      } catch (error) {
        assert.include(error, { name: "KafkaJSProtocolError", type })
      }
    }
  })

  it("are sent where the cluster has the version, and the broker knows them", () => {
    const has = (versions: ReadonlyArray<readonly [number, number]>, level: number) =>
      hasVersionTwo(apiVersions.read(new ResponseReader(versionsResponse(versions, level))))
    assert.isTrue(has(allNewest, 2))
    assert.isFalse(has(allNewest, 1))
    for (const [older] of allNewest)
      assert.isFalse(
        has(
          allNewest.map(([key, newest]) => [key, key === older ? 4 : newest]),
          2
        )
      )
  })
})

type Answer = Buffer | Error

/** kafkajs's manager, which only counts, and a cluster whose one broker gives these answers. */
const producerWith = (id: string, level: number, answers: ReadonlyArray<Answer>) => {
  const calls: Array<string> = []
  const bodies: Array<Buffer> = []
  const left = [versionsResponse(allNewest, level), ...answers]
  const send = async ({ request, response }: Parameters<Connection["send"]>[0]) => {
    calls.push(request.apiName)
    bodies.push((await request.encode()).buf)
    const answer = left.shift()
    if (answer === undefined) throw new Error(`no answer to ${request.apiName}`)
    if (answer instanceof Error) throw answer
    return response.parse(await response.decode(answer))
  }
  const broker = { connectionPool: { getConnection: async () => ({ send }) } }
  const cluster = {
    findGroupCoordinatorMetadata: async () => ({ coordinator: { nodeId: 1 } }),
    findBroker: async () => broker,
    isConnected: () => true,
    refreshMetadata: async () => undefined
  }
  const note = (name: string) => async () => void calls.push(name)
  const manager = transactionsOfVersionTwo(
    () =>
      ({
        initProducerId: note("initProducerId"),
        getProducerId: () => "4097",
        getProducerEpoch: () => 3,
        getSequence: () => 77,
        updateSequence: () => undefined,
        isInTransaction: () => true,
        addPartitionsToTransaction: note("addPartitionsToTransaction"),
        sendOffsets: note("sendOffsets"),
        commit: note("commit"),
        abort: note("abort")
      }) as never
  )({ cluster, transactional: true, transactionalId: id } as never)
  return { manager, calls, bodies }
}

interface Connection {
  readonly send: (given: {
    readonly request: { readonly apiName: string; readonly encode: () => Promise<{ readonly buf: Buffer }> }
    readonly response: {
      readonly decode: (payload: Buffer) => Promise<unknown>
      readonly parse: (data: unknown) => Promise<unknown>
    }
  }) => Promise<unknown>
}

const ended = (epoch: string, code = "0000") => hex("00 00000000", code, "0000000000001001", epoch, "00")
const connectionLost = Object.assign(new Error("lost"), { name: "KafkaJSConnectionClosedError" })
const offsets = { consumerGroupId: "g", topics: [{ topic: "a", partitions: [{ partition: 0, offset: "1" }] }] }
const committed = hex("00 00000000 02 02 61 02 00000000 0000 00 00 00")

describe("a producer of version 2", () => {
  it("gets an epoch with each transaction, whose sequence numbers begin at 0", async () => {
    const { manager, calls } = producerWith("tx", 2, [committed, ended("0004")])
    await manager.initProducerId()
    assert.deepStrictEqual([manager.getProducerId(), manager.getProducerEpoch()], ["4097", 3])
    await manager.addPartitionsToTransaction([])
    manager.updateSequence("a", 0, 5)
    manager.updateSequence("a", 1, 2)
    // A request that failed is sent again with the same numbers.
    manager.updateSequence("a", 1, -2)
    assert.deepStrictEqual(
      [0, 1].map((partition) => manager.getSequence("a", partition)),
      [5, 0]
    )
    await manager.sendOffsets(offsets)
    await manager.commit()
    assert.deepStrictEqual([manager.getProducerEpoch(), manager.getSequence("a", 0)], [4, 0])
    assert.deepStrictEqual(calls, ["initProducerId", "ApiVersions", "TxnOffsetCommit", "EndTxn", "commit"])
  })

  it("sends nothing for a transaction in which nothing was written", async () => {
    const { manager, calls } = producerWith("tx", 2, [])
    await manager.initProducerId()
    await manager.abort()
    await manager.commit()
    assert.deepStrictEqual(calls, ["initProducerId", "ApiVersions", "abort", "commit"])
  })

  it("repeats the end with the same epoch when the response was lost, until the transaction is complete", async () => {
    const { manager, calls, bodies } = producerWith("tx", 2, [connectionLost, ended("ffff", "0033"), ended("0004")])
    await manager.initProducerId()
    await manager.addPartitionsToTransaction([])
    await manager.commit()
    assert.deepStrictEqual(calls.slice(2), ["EndTxn", "EndTxn", "EndTxn", "commit"])
    for (const body of bodies.slice(2)) assert.deepStrictEqual(body, bodies[1])
    assert.strictEqual(manager.getProducerEpoch(), 4)
  })

  it("does not abort what it asked to commit", async () => {
    const { manager, calls } = producerWith("tx", 2, [ended("ffff", "005a")])
    await manager.initProducerId()
    await manager.addPartitionsToTransaction([])
    assert.isTrue(manager.isInTransaction())
    const failure = await manager.commit().catch((error: unknown) => error)
    assert.include(failure, { type: "PRODUCER_FENCED" })
    assert.isFalse(manager.isInTransaction())
    assert.notInclude(calls, "commit")
  })

  it("is kafkajs's own where the cluster has version 1, or a test wants it", async () => {
    versionOneIds.add("tx-1")
    for (const [id, level] of [
      ["tx", 1],
      ["tx-1", 2]
    ] as const) {
      const { manager, calls } = producerWith(id, level, [])
      await manager.initProducerId()
      await manager.addPartitionsToTransaction([])
      await manager.sendOffsets(offsets)
      assert.strictEqual(manager.getSequence("a", 0), 77)
      await manager.commit()
      assert.deepStrictEqual(calls.slice(2), ["addPartitionsToTransaction", "sendOffsets", "commit"])
    }
  })
})

describe("the wait for the transaction before", () => {
  const early = { produceMillis: 22, endMillis: 1 }
  const inTime = { produceMillis: 2, endMillis: 1 }

  it("does not happen where transactions are complete at once, and is never long", () => {
    const wait = new CompletionWait()
    assert.isNull(wait.millisLeft(1_000))
    wait.ended(1_000, inTime)
    assert.strictEqual(wait.millisLeft(1_000), 0)
    for (let many = 0; many < 100; many++) wait.ended(1_000, early)
    assert.strictEqual(wait.millisLeft(1_000), 5)
    assert.strictEqual(wait.millisLeft(1_003), 2)
    assert.isNull(wait.millisLeft(1_006))
  })

  it("grows by requests that came too early, and shrinks by others, but not by those that a slow machine made long", () => {
    const wait = new CompletionWait()
    for (let many = 0; many < 4; many++) wait.ended(0, early)
    assert.strictEqual(wait.millisLeft(0), 2)
    wait.ended(0, { produceMillis: null, endMillis: 1 })
    assert.strictEqual(wait.millisLeft(0), 2)
    for (let many = 0; many < 50; many++) wait.ended(0, { produceMillis: 40, endMillis: 30 })
    assert.closeTo(wait.millisLeft(0) ?? 0, 1, 1e-9)
  })
})
