/**
 * `make bench-platforms`: what five platforms at once cost beside one, on the same broker in one run: one with a process for
 * each program; five with the deliveries in one process (`./capi run --together delivery-meta …`), and with a process each.
 * One event in 128 is a sign-up, the only one that WhatsApp has a message for: at 10,000 events/s that is its 80 messages/s.
 */
import process from "node:process"
import * as Effect from "effect/Effect"
import { endWithLauncher } from "../../shared/runtime/end-with-launcher.mjs"
import { cluster, progress, startSink } from "./cluster.ts"
import { produce } from "./produce.ts"
import { calibrate, type Figure, report } from "./report.ts"
import { type ChainOptions, type ChainRun, runChain, sum } from "./run-chain.ts"

endWithLauncher()

const count = Number(process.env["EVENTS"] ?? 200_000)
const signUpEvery = Number(process.env["SIGN_UP_EVERY"] ?? 128)
const five = ["meta", "google", "tiktok", "snapchat", "whatsapp"] as const

/** Multiples of `signUpEvery`, so that each run has as many sign-ups. */
const events = Math.ceil(count / signUpEvery) * signUpEvery

const shared = { count: events, messages: events / signUpEvery }
const alone: ChainOptions = { ...shared, platforms: ["meta"] }
const runs: ReadonlyArray<readonly [name: string, options: ChainOptions, timesOfOne?: Figure["goal"]]> = [
  ["one platform", alone],
  [
    "five platforms, deliveries in one process",
    { ...shared, platforms: five, together: "deliveries" },
    { atMost: 2.5 }
  ],
  ["five platforms, a process each", { ...shared, platforms: five }]
]

const micros = (run: ChainRun) => (sum(run.cpu) * 1e6) / events

const figuresOf = (name: string, run: ChainRun, one: ChainRun, goal: Figure["goal"]): ReadonlyArray<Figure> => [
  { figure: `${name}: CPU, start included`, value: micros(run), unit: "us/event" },
  ...(run === one
    ? []
    : [
        {
          figure: `${name}: over one platform`,
          value: micros(run) / micros(one),
          unit: "times",
          ...(goal === undefined ? {} : { goal })
        }
      ]),
  { figure: `${name}: events`, value: events / run.wallSeconds, unit: "events/s" },
  { figure: `${name}: CPU of the broker`, value: (run.brokerSeconds * 1e6) / events, unit: "us/event" },
  ...[...run.memory].map(([program, mebibytes]) => ({
    figure: `${name}: peak memory of ${program}`,
    value: mebibytes,
    unit: "MiB"
  })),
  { figure: `${name}: sent more than once`, value: run.surplus, unit: "events", goal: { atMost: 0 } }
]

const main = Effect.gen(function* () {
  const made = yield* cluster
  const sink = yield* startSink(made, null)
  let next = 0
  const measured = Effect.fnUntraced(function* (name: string, options: ChainOptions) {
    yield* produce(made, next, options.count, signUpEvery)
    next += options.count
    progress(`${name}: ${options.count} events.`)
    return yield* Effect.promise(() => runChain(made, sink, options))
  })
  yield* measured("warming up", alone)
  const results: Array<ChainRun> = []
  for (const [name, options] of runs) results.push(yield* measured(name, options))
  const figures = runs.flatMap(([name, , goal], index) => figuresOf(name, results[index]!, results[0]!, goal))
  return report(
    "platforms",
    [...figures, { figure: "eight SHA-256 (calibration)", value: calibrate(), unit: "us CPU" }],
    { events, signUpEvery, partitions: 4, platforms: five }
  )
})

Effect.runPromise(Effect.scoped(main)).then(
  (reached) => process.exit(reached ? 0 : 1),
  (error: unknown) => {
    process.stderr.write(`${String(error)}\n`)
    process.exit(2)
  }
)
