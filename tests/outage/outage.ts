/**
 * The outage run: events for four platforms, some of them poison; the token ends in the middle, the platforms throttle,
 * then die. Afterwards every event must have its right outcome, exactly once.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { startSandbox } from "../../infra/sandbox/sandbox.ts"
import type { ConnectorState } from "../../schemas/types.gen.ts"
import { readLedger } from "../../shared/ledger/read-ledger.ts"
import { until } from "../../shared/testing/kafka-probe.ts"
import { type Chain, startChain } from "../harness/chain.ts"
import { publish as publishTo, readBack } from "../harness/records.ts"
import type { Evidence, SummaryJson } from "./findings.ts"
import {
  connectionsOf,
  eventId,
  isShort,
  type OutageOptions,
  poisonOf,
  poisonWords,
  rawEvent,
  targets
} from "./plan.ts"
import { begin, end, lasting, type TroubleTools, takenBy, untilTaken } from "./troubles.ts"

export type Print = (line: string) => void

/** Runs it and gives the evidence. `prefix` keeps it apart from what else the broker holds. */
export const outageRun = (
  options: OutageOptions,
  prefix: string,
  print: Print
): Effect.Effect<Evidence, unknown, Scope.Scope> =>
  Effect.gen(function* () {
    const chain = yield* startChain({
      name: "outage",
      prefix,
      sandbox: yield* startSandbox({ store: { bodiesMax: 0, idsMax: options.events * targets.length * 2 } }),
      connections: { text: connectionsOf(options) },
      programs: ["normalizer", "mapper", ...targets.map(({ platform }) => `delivery-${platform}`)],
      onProgress: print
    })
    return yield* Effect.raceFirst(Effect.provide(live(options, chain, print), chain.services), chain.programs.watch)
  })

const live = Effect.fnUntraced(function* (options: OutageOptions, chain: Chain, print: Print) {
  const { control } = chain
  const tools: TroubleTools = { control, print }
  const poison = poisonOf(options)
  yield* control.add([{ kind: "poison", event_ids: [...poison].map(eventId), reason: poisonWords }])
  const begun = yield* Clock.currentTimeMillis
  yield* Effect.forkScoped(progress(options, tools, begun))

  const publish = publisher(options, chain, print)
  const some = Math.max(1, Math.floor(options.events / 20))
  const waitSeconds = isShort(options) ? 2 : 10

  yield* publish(0.3)
  yield* untilTaken(tools, {}, some)
  yield* begin(tools, "expired token", { kind: "expired_token" })
  yield* publish(0.5)
  yield* lasting(tools, "expired token", waitSeconds)
  const beforeToken = yield* takenBy(control)
  const token = yield* end(tools, "expired token")
  // Google had exchanged its token and taken all there was: only new events show that everyone goes on.
  yield* publish(0.6)
  yield* untilTaken(tools, beforeToken, 1)

  yield* begin(tools, "throttling", { kind: "throttle", retry_after_s: 1 })
  yield* publish(0.75)
  yield* lasting(tools, "throttling", waitSeconds)
  yield* begin(tools, "outage", { kind: "dead" })
  const throttling = yield* end(tools, "throttling")
  yield* publish(0.9)
  yield* lasting(tools, "outage", options.outageSeconds)
  const outage = yield* end(tools, "outage")
  yield* publish(1)

  yield* settled(options, chain, tools, poison)
  return yield* evidenceOf(options, chain, tools, [token, throttling, outage])
})

/** Publishes events up to a part of all, as a producer does: in small groups, as plain JSON. */
const publisher = (options: OutageOptions, chain: Chain, print: Print) => {
  let next = 0
  return Effect.fnUntraced(function* (part: number) {
    const upTo = Math.round(options.events * part)
    while (next < upTo) {
      const last = Math.min(upTo, next + recordsAtOnce)
      const now = yield* Clock.currentTimeMillis
      const records = Array.from({ length: last - next }, (_, offset) => ({
        key: `u-${next + offset}`,
        value: Buffer.from(rawEvent(next + offset, now))
      }))
      yield* publishTo(chain.prefix, records)
      next = last
    }
    print(`Published ${next} of ${options.events} events.`)
  })
}

const recordsAtOnce = 500

/** Every good event is at every platform, and the topics have the outcome of each event. */
const settled = Effect.fnUntraced(function* (
  options: OutageOptions,
  chain: Chain,
  tools: TroubleTools,
  poison: ReadonlySet<number>
) {
  const good = options.events - poison.size
  yield* until(
    "every platform has every good event",
    () => Effect.map(takenBy(tools.control), (taken) => Object.values(taken).every((count) => count >= good)),
    settleMillisMax,
    200
  )
  tools.print("Every platform has every good event; waiting for the last results.")
  yield* until(
    "every event has its final outcome",
    () =>
      Effect.map(readLedger({ from: 0, to: laterThanAll }, ledgerConnections, chain.prefix), ({ connections }) =>
        connections.every(({ inFlight, outcomes }) => inFlight === 0 && outcomes.accepted === 0)
      ),
    settleMillisMax,
    200
  )
})

const settleMillisMax = 600_000
const laterThanAll = Number.MAX_SAFE_INTEGER
const ledgerConnections = targets.map(({ connection, platform }) => ({ id: connection, platform }))

const summaryOf = (chain: Chain): Effect.Effect<SummaryJson> =>
  Effect.map(chain.capi("results", "--summary", "--json"), ({ out }) => JSON.parse(out) as SummaryJson)

const evidenceOf = Effect.fnUntraced(function* (
  options: OutageOptions,
  chain: Chain,
  { control }: TroubleTools,
  troubles: Evidence["troubles"]
) {
  const ids: Record<string, ReadonlyMap<string, number>> = {}
  for (const { platform } of targets) ids[platform] = yield* control.ids(platform)
  return {
    events: options.events,
    poison: poisonOf(options),
    counts: yield* control.counts,
    ids,
    deadLetters: yield* readBack(`${chain.prefix}dead-letters`, "dead-letter"),
    states: statesOf(yield* readBack(`${chain.prefix}connector-state`, "connector-state")),
    summary: yield* summaryOf(chain),
    ledgerExitCode: (yield* chain.capi("ledger")).exitCode,
    troubles
  } satisfies Evidence
})

/** Connection → states that it announced: of the circuit, and `paused` where a credential was refused. */
const statesOf = (all: ReadonlyArray<ConnectorState>): Evidence["states"] => {
  const states: Record<string, Set<string>> = {}
  for (const { connection_id, circuit_state, cause } of all) {
    states[connection_id] ??= new Set()
    states[connection_id].add(circuit_state)
    if (cause === "auth") states[connection_id].add("paused")
  }
  return states
}

const progress = ({ events }: OutageOptions, { control, print }: TroubleTools, begun: number) =>
  Effect.forever(
    Effect.gen(function* () {
      yield* Effect.sleep("5 seconds")
      const taken = yield* takenBy(control)
      const seconds = Math.round(((yield* Clock.currentTimeMillis) - begun) / 1000)
      const each = targets.map(({ platform }) => `${platform} ${taken[platform]}`).join(", ")
      print(`${String(seconds).padStart(4)} s  taken of ${events}: ${each}`)
    })
  )
