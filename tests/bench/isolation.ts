/**
 * `make bench-isolation`: what the trouble of one account and one platform costs the others. Calm and troubled phases alternate
 * in one run (calm, troubled, troubled, calm), so that a machine's noise falls on both alike; how much two calm
 * phases differ tells how much noise is left. RATE (events a second), PHASE_SECONDS, ROUNDS.
 */
import process from "node:process"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Effect, Exit } from "effect"
import { layerKafka } from "../../shared/kafka/kafkajs-client.ts"
import { startChain } from "../support/chain.ts"
import { type Fault, type SandboxControl, sandboxControl } from "../support/sandbox-control.ts"
import { connections, isDrained, latencies, load, others, troubledDataset } from "./isolation-load.ts"
import { type Figure, report } from "./report.ts"

const numberOf = (name: string, otherwise: number): number => {
  const value = Number(process.env[name] ?? otherwise)
  return Number.isFinite(value) && value > 0 ? Math.floor(value) : otherwise
}
const perSecond = numberOf("RATE", 100)
const seconds = numberOf("PHASE_SECONDS", 10)
const rounds = numberOf("ROUNDS", 2)
const prefix = `isolation-${process.pid}.`
const tell = (line: string): void => void process.stderr.write(`${line}\n`)

const troubles: Readonly<Record<string, Fault>> = {
  hangs: { kind: "hang" },
  throttles: { kind: "throttle", retry_after_s: 1 },
  "is down": { kind: "dead" }
}

/** The trouble of one account of Meta, whose other account shares its process, and of all of TikTok. */
const faultsOf = (fault: Fault): ReadonlyArray<Fault> => [
  { ...fault, id: "account", platform: "meta", path: troubledDataset },
  { ...fault, id: "platform", platform: "tiktok" }
]

let phases = 0

/** The others' latencies in a phase. Afterwards nothing of it is left: faults gone, backlog worked off, counters at zero. */
const phase = Effect.fnUntraced(function* (control: SandboxControl, faults: ReadonlyArray<Fault>) {
  const number = phases++
  if (faults.length > 0) yield* control.add(faults)
  const published = yield* load(`${prefix}raw-events`, number, perSecond, seconds)
  const expected = others.length * Math.ceil(published / 2)
  yield* until(Effect.map(latencies(control, number), (found) => found.length >= expected))
  if (faults.length > 0) {
    const struck = yield* control.active
    if (struck.some((fault) => fault.struck === 0)) return yield* Effect.die(new Error("A trouble struck nobody."))
    for (const { id } of struck) yield* control.remove(id)
  }
  yield* until(isDrained(control, published))
  const found = yield* latencies(control, number)
  yield* control.reset
  return found.toSorted((left, right) => left - right)
})

/** Young processes get faster for a while: until a phase is no longer a fifth better than the one before. */
const warmUp = Effect.fnUntraced(function* (control: SandboxControl) {
  let before = Number.POSITIVE_INFINITY
  for (let round = 0; round < warmUpsMax; round++) {
    const p50 = at(yield* phase(control, []), 0.5)
    tell(`Warming up: p50 ${Math.round(p50)} ms.`)
    if (p50 > before * 0.8) return
    before = p50
  }
})

const warmUpsMax = 6

const until = <E, R>(condition: Effect.Effect<boolean, E, R>) =>
  Effect.gen(function* () {
    for (let waited = 0; waited < patienceMillis; waited += 250) {
      if (yield* condition) return
      yield* Effect.sleep("250 millis")
    }
    return yield* Effect.die(new Error("Events do not arrive."))
  })

const patienceMillis = 120_000

interface Pair {
  readonly trouble: string
  readonly calm: ReadonlyArray<number>
  readonly troubled: ReadonlyArray<number>
}

const main = Effect.gen(function* () {
  const chain = yield* startChain({
    name: "isolation",
    prefix,
    connections,
    processors: ["normalizer", "mapper", "delivery-meta", "delivery-tiktok", "delivery-snapchat"],
    // A sink that only counts, so that it costs the same whatever comes.
    sandbox: { validation: "off", store: { bodiesMax: 4 * perSecond * seconds, idsMax: 0 } },
    quickStart: false,
    onProgress: tell
  })
  const control = sandboxControl(chain.sandbox.controlUrl)
  const measured = Effect.gen(function* () {
    yield* warmUp(control)
    const pairs: Array<Pair> = []
    const noise: Array<number> = []
    for (let round = 1; round <= rounds; round++)
      for (const [trouble, fault] of Object.entries(troubles)) {
        const first = yield* phase(control, [])
        const troubled = [yield* phase(control, faultsOf(fault)), yield* phase(control, faultsOf(fault))] as const
        const last = yield* phase(control, [])
        pairs.push({ trouble, calm: first, troubled: troubled[0] }, { trouble, calm: last, troubled: troubled[1] })
        noise.push(Math.abs(p99(last) / p99(first) - 1))
        const shown = [first, ...troubled, last].map((found) => Math.round(p99(found))).join(", ")
        tell(`Round ${round}, ${trouble}: p99 of calm, troubled, troubled, calm: ${shown} ms.`)
      }
    return { pairs, noise }
  }).pipe(Effect.provide(layerKafka({ brokers: chain.brokers.split(",") })))
  const { pairs, noise } = yield* Effect.raceFirst(measured, chain.watch)
  return report("isolation", figuresOf(pairs, noise), { perSecond, phaseSeconds: seconds, rounds, linger: "20 ms" })
})

const figuresOf = (pairs: ReadonlyArray<Pair>, noise: ReadonlyArray<number>): ReadonlyArray<Figure> => {
  const pooled = (some: ReadonlyArray<Pair>, side: "calm" | "troubled") =>
    some.flatMap((pair) => pair[side]).toSorted((left, right) => left - right)
  const change = (some: ReadonlyArray<Pair>) => 100 * (p99(pooled(some, "troubled")) / p99(pooled(some, "calm")) - 1)
  const ratios = pairs.map(({ calm, troubled }) => p99(troubled) / p99(calm))
  return [
    // Above this the machine is saturated: everything queues, and the comparison says nothing.
    { figure: "others' p50, calm", value: at(pooled(pairs, "calm"), 0.5), unit: "ms", goal: { atMost: 1000 } },
    { figure: "others' p50, troubled", value: at(pooled(pairs, "troubled"), 0.5), unit: "ms" },
    { figure: "others' p99, calm", value: p99(pooled(pairs, "calm")), unit: "ms" },
    { figure: "others' p99, troubled", value: p99(pooled(pairs, "troubled")), unit: "ms" },
    { figure: "change of p99", value: change(pairs), unit: "%", goal: { atMost: 10 } },
    { figure: "change of p99, median of the pairs", value: 100 * (median(ratios) - 1), unit: "%" },
    ...Object.keys(troubles).map((trouble) => ({
      figure: `change of p99, a platform and an account ${trouble}`,
      value: change(pairs.filter((pair) => pair.trouble === trouble)),
      unit: "%"
    })),
    { figure: "noise: calm against calm", value: 100 * median(noise), unit: "%" }
  ]
}

const at = (sorted: ReadonlyArray<number>, part: number): number =>
  sorted[Math.min(sorted.length - 1, Math.ceil(part * sorted.length) - 1)] ?? Number.NaN
const p99 = (sorted: ReadonlyArray<number>): number => at(sorted, 0.99)
const median = (values: ReadonlyArray<number>): number =>
  at(
    values.toSorted((left, right) => left - right),
    0.5
  )

NodeRuntime.runMain(Effect.scoped(main), {
  teardown: (exit, onExit) => onExit(Exit.isSuccess(exit) && exit.value ? 0 : 1)
})
