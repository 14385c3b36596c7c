/**
 * `make bench-isolation`: what the trouble of one account and one platform costs the others. Calm and troubled phases alternate
 * in one run (calm, troubled, troubled, calm), so that a machine's noise falls on both alike and its drift on neither; each
 * such four give one change of p99, and the median of the rounds counts, which a single stall does not move. How much two
 * calm phases differ shows how much noise is left. RATE (events a second), PHASE_SECONDS, ROUNDS.
 */
import process from "node:process"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { startSandbox } from "../../infra/sandbox/sandbox.ts"
import { endWithLauncher } from "../../shared/runtime/end-with-launcher.mjs"
import { until } from "../../shared/testing/kafka-probe.ts"
import { startChain } from "../harness/chain.ts"
import type { Fault, SandboxControl } from "../harness/sandbox-control.ts"
import { connections, isDrained, latencies, load, others, troubledDataset } from "./isolation-load.ts"
import { type Figure, report } from "./report.ts"
import { changeOf, type Four, median, noiseOf, p99, pooled, quantile } from "./trouble-change.ts"

endWithLauncher()

const numberOf = (name: string, otherwise: number): number => {
  const value = Number(process.env[name] ?? otherwise)
  return Number.isFinite(value) && value > 0 ? Math.floor(value) : otherwise
}
const perSecond = numberOf("RATE", 100)
const seconds = numberOf("PHASE_SECONDS", 8)
const rounds = numberOf("ROUNDS", 3)
const prefix = `isolation-${process.pid}.`
const print = (line: string): void => void process.stderr.write(`${line}\n`)

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

/** In percent. */
const changeMax = 10

let phases = 0

/** The others' latencies in a phase. Afterwards nothing of it is left: faults gone, backlog worked off, counters at zero. */
const phase = Effect.fnUntraced(function* (control: SandboxControl, faults: ReadonlyArray<Fault>) {
  const number = phases++
  if (faults.length > 0) yield* control.add(faults)
  const published = yield* load(`${prefix}raw-events`, number, perSecond, seconds)
  const expected = others.length * Math.ceil(published / 2)
  yield* untilHolds(Effect.map(latencies(control, number), (found) => found.length >= expected))
  if (faults.length > 0) {
    const faults = yield* control.active
    if (faults.some(({ applied }) => applied === 0))
      return yield* Effect.die(new Error("A fault was applied to no request."))
    for (const { id } of faults) yield* control.remove(id)
  }
  yield* untilHolds(isDrained(control, published))
  const found = yield* latencies(control, number)
  yield* control.reset
  return found.toSorted((left, right) => left - right)
})

/** Young processes get faster for a while: until two phases in a row are no better than the best one before by a tenth. */
const warmUp = Effect.fnUntraced(function* (control: SandboxControl) {
  let best = Number.POSITIVE_INFINITY
  let settled = 0
  for (let round = 0; round < warmUpsMax && settled < 2; round++) {
    const p50 = quantile(yield* phase(control, []), 0.5)
    print(`Warming up: p50 ${Math.round(p50)} ms.`)
    settled = p50 > best * 0.9 ? settled + 1 : 0
    best = Math.min(best, p50)
  }
})

const warmUpsMax = 12

const untilHolds = <E, R>(condition: Effect.Effect<boolean, E, R>) =>
  until("the events arrive", () => condition, 120_000, 250)

const main = Effect.gen(function* () {
  const chain = yield* startChain({
    name: "isolation",
    prefix,
    connections: { text: connections },
    programs: ["normalizer", "mapper", "delivery-meta", "delivery-tiktok", "delivery-snapchat"],
    // A sink that only counts, so that it costs the same whatever comes.
    sandbox: yield* startSandbox({ validation: "off", store: { bodiesMax: 4 * perSecond * seconds, idsMax: 0 } }),
    fastStart: false,
    onProgress: print
  })
  const { control } = chain
  const measured = Effect.gen(function* () {
    yield* warmUp(control)
    const fours: Array<Four> = []
    const measure = Effect.fnUntraced(function* (round: number, trouble: string, fault: Fault) {
      const first = yield* phase(control, [])
      const troubled = [yield* phase(control, faultsOf(fault)), yield* phase(control, faultsOf(fault))] as const
      const four = { trouble, calm: [first, yield* phase(control, [])], troubled } as const
      fours.push(four)
      const shown = [first, ...troubled, four.calm[1]].map((found) => Math.round(p99(found))).join(", ")
      print(
        `Round ${round}, ${trouble}: p99 of calm, troubled, troubled, calm: ${shown} ms; ${Math.round(changeOf(four))} %.`
      )
    })
    for (let round = 1; round <= rounds; round++)
      for (const [trouble, fault] of Object.entries(troubles)) yield* measure(round, trouble, fault)
    // What seems to miss the goal is measured as often again, and all of it counts.
    for (const [trouble, fault] of Object.entries(troubles))
      if (medianOf(fours, trouble) > changeMax)
        for (let round = 1; round <= rounds; round++) yield* measure(rounds + round, trouble, fault)
    return fours
  }).pipe(Effect.provide(chain.services))
  const fours = yield* Effect.raceFirst(measured, chain.programs.watch)
  return report("isolation", figuresOf(fours), { perSecond, phaseSeconds: seconds, rounds, linger: "20 ms" })
})

const figuresOf = (fours: ReadonlyArray<Four>): ReadonlyArray<Figure> => {
  const [calm, troubled] = [pooled(fours, "calm"), pooled(fours, "troubled")]
  return [
    // Above this the machine is saturated: everything queues, and the comparison says nothing.
    { figure: "others' p50, calm", value: quantile(calm, 0.5), unit: "ms", goal: { atMost: 1000 } },
    { figure: "others' p50, troubled", value: quantile(troubled, 0.5), unit: "ms" },
    { figure: "others' p99, calm", value: p99(calm), unit: "ms" },
    { figure: "others' p99, troubled", value: p99(troubled), unit: "ms" },
    { figure: "change of p99, median", value: median(fours.map(changeOf)), unit: "%", goal: { atMost: changeMax } },
    // Each kind of trouble for itself, so that two without effect hide no third.
    ...Object.keys(troubles).map((trouble) => ({
      figure: `change of p99, a platform and an account ${trouble}`,
      value: medianOf(fours, trouble),
      unit: "%",
      goal: { atMost: changeMax }
    })),
    // Above this something else is at work on the machine, and the comparison says nothing either.
    { figure: "noise: calm against calm, median", value: median(fours.map(noiseOf)), unit: "%", goal: { atMost: 25 } }
  ]
}

const medianOf = (fours: ReadonlyArray<Four>, trouble: string): number =>
  median(fours.filter((four) => four.trouble === trouble).map(changeOf))

NodeRuntime.runMain(Effect.scoped(main), {
  teardown: (exit, onExit) => onExit(Exit.isSuccess(exit) && exit.value ? 0 : 1)
})
