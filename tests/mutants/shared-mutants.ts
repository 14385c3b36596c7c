/** Changes to the runtime, Kafka's client and buffers that a test must notice. */
import type { Mutant } from "./mutant.ts"

export const sharedMutants: ReadonlyArray<Mutant> = [
  {
    wrong: "A partition restores from the partition of its number alone.",
    file: "shared/runtime/restore-state.ts",
    from: "if (other.partition === partition) continue",
    to: "if (other.partition >= 0) continue",
    tests: ["processors/mapper/mapper.kafka.test.ts", "processors/delivery/engine/partitions.kafka.test.ts"]
  },
  {
    wrong: "Pooled slabs are returned again by a second release: two users write into one.",
    file: "shared/codec/record-writer.ts",
    from: "for (const slab of pooled.splice(0)) slab.release()",
    to: "for (const slab of pooled) {\n          slab.retain().release()\n          slab.release()\n        }",
    tests: ["shared/codec/record-writer.test.ts"]
  },
  {
    wrong: "A body's buffer is used again before the socket has sent what it holds.",
    file: "shared/connectors/http/http-pool.ts",
    from: "if (!mayHoldBytes(socket)) buffer.release()",
    to: "buffer.release()\n    if (!mayHoldBytes(socket)) return",
    tests: ["shared/connectors/http/http-bodies.test.ts"]
  },
  {
    wrong: "A buffer that is released once too often returns to its pool again.",
    file: "shared/kafka/wire/buffer-pool.ts",
    from: "if (--this.#users !== 0) return",
    to: "if (--this.#users > 0) return",
    tests: ["shared/kafka/wire/buffer-pool.test.ts"]
  },
  {
    wrong: "A transaction that may be committed is aborted when its end was not answered.",
    file: "shared/kafka/kafkajs/patches/producer.ts",
    from: "ongoing.ending = true",
    to: "ongoing.ending = false",
    tests: ["shared/kafka/kafkajs/patches/transactions.test.ts"]
  },
  {
    wrong: "A producer goes on with the epoch and the sequence numbers of the transaction before.",
    file: "shared/kafka/kafkajs/patches/producer.ts",
    from: "ongoing = next(await atTransactions((broker) => sendRaw(broker, endTxn(session, commit))))",
    to: "await atTransactions((broker) => sendRaw(broker, endTxn(session, commit)))",
    tests: ["shared/kafka/kafkajs/patches/transactions.test.ts"]
  },
  {
    wrong: "A member joins its group again before its requests are finished.",
    file: "shared/kafka/kafkajs/patches/consumer.ts",
    from: "await Promise.all(this.assigners.map(({ beforeJoining }) => beforeJoining?.()))",
    to: "void this.assigners",
    tests: ["shared/kafka/kafkajs/patches/consumer.test.ts", "tests/delivery/moving-partitions.kafka.test.ts"]
  },
  {
    wrong: "A partition moves while a request is answered and its results are not committed.",
    file: "shared/runtime/requests.ts",
    from: "return this.inFlight > 0 || this.hasEffect",
    to: "return this.inFlight > 0",
    tests: ["processors/delivery/engine/partition-moves.test.ts"]
  },
  {
    wrong: "A step begins its first request while its partition may move.",
    file: "shared/runtime/requests.ts",
    from: "steps.find(({ partition }) => partition.isHeld)",
    to: "steps.find(() => false)",
    tests: ["shared/runtime/rebalance.test.ts", "processors/delivery/engine/partition-moves.test.ts"]
  },
  {
    wrong: "kafkajs replaces the committed offset where it is out of range.",
    file: "shared/kafka/kafkajs/patches/consumer.ts",
    from: "  manager.prototype.setDefaultOffset = async function ({ topic, partition }) {",
    to: "  const unused: Partial<OffsetManager> = {}\n  unused.setDefaultOffset = async function (this: OffsetManager, { topic, partition }) {",
    tests: ["shared/kafka/conformance/gaps.kafka.test.ts"]
  },
  {
    wrong: "A batch is decompressed whole, whatever it holds.",
    file: "shared/kafka/wire/compression.ts",
    from: "          maxOutputLength: portionBytesMax\n",
    to: "",
    tests: ["shared/kafka/wire/decompress.test.ts"]
  },
  {
    wrong: "A fetch before the position is cut off, as if what it has up to there were known.",
    file: "shared/kafka/kafkajs/member.ts",
    from: "const gap = fetchedOffset !== position",
    to: "const gap = fetchedOffset > position",
    tests: ["shared/kafka/kafkajs/member-positions.test.ts", "shared/kafka/conformance/gaps.kafka.test.ts"]
  },
  {
    wrong: "kafkajs hides the records of aborted transactions by itself.",
    file: "shared/kafka/kafkajs/patches/table.ts",
    from: "apply: visibleBatch",
    to: "apply: (exports) => exports",
    tests: ["shared/kafka/conformance/read-committed.kafka.test.ts"]
  },
  {
    wrong: "A topic's end is that of its committed records.",
    file: "shared/kafka/kafkajs/patches/cluster.ts",
    from: "    this.isolationLevel ??= readUncommitted\n",
    to: "",
    tests: ["shared/kafka/conformance/read-committed.kafka.test.ts"]
  },
  {
    wrong: "A connection loads the metadata of all topics of the cluster.",
    file: "shared/kafka/kafkajs/patches/table.ts",
    from: "apply: loadOnlyTargetTopics",
    to: "apply: (exports) => exports",
    tests: ["shared/kafka/kafkajs/patches/cluster.test.ts", "shared/kafka/conformance/target-topics.kafka.test.ts"]
  },
  {
    wrong: "Heartbeats follow the wall clock.",
    file: "shared/kafka/kafkajs/patches/table.ts",
    from: "apply: beatByMonotonicClock",
    to: "apply: (exports) => exports",
    tests: ["shared/kafka/kafkajs/patches/consumer.test.ts"]
  },
  {
    wrong:
      "Only a failure replaces the producer, not an interruption: the second write gets the sequence numbers of the first.",
    file: "shared/kafka/kafkajs/producer.ts",
    from: "Effect.onError(() => discard)",
    to: "Effect.tapError(() => discard)",
    tests: ["shared/kafka/kafkajs/producer.test.ts"]
  },
  {
    wrong: "A commit does not wait for a transaction of the same producer that is open.",
    file: "shared/kafka/kafkajs/producer.ts",
    from: "begin: Effect.map(oneAtATime.take(1), () => {",
    to: "begin: Effect.map(Effect.void, () => {",
    tests: ["shared/kafka/conformance/transactions.kafka.test.ts"]
  },
  {
    wrong: "A transaction that is open when its partition ends stays so.",
    file: "shared/runtime/pipeline.ts",
    from: "return Effect.ensuring(commitIn(transaction, options, state), transaction.abort)",
    to: "return commitIn(transaction, options, state)",
    tests: ["shared/runtime/open-transactions.test.ts"]
  },
  {
    wrong: "What is complete before a step that fails is discarded where its transaction is open.",
    file: "shared/runtime/pipeline.ts",
    from: "        if (transaction.isOpen)\n          yield* commit(options, steps, transaction, nothingReady, steps.nextOffset(nothingReady, false))\n",
    to: "",
    tests: ["shared/runtime/open-transactions.test.ts"]
  },
  {
    wrong: "What is committed is decided before the tick runs.",
    file: "shared/runtime/pipeline.ts",
    from: "    const outputs = tick === undefined ? [] : (yield* tick.step).outputs\n    const ticked = outputs.length === 0 ? null : outputs\n    // Read after the tick, which may take long, and without suspending: what comes later must not be committed with it.\n    const ready = steps.ready(limits.commitBytesMax)\n    const idle = (state.idleDue || steps.intakeEnded) && steps.nothingWaits(ready)\n    state.idleDue = false\n",
    to: "    const ready = steps.ready(limits.commitBytesMax)\n    const idle = (state.idleDue || steps.intakeEnded) && steps.nothingWaits(ready)\n    state.idleDue = false\n    const outputs = tick === undefined ? [] : (yield* tick.step).outputs\n    const ticked = outputs.length === 0 ? null : outputs\n",
    tests: ["shared/runtime/commit-bounds.test.ts"]
  },
  {
    wrong: "Steps are counted in the place of what the intake has given out.",
    file: "shared/runtime/ordered-steps.ts",
    from: "return intake.bytesInFlight === ready.inputBytes && intake.endOffset > this.committed",
    to: "return this.steps.length === ready.count && intake.isEmpty && intake.endOffset > this.committed",
    tests: ["shared/runtime/commit-bounds.test.ts"]
  },
  {
    wrong: "A processor that has stopped is still waited for by readiness.",
    file: "shared/runtime/runtime.ts",
    from: "Effect.ensuring(reportStopped(work.processors)), ",
    to: "",
    tests: ["shared/runtime/shared-input.test.ts"]
  },
  {
    wrong: "A step runs without its deadline.",
    file: "shared/runtime/steps.ts",
    from: "Effect.exit(withDeadline(processor, task.step(batch)))",
    to: "Effect.exit(task.step(batch))",
    tests: ["shared/runtime/stuck-partitions.test.ts"]
  },
  {
    wrong: "A record is copied by a spread, which leaves out what it makes on demand.",
    file: "shared/runtime/contract.ts",
    from: "  const { partition, offset, timestamp, key, value, headers, bufferRef } = record\n  const copied = { topic, partition, offset, timestamp, key, value, headers, bufferRef: bufferRef ?? null }\n",
    to: "  const copied = { ...record, topic, bufferRef: record.bufferRef ?? null }\n",
    tests: ["shared/runtime/contract.test.ts"]
  },
  {
    wrong: "A batch waits for the time that the wall clock had before it was set back.",
    file: "shared/runtime/intake.ts",
    from: "    return monotonicMillisUnsafe(this.options.clock)",
    to: "    return this.options.clock.currentTimeMillisUnsafe()",
    tests: ["shared/runtime/intake.test.ts"]
  },
  {
    wrong: "A partition is never paused.",
    file: "shared/runtime/intake.ts",
    from: "if (!this.paused && this.bytesInFlight > this.bytesInFlightMax) {",
    to: "if (!this.paused && this.bytesInFlight < 0) {",
    tests: ["shared/runtime/runtime.test.ts"]
  },
  {
    wrong: "The transactional id has a part of the process: no process is fenced.",
    file: "shared/runtime/partition.ts",
    from: "client.transactional(`",
    to: "client.transactional(process.pid + `",
    tests: ["shared/runtime/runtime.kafka.test.ts"]
  },
  {
    wrong: "Partitions that stay are not opened again when their topic has got more.",
    file: "shared/runtime/runtime.ts",
    from: "      if (count !== opened) grown.add(nameOf(at))\n",
    to: "",
    tests: ["shared/runtime/runtime.test.ts"]
  },
  {
    wrong: "What a record was begun with stays, although its process lives on.",
    file: "shared/runtime/poison.ts",
    from: "return Effect.ignore(write(memory.known!.begun))",
    to: "return Effect.void",
    tests: ["shared/runtime/poison.test.ts"]
  },
  {
    wrong: "What runs alone keeps its mark, however long it waits for its platform.",
    file: "shared/runtime/isolation.ts",
    from: "const aloneMillis = 5_000",
    to: "const aloneMillis = 5_000_000_000",
    tests: ["shared/runtime/isolation.test.ts"]
  },
  {
    wrong: "Suspects of several connections run at the same time.",
    file: "shared/runtime/isolation.ts",
    from: "yield* this.hold(permits, last)",
    to: "yield* this.hold(2, last)",
    tests: ["shared/runtime/isolation.test.ts"]
  },
  {
    wrong: "A stop counts as an end of what is in flight at a connection.",
    file: "shared/runtime/shared-input.ts",
    from: "return outputs.length === 0 ? Effect.void : Effect.ignore(append(outputs))",
    to: "return Effect.void",
    tests: ["shared/runtime/isolation.test.ts"]
  },
  {
    wrong: "More suppressed persons than the program may hold do not end it while it runs.",
    file: "shared/suppression/follow-suppressions.ts",
    from: "table.size > idsMax ? endProgram(tooMany(table.size, idsMax)) : report(table)",
    to: "report(table)",
    tests: ["shared/suppression/follow-suppressions.test.ts"]
  },
  {
    wrong: "Writers' schemas are never forgotten.",
    file: "shared/codec/avro-codec.ts",
    from: "    if (this.entries.size >= this.schemasMax) this.makeRoom()\n    if (this.entries.size >= this.schemasMax) return false\n",
    to: "",
    tests: ["shared/codec/schema-loader.test.ts"]
  }
]
