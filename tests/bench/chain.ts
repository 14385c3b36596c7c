/**
 * `make bench`: the chain raw → normalized → mapped → HTTP in batches and results, every processor a process, exactly once
 * on. A backlog is published first; then the processors start. With PEER_BUILD (folder of the peer's binaries) the peer
 * does the same work on the same broker and sink in the same run, from its own simpler input.
 */
import process from "node:process"
import { Effect } from "effect"
import type { Platform } from "../../shared/platforms/platform.ts"
import { type Cluster, cluster, progress, type Sink, startProcessors, startSink, until, untilReady } from "./cluster.ts"
import { cpuSeconds, peakMebibytes } from "./measured-process.ts"
import { type PeerRun, runPeer } from "./peer.ts"
import { produce } from "./produce.ts"
import { calibrate, type Figure, report } from "./report.ts"

const count = Number(process.env["EVENTS"] ?? 200_000)
const platforms = (process.env["PLATFORMS"] ?? "meta").split(",") as ReadonlyArray<Platform>
const peerBuild = process.env["PEER_BUILD"] ?? null

interface ChainRun {
  readonly startSeconds: ReadonlyMap<string, number>
  readonly cpu: ReadonlyMap<string, number>
  readonly memory: ReadonlyMap<string, number>
  readonly brokerSeconds: number
  readonly wallSeconds: number
  readonly requests: number
  readonly surplus: number
}

/** Processor time of a start without events, for each program. */
const idleStart = async (made: Cluster, sink: Sink): Promise<ReadonlyMap<string, number>> => {
  const processes = await startProcessors(made, { platforms, sink })
  await untilReady(processes)
  const seconds = new Map(processes.map(({ name, pid }) => [name, cpuSeconds(pid)]))
  await Promise.all(processes.map(({ stop }) => stop()))
  return seconds
}

const runChain = async (made: Cluster, sink: Sink, startSeconds: ReadonlyMap<string, number>): Promise<ChainRun> => {
  const expected = count * platforms.length
  await sink.reset()
  const brokerBefore = made.brokerPid === null ? 0 : cpuSeconds(made.brokerPid)
  const begun = Date.now()
  const processes = await startProcessors(made, { platforms, sink })
  await until("all events are delivered", async () => (await sink.stats()).events >= expected, 300_000, 100)
  const { last_ms, requests } = await sink.stats()
  await until("all results are committed", async () => (await delivered(processes)) >= expected, 60_000, 100)
  const brokerSeconds = (made.brokerPid === null ? 0 : cpuSeconds(made.brokerPid)) - brokerBefore
  const cpu = new Map(processes.map(({ name, pid }) => [name, cpuSeconds(pid)]))
  const memory = new Map(processes.map(({ name, pid }) => [name, peakMebibytes(pid)]))
  await Promise.all(processes.map(({ stop }) => stop()))
  const surplus = (await sink.stats()).events - expected
  return { startSeconds, cpu, memory, brokerSeconds, wallSeconds: (last_ms - begun) / 1000, requests, surplus }
}

/** Events that the delivery programs count as delivered or accepted. */
const delivered = async (processes: ReadonlyArray<{ readonly name: string; readonly port: number }>) => {
  let sum = 0
  for (const { name, port } of processes) {
    if (!name.startsWith("delivery")) continue
    const text = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text()
    for (const [, value] of text.matchAll(
      /^capi_delivery_events_total\{[^}]*outcome="(?:delivered|accepted)"[^}]*\} (\d+)/gm
    ))
      sum += Number(value)
  }
  return sum
}

const figuresOf = (run: ChainRun, peer: PeerRun | null): ReadonlyArray<Figure> => {
  const total = sum(run.cpu)
  const micros = (total * 1e6) / count
  const steady = ((total - sum(run.startSeconds)) * 1e6) / count
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
      value: ((seconds - (run.startSeconds.get(name) ?? 0)) * 1e6) / count,
      unit: "us/event"
    })),
    { figure: "CPU of a start, all processors", value: sum(run.startSeconds), unit: "s" },
    { figure: "CPU of the broker", value: (run.brokerSeconds * 1e6) / count, unit: "us/event" },
    ...[...run.memory].map(([name, mebibytes]) => ({
      figure: `peak memory of ${name}`,
      value: mebibytes,
      unit: "MiB",
      goal: { atMost: 250 }
    })),
    { figure: "requests", value: run.requests, unit: "requests" },
    { figure: "events sent more than once", value: run.surplus, unit: "events", goal: { atMost: 0 } },
    ...(peer === null
      ? []
      : [
          { figure: "peer: events", value: peer.eventsPerSecond, unit: "events/s" },
          { figure: "peer: CPU", value: peer.cpuMicros, unit: "us/event" },
          { figure: "peer: CPU of the broker", value: peer.brokerMicros, unit: "us/event" },
          { figure: "peer: peak memory", value: peer.peakMebibytes, unit: "MiB" }
        ])
  ]
}

const sum = (values: ReadonlyMap<string, number>): number => [...values.values()].reduce((all, one) => all + one, 0)

const main = Effect.gen(function* () {
  const made = yield* cluster
  const sink = yield* startSink(made, platforms.length === 1 ? peerBuild : null)
  progress(`Logs: ${made.folder}/logs`)
  const startSeconds = yield* Effect.promise(() => idleStart(made, sink))
  progress(`Publishing ${count} purchases.`)
  yield* produce(made, 0, count)
  progress("Running the chain.")
  const run = yield* Effect.promise(() => runChain(made, sink, startSeconds))
  const peer = peerBuild === null ? null : yield* runPeer(made, sink, peerBuild, count)
  const figures = [
    ...figuresOf(run, peer),
    { figure: "eight SHA-256 (calibration)", value: calibrate(), unit: "us CPU" }
  ]
  return report(platforms.length === 1 ? "chain" : "chain-platforms", figures, {
    events: count,
    partitions: 4,
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
