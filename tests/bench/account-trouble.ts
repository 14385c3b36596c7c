/** What one account that hangs costs the others, at a fixed rate of events: calm and troubled phases of the same run, in turn. */
import * as Effect from "effect/Effect"
import { Codecs } from "../../shared/codec/codecs.ts"
import { registryLayer } from "../../shared/codec/registry.ts"
import { KafkaClient } from "../../shared/kafka/client.ts"
import { type AccountSink, startDelivery } from "./account-delivery.ts"
import { type Account, accountsOf, connectionsOf, type LoadEvent, loadEvents } from "./account-load.ts"
import { type Cluster, progress } from "./cluster.ts"
import type { Figure } from "./report.ts"
import { changeOf, type Four, median, noiseOf, type Phase, p99, pooled, quantile } from "./trouble-change.ts"

export interface TroubleOptions {
  /** Before the topics and groups of this run alone. */
  readonly prefix: string
  readonly connections: number
  readonly partitions: number
  readonly instances: number
  /** Events a second. */
  readonly rate: number
  readonly phaseSeconds: number
  readonly rounds: number
}

export const measureTrouble = Effect.fnUntraced(function* (made: Cluster, sink: AccountSink, options: TroubleOptions) {
  const accounts = accountsOf(options.connections)
  const delivery = yield* startDelivery(made, {
    ...options,
    sink,
    connections: connectionsOf(accounts, sink.url, { linger: "20 millis" }, shortResilience)
  })
  const codecs = yield* Effect.provide(Codecs, registryLayer({ url: made.registryUrl, prefix: options.prefix }))
  const event = loadEvents(codecs, options.prefix, Date.now())
  let published = 0

  /** The latencies of the others. Afterwards nothing of the phase is left: the account responds, its backlog is delivered. */
  const phase = Effect.fnUntraced(function* (trouble: boolean) {
    yield* Effect.promise(sink.reset)
    if (trouble) yield* Effect.promise(() => sink.hang(accounts[0]!.dataset))
    const count = options.rate * options.phaseSeconds
    const first = published
    published += count
    const due = yield* publishAtRate(options.rate, count, (index) =>
      event(first + index, [accountOf(accounts, first + index)])
    )
    const hanging = Array.from({ length: count }, (_, index) => accountOf(accounts, first + index)).filter(
      (account) => account === accounts[0]
    ).length
    const distinct = async () => (await sink.stats()).distinct
    yield* delivery.untilProgress("the others' events are received", distinct, trouble ? count - hanging : count)
    if (trouble) {
      const { swallowed } = yield* Effect.promise(sink.stats)
      if (swallowed === 0) return yield* Effect.die(new Error("No request was left without a response."))
      yield* Effect.promise(sink.release)
      yield* delivery.untilProgress("the backlog is received", distinct, count)
    }
    const found: Array<number> = []
    for (const [dataset, received] of Object.entries(yield* Effect.promise(sink.receipts))) {
      if (dataset === accounts[0]!.dataset) continue
      for (const [id, , firstAt] of received) found.push(firstAt - due.get(id)!)
    }
    return found.toSorted((left, right) => left - right)
  })

  for (let round = 0; round < warmUpPhases; round++)
    progress(`Warming up: p99 ${Math.round(p99(yield* phase(false)))} ms.`)
  const fours: Array<Four> = []
  for (let round = 1; round <= options.rounds; round++) {
    const first = yield* phase(false)
    const troubled: Four["troubled"] = [yield* phase(true), yield* phase(true)]
    const four: Four = { trouble: "hangs", calm: [first, yield* phase(false)], troubled }
    fours.push(four)
    const shown = [four.calm[0], ...troubled, four.calm[1]].map((one: Phase) => Math.round(p99(one))).join(", ")
    progress(`Round ${round}: p99 of calm, troubled, troubled, calm: ${shown} ms; ${Math.round(changeOf(four))} %.`)
  }
  return figuresOf(fours)
}, Effect.scoped)

const warmUpPhases = 3

/** So that the account tries often while it hangs, and has recovered soon after. */
const shortResilience = `{ ${[
  "circuit_breaker: { recovery: 1 second }",
  "retry: { delays: [200 millis, 400 millis, 800 millis] }",
  "delayed_retry: { delays: [1 second] }",
  "catch_up: { from_percent: 100, over: 1 second }",
  "pool: { timeout: 2 seconds }"
].join(", ")} }`

const accountOf = (accounts: ReadonlyArray<Account>, index: number): Account => accounts[index % accounts.length]!

/** Publishes a group twenty times a second; gives when each event was due, from which a late publication counts. */
const publishAtRate = Effect.fnUntraced(function* (rate: number, count: number, event: (index: number) => LoadEvent) {
  const kafka = yield* KafkaClient
  const due = new Map<string, number>()
  const begun = Date.now()
  const group = Math.max(1, Math.round((rate * groupMillis) / 1000))
  const dueAt = (index: number): number => begun + Math.floor(index / group) * groupMillis
  for (let next = 0; next < count; ) {
    const events: Array<LoadEvent> = []
    for (const now = Date.now(); next < count && dueAt(next) <= now; next++) {
      const made = event(next)
      due.set(made.id, dueAt(next))
      events.push(made)
    }
    if (events.length > 0) yield* kafka.produce(events.flatMap(({ records }) => records))
    yield* Effect.sleep(Math.max(1, Math.min(dueAt(next) - Date.now(), groupMillis)))
  }
  return due
})

const groupMillis = 50

/** In percent. */
const changeMax = 10

const figuresOf = (fours: ReadonlyArray<Four>): ReadonlyArray<Figure> => {
  const [calm, troubled] = [pooled(fours, "calm"), pooled(fours, "troubled")]
  return [
    // Above this the machine is saturated: everything queues, and the comparison says nothing.
    { figure: "others' p50, calm", value: quantile(calm, 0.5), unit: "ms", goal: { atMost: 1000 } },
    { figure: "others' p50, troubled", value: quantile(troubled, 0.5), unit: "ms" },
    { figure: "others' p99, calm", value: p99(calm), unit: "ms" },
    { figure: "others' p99, troubled", value: p99(troubled), unit: "ms" },
    { figure: "change of p99, median", value: median(fours.map(changeOf)), unit: "%", goal: { atMost: changeMax } },
    // Above this something else is at work on the machine, and the comparison says nothing either.
    { figure: "noise: calm against calm, median", value: median(fours.map(noiseOf)), unit: "%", goal: { atMost: 25 } }
  ]
}
