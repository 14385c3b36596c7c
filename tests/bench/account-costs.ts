/** What one number of connections costs: a start, a backlog, and the time after it. */
import process from "node:process"
import * as Effect from "effect/Effect"
import { Codecs } from "../../shared/codec/codecs.ts"
import { registryLayer } from "../../shared/codec/registry.ts"
import { KafkaClient } from "../../shared/kafka/client.ts"
import { type AccountSink, settleMillis, startDelivery, untilResults } from "./account-delivery.ts"
import { type AccountsRun, countReceipts } from "./account-figures.ts"
import { accountsOf, connectionsOf, type LoadEvent, loadEvents } from "./account-load.ts"
import type { Cluster } from "./cluster.ts"
import { peakMebibytes } from "./measured-process.ts"

export interface CostOptions {
  /** Before the topics and groups of this run alone. */
  readonly prefix: string
  readonly connections: number
  readonly events: number
  readonly partitions: number
  readonly instances: number
  readonly idleSeconds: number
  /** Each event goes to all connections, and each request carries one event; else each event goes to one of them, in turn. */
  readonly fanOut: boolean
}

export const measureCosts = Effect.fnUntraced(function* (made: Cluster, sink: AccountSink, options: CostOptions) {
  const { prefix, connections, events, idleSeconds, fanOut } = options
  const accounts = accountsOf(connections)
  const receivers = (index: number) => (fanOut ? accounts : [accounts[index % connections]!])
  const load = yield* Effect.provide(
    Effect.map(Codecs, (codecs) => {
      const event = loadEvents(codecs, prefix, Date.now())
      return Array.from({ length: events }, (_, index) => event(index, receivers(index)))
    }),
    registryLayer({ url: made.registryUrl, prefix })
  )
  const expected = new Map(
    load.map(({ id }, index) => [id, new Set(receivers(index).map(({ dataset }) => dataset))] as const)
  )
  const results = load.reduce((sum, { records }) => sum + records.length, 0)
  yield* Effect.promise(sink.reset)
  const delivery = yield* startDelivery(made, {
    ...options,
    sink,
    connections: connectionsOf(accounts, sink.url, fanOut ? { events_per_request: 1 } : {})
  })
  // Each connection's token is looked at when it starts.
  const { requests: atStart } = yield* Effect.promise(sink.stats)
  yield* Effect.acquireUseRelease(
    signalAll(delivery.processes, "SIGSTOP"),
    () => publish(load),
    () => signalAll(delivery.processes, "SIGCONT")
  )
  const before = delivery.usage()
  yield* delivery.untilProgress("events are received", async () => (await sink.stats()).distinct, results)
  const after = yield* untilResults(prefix, results, delivery)
  const { requests } = yield* Effect.promise(sink.stats)
  yield* Effect.sleep(settleMillis)
  const idleFrom = delivery.usage()
  yield* Effect.sleep(idleSeconds * 1000)
  const idleTo = delivery.usage()
  const idlePercent = (of: "delivery" | "broker") => (100_000 * (idleTo[of] - idleFrom[of])) / (idleTo.at - idleFrom.at)
  const receipts = countReceipts(expected, yield* Effect.promise(sink.receipts))
  const run: AccountsRun = {
    connections,
    results,
    requests: requests - atStart,
    deliverySeconds: after.delivery - before.delivery,
    brokerSeconds: after.broker - before.broker,
    workSeconds: (after.at - before.at) / 1000,
    startSeconds: delivery.startSeconds,
    startCpuSeconds: delivery.ready.delivery,
    peakMebibytes: Math.max(...delivery.processes.map(({ pid }) => peakMebibytes(pid))),
    idleDelivery: idlePercent("delivery"),
    idleBroker: idlePercent("broker"),
    receipts
  }
  return run
}, Effect.scoped)

/** The backlog is published while the instances are stopped, so that none is measured together with the publishing. */
const signalAll = (processes: ReadonlyArray<{ readonly pid: number }>, signal: "SIGSTOP" | "SIGCONT") =>
  Effect.sync(() => processes.forEach(({ pid }) => void process.kill(pid, signal)))

const publish = Effect.fnUntraced(function* (load: ReadonlyArray<LoadEvent>) {
  const kafka = yield* KafkaClient
  const records = load.flatMap((event) => event.records)
  for (let from = 0; from < records.length; from += recordsAtOnce)
    yield* kafka.produce(records.slice(from, from + recordsAtOnce))
})

const recordsAtOnce = 2_000
