/** Delivery for many accounts under measurement: its sink, its processes, and the wait for all of its results. */
import path from "node:path"
import process from "node:process"
import * as Effect from "effect/Effect"
import { freePort } from "../../infra/local/ports.ts"
import { logTail } from "../../infra/local/processes.ts"
import { repository } from "../../infra/local/state.ts"
import { createTopics } from "../../infra/topics/create-topics.ts"
import { KafkaClient } from "../../shared/kafka/client.ts"
import { topicNames } from "../../shared/model/topics.ts"
import { waitUntil } from "../harness/wait-until.ts"
import type { Receipts } from "./account-figures.ts"
import { type Cluster, startProcessors, untilReady } from "./cluster.ts"
import { cpuSeconds, type MeasuredProcess, serverSeconds, startProcess } from "./measured-process.ts"

export interface AccountSink {
  readonly url: string
  readonly stats: () => Promise<AccountSinkStats>
  readonly receipts: () => Promise<Receipts>
  readonly reset: () => Promise<void>
  /** The dataset gets no response from now on. */
  readonly hang: (dataset: string) => Promise<void>
  readonly release: () => Promise<void>
}

export interface AccountSinkStats {
  readonly requests: number
  readonly events: number
  /** Pairs of event and dataset. */
  readonly distinct: number
  /** Requests without a response. */
  readonly swallowed: number
}

export const startAccountSink = Effect.fnUntraced(function* ({ folder }: Cluster) {
  const port = yield* freePort
  const file = path.join(repository, "tests/bench/account-sink.ts")
  const parameters = [file, String(port)]
  yield* stopped(() => Promise.resolve([startProcess("sink", process.execPath, parameters, folder)]))
  const url = `http://127.0.0.1:${port}`
  const ask = async (what: string): Promise<unknown> => (await fetch(`${url}/${what}`)).json()
  yield* Effect.promise(() => waitUntil("the sink answers", () => ask("stats").then(() => true)))
  const sink: AccountSink = {
    url,
    stats: async () => (await ask("stats")) as AccountSinkStats,
    receipts: async () => (await ask("receipts")) as Receipts,
    reset: async () => void (await ask("reset")),
    hang: async (dataset) => void (await ask(`hang?dataset=${dataset}`)),
    release: async () => void (await ask("release"))
  }
  return sink
})

const stopped = <Process extends MeasuredProcess>(start: () => Promise<ReadonlyArray<Process>>) =>
  Effect.acquireRelease(Effect.promise(start), (started: ReadonlyArray<Process>) =>
    Effect.promise(() => Promise.all(started.map(({ stop }) => stop())))
  )

/** What has been used since the start of the processes; CPU in seconds, time in milliseconds. */
export interface Usage {
  readonly at: number
  readonly delivery: number
  readonly broker: number
}

export interface Delivery {
  readonly processes: ReadonlyArray<MeasuredProcess>
  /** When every instance was ready. */
  readonly ready: Usage
  readonly startSeconds: number
  readonly usage: () => Usage
  /** Asks again until the condition holds; fails as soon as an instance has ended, or after three minutes without progress. */
  readonly untilProgress: (what: string, progress: () => Promise<number>, goal: number) => Effect.Effect<void>
}

/** Starts the instances on topics that have the prefix, and waits until all are ready and have kept their partitions for a while. */
export const startDelivery = Effect.fnUntraced(function* (
  made: Cluster,
  options: {
    readonly prefix: string
    readonly partitions: number
    readonly instances: number
    readonly sink: AccountSink
    readonly connections: string
  }
) {
  const { brokerPid } = made
  if (brokerPid === null)
    return yield* Effect.die(new Error("The broker is not a process here, so its CPU is unknown."))
  yield* createTopics(options.prefix, options.partitions)
  const begun = performance.now()
  const processes = yield* stopped(() =>
    startProcessors(made, {
      ...options,
      platforms: ["meta"],
      names: ["delivery-meta"],
      environment: { CAPI_TOPIC_PREFIX: options.prefix }
    })
  )
  const log = path.join(made.folder, "logs", "delivery-meta.log")
  const withLog = (error: unknown) => Promise.reject(new Error(`${String(error)}\n${logTail(log, 10)}`))
  const usage = (): Usage => ({
    at: performance.now(),
    delivery: processes.reduce((sum, { pid }) => sum + cpuSeconds(pid), 0),
    broker: serverSeconds(brokerPid)
  })
  yield* Effect.promise(() => untilReady(processes, startMillisMax).catch(withLog))
  const ready = usage()
  // Instances that join one after the other share the partitions again.
  yield* Effect.sleep(settleMillis)
  yield* Effect.promise(() => untilReady(processes, startMillisMax).catch(withLog))
  const hasEnded = () => processes.some((one) => one.hasEnded())
  const delivery: Delivery = {
    processes,
    ready,
    startSeconds: (ready.at - begun) / 1000,
    usage,
    untilProgress: (what, progress, goal) =>
      Effect.promise(() => untilProgress(what, progress, goal, hasEnded).catch(withLog))
  }
  return delivery
})

const startMillisMax = 600_000
export const settleMillis = 3_000

const untilProgress = async (
  what: string,
  progress: () => Promise<number>,
  goal: number,
  hasEnded: () => boolean
): Promise<void> => {
  for (let before = -1, now = await progress(); now < goal; ) {
    before = now
    await waitUntil(
      `${what}: more than ${before} of ${goal}`,
      async () => {
        now = await progress()
        return now > before || hasEnded()
      },
      stallMillisMax
    )
    if (hasEnded()) throw new Error("An instance of the delivery ended.")
  }
}

const stallMillisMax = 180_000

/**
 * Waits until so many results are committed; gives what was used until then. Results are read only when nothing was added for
 * a while, so that the reading costs the broker nothing that counts.
 */
export const untilResults = Effect.fnUntraced(function* (prefix: string, expected: number, delivery: Delivery) {
  const kafka = yield* KafkaClient
  const topic = prefix + topicNames.results
  const offsets = kafka.topicOffsets(topic)
  const total = (found: ReadonlyArray<{ readonly high: number }>) => found.reduce((sum, { high }) => sum + high, 0)
  const positions = new Map((yield* offsets).map(({ partition, low }) => [partition, low]))
  let results = 0
  let [used, found] = [delivery.usage(), yield* offsets]
  for (let waited = 0; waited < stallMillisMax; waited += quietMillis) {
    yield* Effect.sleep(quietMillis)
    const [usedNow, foundNow] = [delivery.usage(), yield* offsets]
    const isQuiet = total(foundNow) === total(found)
    if (isQuiet) {
      const ranges = found
        .map(({ partition, high }) => ({ partition, from: positions.get(partition) ?? 0, to: high }))
        .filter(({ from, to }) => from < to)
      if (ranges.length > 0)
        yield* kafka.read({
          topic,
          ranges,
          onRecords: (records) => {
            results += records.length
          }
        })
      for (const { partition, to } of ranges) positions.set(partition, to)
      if (results >= expected) return used
    } else {
      waited = 0
      ;[used, found] = [usedNow, foundNow]
    }
  }
  return yield* Effect.die(new Error(`Of ${expected} results ${results} came.`))
})

const quietMillis = 200
