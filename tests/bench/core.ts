/**
 * `make bench-core`: what one core does with purchases of full identity and three items, no event twice: checking,
 * normalizing, hashing, mapping and JSON for one platform and for all, the codec's share, and the steps of normalizer and mapper. By processor time; the
 * calibrated loop of the same run says what a figure is worth on another machine.
 */
import process from "node:process"
import { previewEvent } from "../../processors/normalizer/preview/preview-event.ts"
import { readJson } from "../../processors/normalizer/read/read-record.ts"
import type { MappedEvent, NormalizedEvent, RawEvent } from "../../schemas/types.gen.ts"
import { builtinConnection } from "../../shared/connectors/load-connections.ts"
import { platforms } from "../../shared/model/platform.ts"
import { endWithLauncher } from "../../shared/runtime/end-with-launcher.mjs"
import { makeMemoryCodecs } from "../../shared/testing/memory-codecs.ts"
import { corePipeline, median } from "./core-pipeline.ts"
import { mapperStep, normalizerStep } from "./core-steps.ts"
import { purchase, purchaseJson } from "./purchases.ts"
import { calibrate, cpuMicros, report } from "./report.ts"

endWithLauncher()

const events = Number(process.env["EVENTS"] ?? 20_000)
const rounds = Number(process.env["ROUNDS"] ?? 7)
const now = 1_795_000_000_000
const codecs = makeMemoryCodecs()
const pipeline = corePipeline(now, "none")
const everything = corePipeline(now, "of all events")
const withSignUps = corePipeline(now, "of sign-ups")
let next = 0

/** Events are made in small lots before the clock runs, so that they are as young as in a batch from the broker. */
const lot = 500

interface Measured {
  readonly micros: number
  /** Of the same rounds. */
  readonly yardstick: number
}

/** Medians over the rounds, after two rounds that warm up. Each lot is followed by the yardstick, so that other load slows both. */
const measure = <A>(make: (index: number) => A, work: (lot: ReadonlyArray<A>) => void): Measured => {
  const micros: Array<number> = []
  const yardsticks: Array<number> = []
  for (let round = 0; round < rounds + 2; round++) {
    let taken = 0
    let hashing = 0
    for (let done = 0; done < events; done += lot) {
      const fresh = Array.from({ length: lot }, () => make(next++))
      taken += cpuMicros(events, () => work(fresh))
      hashing += (calibrate(lot) * lot) / events
    }
    if (round < 2) continue
    micros.push(taken)
    yardsticks.push(hashing)
  }
  return { micros: median(micros), yardstick: median(yardsticks) }
}

let kept: unknown

const rawAvro = (index: number): Buffer => codecs.encode("raw-events", "raw-event", purchase(index, now))
/** Read from JSON, so that its texts are flat, as those are that the mapper reads. */
const raw = (index: number): RawEvent => {
  const event = readJson(Buffer.from(purchaseJson(index, now)))
  if (event._tag === "Read") return event.raw
  throw new Error(event.problem.message)
}
/** WhatsApp's accounts may send 80 messages a second: at 10,000 events/s that is one event in 128. */
const rawOrSignUp = (index: number): RawEvent =>
  index % 128 === 0 ? { ...raw(index), event_name: "sign_up" } : raw(index)
const normalized = (index: number): NormalizedEvent => pipeline.normalized(raw(index))
const normalizedAvro = (index: number): Buffer =>
  codecs.encode("normalized-events", "normalized-event", normalized(index))
const mapped = (index: number): MappedEvent => pipeline.mapped(normalized(index), "meta")
const mappedAvro = (index: number): Buffer => codecs.encode("mapped-events.meta", "mapped-event", mapped(index))

const only = process.env["ONLY"]
const wanted = (name: string) => only === undefined || name === only
const results = new Map<string, Measured>()
const runLots = <A>(name: string, make: (index: number) => A, work: (lot: ReadonlyArray<A>) => void): void => {
  if (wanted(name)) results.set(name, measure(make, work))
}
const run = <A>(name: string, make: (index: number) => A, work: (one: A) => unknown): void => {
  runLots(name, make, (lot) => {
    for (const one of lot) kept = work(one)
    if (kept === undefined) throw new Error("The work gave nothing.")
  })
}

run("meta", raw, (event) => pipeline.payload(event, "meta"))
run("all platforms", raw, (event) => everything.payloads(event, platforms))
run("all platforms, one event in 128 a message", rawOrSignUp, (event) => withSignUps.payloads(event, platforms))
run("normalize", raw, (event) => pipeline.normalized(event))
run("map meta", normalized, (event) => pipeline.mapped(event, "meta"))
run(
  "JSON read",
  (index) => Buffer.from(purchaseJson(index, now)),
  (value) => readJson(value)
)
const connection = builtinConnection("meta")
run(
  "prepare meta",
  (index) => JSON.parse(purchaseJson(index, now)) as unknown,
  (event) => previewEvent(event, connection)
)
runLots("normalizer step", rawAvro, normalizerStep(codecs, now))
runLots("mapper step", normalizedAvro, mapperStep(codecs, now))
run("decode raw", rawAvro, (value) => codecs.decode("raw-event", value))
run("encode normalized", normalized, (event) => codecs.encode("normalized-events", "normalized-event", event))
run("decode normalized", normalizedAvro, (value) => codecs.decode("normalized-event", value))
run("encode mapped", mapped, (event) => codecs.encode("mapped-events.meta", "mapped-event", event))
run("decode mapped", mappedAvro, (value) => codecs.decode("mapped-event", value))
const yardstick = median([...results.values()].map((measured) => measured.yardstick))

const goals: Readonly<Record<string, number>> = { meta: 50_000, "all platforms": 25_000 }
const figures = [...results].flatMap(([name, { micros, yardstick }]) => [
  {
    figure: `${name}: events`,
    value: 1e6 / micros,
    unit: "events/s a core",
    ...(goals[name] === undefined ? {} : { goal: { atLeast: goals[name] } })
  },
  { figure: `${name}: cost`, value: micros, unit: "us CPU/event" },
  { figure: `${name}: cost over eight SHA-256`, value: micros / yardstick, unit: "times" }
])
figures.push({ figure: "eight SHA-256 (calibration)", value: yardstick, unit: "us CPU" })
process.exitCode = report("core", figures, { events, rounds }) ? 0 : 1
