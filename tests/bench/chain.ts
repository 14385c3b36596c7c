/**
 * `make bench`: the chain raw → normalized → mapped → HTTP in batches and results, every processor a process, exactly once
 * on. A backlog is published first; then the processors start. With PEER_BUILD (folder of the peer's binaries) the peer
 * does the same work on the same broker and sink in the same run, from its own simpler input. PARTITIONS of each topic: 4.
 */
import process from "node:process"
import * as Effect from "effect/Effect"
import type { Platform } from "../../shared/model/platform.ts"
import { endWithLauncher } from "../../shared/runtime/end-with-launcher.mjs"
import { clusterWith, progress, startSink } from "./cluster.ts"
import { type PeerRun, runPeer } from "./peer.ts"
import { produce } from "./produce.ts"
import { calibrate, type Figure, report } from "./report.ts"
import { type ChainRun, idleStart, runChain, sum } from "./run-chain.ts"
import { warmBroker } from "./warm-broker.ts"

endWithLauncher()

const count = Number(process.env["EVENTS"] ?? 200_000)
const partitions = Number(process.env["PARTITIONS"] ?? 4)
const platforms = (process.env["PLATFORMS"] ?? "meta").split(",") as ReadonlyArray<Platform>
const options = { count, platforms, together: process.env["TOGETHER"] === "1" ? "all" : "none" } as const
const warmUpEvents = Math.min(Number(process.env["WARM_UP_EVENTS"] ?? 100_000), count)
const warmUpTransactions = Number(process.env["WARM_UP_TRANSACTIONS"] ?? 16_000)
const peerBuild = process.env["PEER_BUILD"] ?? null

const figuresOf = (
  run: ChainRun,
  startSeconds: ReadonlyMap<string, number>,
  peer: PeerRun | null
): ReadonlyArray<Figure> => {
  const total = sum(run.cpu)
  const micros = (total * 1e6) / count
  const steady = ((total - sum(startSeconds)) * 1e6) / count
  const rate = count / run.wallSeconds
  const single = platforms.length === 1
  return [
    {
      figure: "events",
      value: rate,
      unit: "events/s",
      ...(peer === null
        ? {}
        : { ratioToPeer: rate / peer.eventsPerSecond, goal: { atLeast: 2.5 * peer.eventsPerSecond } })
    },
    {
      figure: "CPU of all processors, start included",
      value: micros,
      unit: "us/event",
      ...(single ? { goal: { atMost: peer === null ? 133 : Math.max(133, peer.cpuMicros / 3) } } : {}),
      ...(peer === null ? {} : { ratioToPeer: micros / peer.cpuMicros })
    },
    { figure: "CPU of all processors, start apart", value: steady, unit: "us/event" },
    ...[...run.cpu].map(([name, seconds]) => ({
      figure: `CPU of ${name}, start apart`,
      value: ((seconds - (startSeconds.get(name) ?? 0)) * 1e6) / count,
      unit: "us/event"
    })),
    { figure: "CPU of a start, all processors", value: sum(startSeconds), unit: "s" },
    {
      figure: "CPU of the broker, its compiler apart",
      value: (run.brokerSeconds * 1e6) / count,
      unit: "us/event",
      ...(peer === null
        ? {}
        : {
            ratioToPeer: run.brokerSeconds / peer.brokerSeconds,
            goal: { atMost: (1.5 * peer.brokerSeconds * 1e6) / count }
          })
    },
    { figure: "CPU of the broker's compiler", value: (run.brokerCompilerSeconds * 1e6) / count, unit: "us/event" },
    { figure: "CPU of the sink", value: (run.sinkSeconds * 1e6) / count, unit: "us/event" },
    { figure: "idle processors", value: (run.idleSeconds * 1e6) / count, unit: "us/event" },
    { figure: "start of the programs to the first request", value: run.wallSeconds - run.sendSeconds, unit: "s" },
    ...[...run.memory].map(([name, mebibytes]) => ({
      figure: `peak memory of ${name}`,
      value: mebibytes,
      unit: "MiB",
      goal: { atMost: 250 }
    })),
    { figure: "requests", value: run.requests, unit: "requests" },
    ...[...run.commits].map(([name, commits]) => ({
      figure: `transactions of ${name}`,
      value: commits,
      unit: "transactions"
    })),
    { figure: "events sent more than once", value: run.surplus, unit: "events", goal: { atMost: 0 } },
    ...(peer === null
      ? []
      : [
          { figure: "peer: events", value: peer.eventsPerSecond, unit: "events/s" },
          { figure: "peer: CPU", value: peer.cpuMicros, unit: "us/event" },
          {
            figure: "peer: CPU of the broker, its compiler apart",
            value: (peer.brokerSeconds * 1e6) / count,
            unit: "us/event"
          },
          {
            figure: "peer: CPU of the broker's compiler",
            value: (peer.brokerCompilerSeconds * 1e6) / count,
            unit: "us/event"
          },
          { figure: "peer: CPU of the sink", value: (peer.sinkSeconds * 1e6) / count, unit: "us/event" },
          { figure: "peer: idle processors", value: (peer.idleSeconds * 1e6) / count, unit: "us/event" },
          { figure: "peer: start to the first request", value: peer.firstSeconds, unit: "s" },
          { figure: "peer: peak memory", value: peer.peakMebibytes, unit: "MiB" }
        ])
  ]
}

const main = Effect.gen(function* () {
  const made = yield* clusterWith({}, partitions)
  const sink = yield* startSink(made, platforms.length === 1 ? peerBuild : null)
  progress(`Logs: ${made.folder}/logs`)
  // The broker compiles its own hot paths as it works: whoever ran first would pay for all who come later.
  yield* warmBroker(made, warmUpTransactions)
  progress(`Warming up the broker with ${warmUpEvents} purchases.`)
  yield* produce(made, 0, warmUpEvents)
  yield* Effect.promise(() => runChain(made, sink, { ...options, count: warmUpEvents }))
  if (peerBuild !== null) yield* runPeer(made, sink, peerBuild, warmUpEvents)
  const startSeconds = yield* Effect.promise(() => idleStart(made, sink, options))
  progress(`Publishing ${count} purchases.`)
  yield* produce(made, warmUpEvents, count)
  progress("Running the chain.")
  const run = yield* Effect.promise(() => runChain(made, sink, options))
  const peer = peerBuild === null ? null : yield* runPeer(made, sink, peerBuild, count)
  const figures = [
    ...figuresOf(run, startSeconds, peer),
    { figure: "eight SHA-256 (calibration)", value: calibrate(), unit: "us CPU" }
  ]
  return report(platforms.length === 1 ? "chain" : "chain-platforms", figures, {
    events: count,
    partitions,
    platforms
  })
})

Effect.runPromise(Effect.scoped(main)).then(
  (reached) => process.exit(reached ? 0 : 1),
  (error: unknown) => {
    process.stderr.write(`${String(error)}\n`)
    process.exit(2)
  }
)
