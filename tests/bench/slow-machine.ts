/**
 * `make e2e-slow`: the chain on a machine that is far too slow. Normalizer, mapper and delivery get SHARE percent of the time each: they
 * are stopped for the rest of every slice. EVENTS purchases wait for them from the start, so that batches are as large as they can be.
 * The exit code is 0 if each event was delivered once.
 */
import process from "node:process"
import * as Effect from "effect/Effect"
import { endWithLauncher } from "../../shared/runtime/end-with-launcher.mjs"
import { waitUntil } from "../harness/wait-until.ts"
import { clusterWith, progress, startProcessors, startSink, untilReady } from "./cluster.ts"
import { cpuSeconds, type MeasuredProgram } from "./measured-process.ts"
import { produce } from "./produce.ts"
import { report } from "./report.ts"

endWithLauncher()

const share = Number(process.env["SHARE"] ?? 5) / 100
const events = Number(process.env["EVENTS"] ?? 5_000)
const partitions = Number(process.env["PARTITIONS"] ?? 4)
/** Of these the programs run for `share`. */
const sliceMillis = 100
const deadlineMillis = 540_000

/** Lets the programs run for a part of each slice; the effect that comes back lets them run for good. */
const throttle = (programs: ReadonlyArray<MeasuredProgram>): (() => void) => {
  const signal = (name: "SIGSTOP" | "SIGCONT") => {
    for (const { pid, hasEnded } of programs) if (!hasEnded()) process.kill(pid, name)
  }
  const slices = setInterval(() => {
    signal("SIGCONT")
    setTimeout(() => signal("SIGSTOP"), sliceMillis * share)
  }, sliceMillis)
  return () => {
    clearInterval(slices)
    setTimeout(() => signal("SIGCONT"), 2 * sliceMillis)
  }
}

const main = Effect.gen(function* () {
  const made = yield* clusterWith({}, partitions)
  const sink = yield* startSink(made, null)
  const programs = yield* Effect.acquireRelease(
    Effect.promise(() => startProcessors(made, { platforms: ["meta"], sink })),
    (started) => Effect.promise(() => Promise.all(started.map(({ stop }) => stop())))
  )
  yield* Effect.promise(() => untilReady(programs))
  const used = () => programs.reduce((sum, { pid }) => sum + cpuSeconds(pid), 0)
  progress(`${events} events, with ${100 * share} % of a core for each program.`)
  const before = used()
  const begun = performance.now()
  yield* Effect.acquireRelease(
    Effect.sync(() => throttle(programs)),
    (end) => Effect.sync(end)
  )
  yield* produce(made, 0, events)
  const delivered = async () => (await sink.stats()).events
  yield* Effect.promise(() =>
    waitUntil("all is delivered", async () => (await delivered()) >= events, deadlineMillis).catch((error: unknown) =>
      progress(String(error))
    )
  )
  const seconds = (performance.now() - begun) / 1_000
  const percent = (100 * (used() - before)) / seconds / programs.length
  // A second delivery would come now.
  yield* Effect.sleep("5 seconds")
  const count = yield* Effect.promise(delivered)
  return report(
    "slow-machine",
    [
      { figure: "events delivered", value: count, unit: "events", goal: { atLeast: events } },
      { figure: "events delivered again", value: Math.max(0, count - events), unit: "events", goal: { atMost: 0 } },
      { figure: "until the last one", value: seconds, unit: "s" },
      { figure: "a program's CPU meanwhile", value: percent, unit: "% of a core" }
    ],
    { events, partitions, share: 100 * share }
  )
})

Effect.runPromise(Effect.scoped(main)).then(
  (reached) => process.exit(reached ? 0 : 1),
  (error: unknown) => {
    process.stderr.write(`${String(error)}\n`)
    process.exit(2)
  }
)
