/**
 * `make bench-scale`: what a second instance costs, whether the cost of an event grows with the backlog, and whether
 * throughput at a slow platform grows with the requests in flight. Each on a cluster of its own, so that logs start empty.
 */
import process from "node:process"
import { Effect } from "effect"
import { cluster, progress, startSink } from "./cluster.ts"
import { produce } from "./produce.ts"
import { type Figure, report } from "./report.ts"
import { type ChainOptions, idleStart, runChain, sum } from "./run-chain.ts"

const count = Number(process.env["EVENTS"] ?? 100_000)
const large = Number(process.env["LARGE"] ?? 4 * count)
const slowMillis = 200

interface Measured {
  readonly micros: number
  readonly eventsPerSecond: number
}

/** Processor time for each event without the start, and the rate, over a fresh backlog. */
const measured = (options: ChainOptions, delayMillis = 0) =>
  Effect.gen(function* () {
    progress(`${options.count} events, ${options.instances ?? 1} instances, ${JSON.stringify(options.limits ?? {})}.`)
    const made = yield* cluster
    const sink = yield* startSink(made, null, delayMillis)
    const starts = yield* Effect.promise(() => idleStart(made, sink, options))
    yield* produce(made, 0, options.count)
    const run = yield* Effect.promise(() => runChain(made, sink, options))
    const micros = ((sum(run.cpu) - sum(starts)) * 1e6) / options.count
    return { micros, eventsPerSecond: options.count / run.sendSeconds } satisfies Measured
  }).pipe(Effect.scoped)

const main = Effect.gen(function* () {
  const platforms = ["meta"] as const
  const one = yield* measured({ count, platforms })
  const two = yield* measured({ count, platforms, instances: 2 })
  const backlog = yield* measured({ count: large, platforms })
  const slowCount = Math.min(count, 20_000)
  const figures: Array<Figure> = [
    { figure: "one instance", value: one.micros, unit: "us CPU/event" },
    { figure: "two instances", value: two.micros, unit: "us CPU/event" },
    { figure: "two instances over one", value: two.micros / one.micros, unit: "times", goal: { atMost: 1.15 } },
    { figure: `backlog of ${large}`, value: backlog.micros, unit: "us CPU/event" },
    { figure: "large backlog over small", value: backlog.micros / one.micros, unit: "times", goal: { atMost: 1.1 } }
  ]
  let single = 0
  for (const concurrency of [1, 2, 4]) {
    const limits = { concurrency, events_per_request: 100 }
    const slow = yield* measured({ count: slowCount, platforms, limits }, slowMillis)
    if (concurrency === 1) single = slow.eventsPerSecond
    const gain = slow.eventsPerSecond / single
    figures.push(
      { figure: `${slowMillis} ms an answer, ${concurrency} in flight`, value: slow.eventsPerSecond, unit: "events/s" },
      { figure: `${concurrency} in flight over 1`, value: gain, unit: "times", goal: { atLeast: 0.8 * concurrency } }
    )
  }
  return report("scale", figures, { events: count, large, slowMillis })
})

Effect.runPromise(main).then(
  (reached) => process.exit(reached ? 0 : 1),
  (error: unknown) => {
    process.stderr.write(`${String(error)}\n`)
    process.exit(2)
  }
)
