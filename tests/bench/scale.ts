/**
 * `make bench-scale`: what a second instance costs, whether the cost of an event or the memory of a program grows with the
 * backlog (LARGE=5000000 is the whole claim), and whether throughput at a slow platform grows with the requests in flight.
 * Instances are compared over a run in which what each compiles for itself is a small part (INSTANCE_EVENTS). Each on a new
 * cluster, so that logs start empty. ONLY=backlog or ONLY=instances leaves out the rest. A backlog is published before
 * anything reads it; what all have read is deleted, so that 5,000,000 events take about 15 GB of disk.
 */
import process from "node:process"
import * as Effect from "effect/Effect"
import { endWithLauncher } from "../../shared/runtime/end-with-launcher.mjs"
import { clusterWith, progress, startSink } from "./cluster.ts"
import { produce } from "./produce.ts"
import { type Figure, report } from "./report.ts"
import { type ChainOptions, type ChainRun, idleStart, runChain, sum } from "./run-chain.ts"
import { sweep, sweptBroker } from "./sweep.ts"

endWithLauncher()

const count = Number(process.env["EVENTS"] ?? 100_000)
const large = Number(process.env["LARGE"] ?? 4 * count)
const instanceEvents = Number(process.env["INSTANCE_EVENTS"] ?? 10 * count)
const only = process.env["ONLY"] ?? ""
const slowMillis = 200
/** How much more memory a program may hold near the end of the large backlog than early in it, in MiB: a young heap still fills. */
const growthMax = 32

interface Measured {
  readonly micros: number
  readonly eventsPerSecond: number
  readonly run: ChainRun
}

/** Processor time for each event without the start, and the rate, over a fresh backlog. */
const measured = (options: ChainOptions, delayMillis = 0) =>
  Effect.gen(function* () {
    progress(`${options.count} events, ${options.instances ?? 1} instances, ${JSON.stringify(options.limits ?? {})}.`)
    const made = yield* clusterWith(sweptBroker)
    const sink = yield* startSink(made, null, delayMillis)
    const starts = yield* Effect.promise(() => idleStart(made, sink, options))
    yield* produce(made, 0, options.count)
    progress("The backlog is published; the programs start.")
    yield* Effect.forkScoped(sweep(made, options.platforms))
    const run = yield* Effect.promise(() => runChain(made, sink, options))
    const micros = ((sum(run.cpu) - sum(starts)) * 1e6) / options.count
    return { micros, eventsPerSecond: options.count / run.sendSeconds, run } satisfies Measured
  }).pipe(Effect.scoped)

/** Peak memory of each program with both backlogs. The mapper's ids are a separate figure: to remember them is its work. */
const memoryFigures = (small: ChainRun, big: ChainRun): ReadonlyArray<Figure> =>
  [...small.memory.keys()].flatMap((name): ReadonlyArray<Figure> => {
    const isMapper = name.split("+").includes("mapper")
    const held = ({ memory, idsMebibytes }: ChainRun) => (memory.get(name) ?? 0) - (isMapper ? idsMebibytes : 0)
    const what = isMapper ? `${name} without its ids` : name
    // From the middle of the second quarter to that of the last one, half of the ids come.
    const growth = (big.growth.get(name) ?? 0) - (isMapper ? big.idsMebibytes / 2 : 0)
    return [
      { figure: `peak memory of ${what}, ${count} events`, value: held(small), unit: "MiB" },
      { figure: `peak memory of ${what}, ${large} events`, value: held(big), unit: "MiB", goal: { atMost: 250 } },
      { figure: `growth of ${what} over ${large} events`, value: growth, unit: "MiB", goal: { atMost: growthMax } }
    ]
  })

const backlogFigures = (one: Measured, backlog: Measured): ReadonlyArray<Figure> => [
  { figure: `backlog of ${large}`, value: backlog.micros, unit: "us CPU/event" },
  { figure: `backlog of ${large}`, value: backlog.eventsPerSecond, unit: "events/s" },
  // A short run pays for the broker's own compiler; this is what it costs once it is warm.
  { figure: `backlog of ${large}: the broker`, value: (backlog.run.brokerSeconds * 1e6) / large, unit: "us CPU/event" },
  { figure: "large backlog over small", value: backlog.micros / one.micros, unit: "times", goal: { atMost: 1.1 } },
  { figure: "sent more than once", value: backlog.run.surplus, unit: "events", goal: { atMost: 0 } },
  ...memoryFigures(one.run, backlog.run),
  { figure: "ids remembered by the mapper", value: backlog.run.idsMebibytes, unit: "MiB" }
]

const instanceFigures = Effect.gen(function* () {
  const one = yield* measured({ count: instanceEvents, platforms })
  const two = yield* measured({ count: instanceEvents, platforms, instances: 2 })
  const figures: ReadonlyArray<Figure> = [
    { figure: `one instance, ${instanceEvents} events`, value: one.micros, unit: "us CPU/event" },
    { figure: `two instances, ${instanceEvents} events`, value: two.micros, unit: "us CPU/event" },
    { figure: "two instances over one", value: two.micros / one.micros, unit: "times", goal: { atMost: 1.15 } }
  ]
  return figures
})

const slowFigures = Effect.gen(function* () {
  const figures: Array<Figure> = []
  let single = 0
  for (const concurrency of [1, 2, 4]) {
    const limits = { concurrency, events_per_request: 100 }
    const slow = yield* measured({ count: Math.min(count, 20_000), platforms, limits }, slowMillis)
    if (concurrency === 1) single = slow.eventsPerSecond
    const gain = slow.eventsPerSecond / single
    figures.push(
      { figure: `${slowMillis} ms an answer, ${concurrency} in flight`, value: slow.eventsPerSecond, unit: "events/s" },
      { figure: `${concurrency} in flight over 1`, value: gain, unit: "times", goal: { atLeast: 0.8 * concurrency } }
    )
  }
  return figures
})

const platforms = ["meta"] as const

const backlog = Effect.gen(function* () {
  const one = yield* measured({ count, platforms })
  const figures: ReadonlyArray<Figure> = [
    { figure: `backlog of ${count}`, value: one.micros, unit: "us CPU/event" },
    ...backlogFigures(one, yield* measured({ count: large, platforms }))
  ]
  return figures
})

const main = Effect.gen(function* () {
  const figures: Array<Figure> = []
  if (only === "" || only === "instances") figures.push(...(yield* instanceFigures))
  if (only === "" || only === "backlog") figures.push(...(yield* backlog))
  if (only === "") figures.push(...(yield* slowFigures))
  return report("scale", figures, { events: count, large, instanceEvents, slowMillis })
})

Effect.runPromise(main).then(
  (reached) => process.exit(reached ? 0 : 1),
  (error: unknown) => {
    process.stderr.write(`${String(error)}\n`)
    process.exit(2)
  }
)
