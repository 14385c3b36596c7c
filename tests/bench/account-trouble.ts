/**
 * What one account that hangs costs the others, at a fixed rate of events. Two deliveries with as many accounts each get the same events at the
 * same time; an account of one of them hangs, and then one of the other. So what else the machine does slows both down alike.
 */
import * as Effect from "effect/Effect"
import { Codecs } from "../../shared/codec/codecs.ts"
import { registryLayer } from "../../shared/codec/registry.ts"
import { KafkaClient } from "../../shared/kafka/client.ts"
import { type AccountSink, type Delivery, startDelivery } from "./account-delivery.ts"
import { type Account, accountsOf, connectionsOf, type LoadEvent, loadEvents } from "./account-load.ts"
import { type Cluster, progress } from "./cluster.ts"
import type { Figure } from "./report.ts"
import { changeOf, type Four, median, type Phase, p99, pooled, quantile } from "./trouble-change.ts"

export interface TroubleOptions {
  /** Before the topics and groups of this run alone. */
  readonly prefix: string
  readonly connections: number
  readonly partitions: number
  readonly instances: number
  /** Events a second, of each delivery. */
  readonly rate: number
  readonly phaseSeconds: number
  readonly rounds: number
}

/** One of the two deliveries. */
interface Side {
  readonly accounts: ReadonlyArray<Account>
  readonly delivery: Delivery
  readonly event: ReturnType<typeof loadEvents>
}

/** The others' latencies at both deliveries in the same seconds. */
type Both = readonly [Phase, Phase]

export const measureTrouble = Effect.fnUntraced(function* (made: Cluster, sink: AccountSink, options: TroubleOptions) {
  const startedAt = Date.now()
  const sides: ReadonlyArray<Side> = yield* Effect.forEach([0, 1], (number) =>
    Effect.gen(function* () {
      const prefix = `${options.prefix}${number}.`
      const accounts = accountsOf(options.connections, number * options.connections)
      const connections = connectionsOf(accounts, sink.url, { linger: "20 millis" }, shortResilience)
      const delivery = yield* startDelivery(made, { ...options, prefix, sink, connections })
      const codecs = yield* Effect.provide(Codecs, registryLayer({ url: made.registryUrl, prefix }))
      return { accounts, delivery, event: loadEvents(codecs, prefix, startedAt) }
    })
  )
  let published = 0
  const count = options.rate * options.phaseSeconds

  /** Afterwards nothing of the phase is left: the account responds, its backlog is delivered. */
  const phase = Effect.fnUntraced(function* (troubled: 0 | 1 | null) {
    yield* Effect.promise(sink.reset)
    const hanging = troubled === null ? null : sides[troubled]!.accounts[0]!
    if (hanging !== null) yield* Effect.promise(() => sink.hang(hanging.dataset))
    const first = published
    published += count
    const due = yield* publishAtRate(options.rate, count, (index) =>
      sides.map(({ accounts, event }) => event(first + index, [accountOf(accounts, first + index)]))
    )
    const untilDistinct = (what: string, goal: number) =>
      sides[0]!.delivery.untilProgress(what, async () => (await sink.stats()).distinct, goal)
    const swallowed = Array.from({ length: count }, (_, index) => (first + index) % options.connections).filter(
      (account) => hanging !== null && account === 0
    ).length
    yield* untilDistinct("the others' events are received", 2 * count - swallowed)
    if (hanging !== null) {
      if ((yield* Effect.promise(sink.stats)).swallowed === 0)
        return yield* Effect.die(new Error("No request was left without a response."))
      yield* Effect.promise(sink.release)
      yield* untilDistinct("the backlog is received", 2 * count)
    }
    const receipts = yield* Effect.promise(sink.receipts)
    const latenciesOf = ({ accounts }: Side): Phase =>
      accounts
        .slice(1)
        .flatMap(({ dataset }) => (receipts[dataset] ?? []).map(([id, , firstAt]) => firstAt - due.get(id)!))
        .toSorted((left, right) => left - right)
    return [latenciesOf(sides[0]!), latenciesOf(sides[1]!)] as Both
  })

  for (let round = 0; round < warmUpPhases; round++)
    progress(`Warming up: p99 ${(yield* phase(null)).map((one) => Math.round(p99(one))).join(" and ")} ms.`)
  const rounds: Array<Round> = []
  for (let number = 1; number <= options.rounds; number++) {
    const calm = yield* phase(null)
    const troubled = [yield* phase(0), yield* phase(1)] as const
    const round: Round = { troubled: swapped(...troubled), calm: swapped(calm, yield* phase(null)) }
    rounds.push(round)
    const shown = troubled.map((both) => both.map((one) => Math.round(p99(one))).join(" and ")).join(", then ")
    progress(`Round ${number}: p99 of both, the first in trouble, then the second: ${shown} ms; ${changes(round)}.`)
  }
  return figuresOf(rounds)
}, Effect.scoped)

/** What an account in trouble changed in a round, and what the same comparison gives where none was. */
interface Round {
  readonly troubled: Four
  readonly calm: Four
}

/** The first delivery in the first seconds and the second in the later ones, each against the other in the same seconds. */
const swapped = (first: Both, later: Both): Four => ({
  trouble: "hangs",
  troubled: [first[0], later[1]],
  calm: [first[1], later[0]]
})

const changes = ({ troubled, calm }: Round): string =>
  `${Math.round(changeOf(troubled))} %, without trouble ${Math.round(changeOf(calm))} %`

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
const publishAtRate = Effect.fnUntraced(function* (
  rate: number,
  count: number,
  event: (index: number) => ReadonlyArray<LoadEvent>
) {
  const kafka = yield* KafkaClient
  const due = new Map<string, number>()
  const begun = Date.now()
  const group = Math.max(1, Math.round((rate * groupMillis) / 1000))
  const dueAt = (index: number): number => begun + Math.floor(index / group) * groupMillis
  for (let next = 0; next < count; ) {
    const events: Array<LoadEvent> = []
    for (const now = Date.now(); next < count && dueAt(next) <= now; next++) {
      const made = event(next)
      due.set(made[0]!.id, dueAt(next))
      events.push(...made)
    }
    if (events.length > 0) yield* kafka.produce(events.flatMap(({ records }) => records))
    yield* Effect.sleep(Math.max(1, Math.min(dueAt(next) - Date.now(), groupMillis)))
  }
  return due
})

const groupMillis = 50

/** In percent. */
const changeMax = 10

const figuresOf = (rounds: ReadonlyArray<Round>): ReadonlyArray<Figure> => {
  const compared = rounds.map(({ troubled }) => troubled)
  const [beside, troubled] = [pooled(compared, "calm"), pooled(compared, "troubled")]
  const noise = rounds.map(({ calm }) => Math.abs(changeOf(calm)))
  return [
    // Above this the machine is saturated: everything queues, and the comparison says nothing.
    { figure: "others' p50, no account hangs", value: quantile(beside, 0.5), unit: "ms", goal: { atMost: 1000 } },
    { figure: "others' p50, one hangs", value: quantile(troubled, 0.5), unit: "ms" },
    { figure: "others' p99, no account hangs", value: p99(beside), unit: "ms" },
    { figure: "others' p99, one hangs", value: p99(troubled), unit: "ms" },
    {
      figure: "change of p99, median",
      value: median(compared.map(changeOf)),
      unit: "%",
      goal: { atMost: changeMax }
    },
    // Above this the comparison says nothing either.
    { figure: "noise: the same without trouble, median", value: median(noise), unit: "%", goal: { atMost: changeMax } }
  ]
}
