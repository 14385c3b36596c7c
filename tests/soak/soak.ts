/**
 * The soak: events at a steady rate through all programs, while troubles come and go, one after the other. A trouble that is over must leave
 * nothing behind: programs ready, circuits closed, nothing that waits. At the end every event has its outcome, and none went out twice.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import { programNames } from "../../infra/local/program-files.ts"
import { createTopics } from "../../infra/topics/create-topics.ts"
import { registerSchemas } from "../../infra/topics/register-schemas.ts"
import { registryLayer } from "../../shared/codec/registry.ts"
import { loadConnections } from "../../shared/connectors/load-connections.ts"
import { layerKafka } from "../../shared/kafka/kafkajs/adapter.ts"
import type { Balance } from "../../shared/ledger/balance.ts"
import { readLedger } from "../../shared/ledger/read-ledger.ts"
import { ledgerViolations } from "../chaos/audit.ts"
import { makeLoad } from "../chaos/load.ts"
import { settled } from "../chaos/run-seed.ts"
import { readBack } from "../harness/records.ts"
import { type Fleet, makeFleet } from "./fleet.ts"
import { type LogCount, troubledLines } from "./log-lines.ts"
import { type Observation, observe } from "./observe.ts"
import { seriesOf } from "./series.ts"
import { prefix, type System, startSystem } from "./system.ts"
import { type Trouble, troublesOf } from "./troubles.ts"
import type { Series } from "./verdict.ts"
import { watchConsole } from "./watch-console.ts"

export interface SoakOptions {
  readonly minutes: number
  /** Raw records a second. */
  readonly rate: number
  readonly connections: number
  readonly troubleSeconds: number
}

export interface Soaked {
  readonly series: ReadonlyArray<Series>
  readonly findings: ReadonlyArray<string>
  readonly logs: ReadonlyArray<LogCount>
  readonly published: number
  readonly balance: Balance
  /** Milliseconds until all was well again, by trouble. */
  readonly healing: ReadonlyArray<{ readonly trouble: string; readonly millis: number }>
}

type Print = (line: string) => void

/** After the last trouble: a part of the run. */
const calmPart = 0.1
const healMillisMax = 300_000
/** A transaction that met a broker's restart may end so late, and its events go out again then. */
const transactionSeconds = 40
/** What waits no longer than this many seconds of the load is on its way. */
const lagSeconds = 10

export const soak = (options: SoakOptions, print: Print): Effect.Effect<Soaked, unknown, Scope.Scope> =>
  Effect.gen(function* () {
    const system = yield* startSystem(options.connections)
    const services = Layer.merge(
      layerKafka({ brokers: [system.brokers] }),
      registryLayer({ url: system.registry.url, prefix })
    )
    return yield* Effect.provide(live(system, options, print), services)
  })

const live = Effect.fnUntraced(function* (system: System, options: SoakOptions, print: Print) {
  yield* createTopics(prefix)
  yield* registerSchemas({ url: system.registry.url }, prefix)
  const fleet = yield* makeFleet(system.folder, system.environment)
  yield* Effect.forEach(programNames, (name) => fleet.start(name), { concurrency: 4, discard: true })
  print(`All programs are ready; their files are in ${system.folder}.`)
  return yield* Effect.raceFirst(run(system, fleet, options, print), fleet.watch)
})

const run = Effect.fnUntraced(function* (system: System, fleet: Fleet, options: SoakOptions, print: Print) {
  const begun = yield* Clock.currentTimeMillis
  const minute = Effect.map(Clock.currentTimeMillis, (now) => (now - begun) / 60_000)
  const findings: Array<string> = []
  const observations: Array<Observation> = []
  const load = makeLoad(prefix, 1, options.rate)
  const publishing = yield* Effect.forkScoped(load.publish)
  yield* Effect.forkScoped(watchConsole(system.consoleUrl))
  yield* Effect.forkScoped(
    Effect.gen(function* () {
      const { observations: more, lag, troubled, ill } = yield* observe(system, fleet, yield* minute)
      observations.push(...more)
      print(
        `minute ${Math.round(yield* minute)}: ${lag} records wait${listed("; ", troubled)}${listed("; ill: ", ill)}`
      )
    }).pipe(Effect.andThen(Effect.sleep("1 minute")), Effect.forever)
  )
  const healing = yield* troubles(system, fleet, options, findings, minute, print)
  // With all that was ever added, so that nothing waits for a connection that is not there.
  system.connect({ added: true, paused: false })
  const left = options.minutes - (yield* minute)
  if (left > 0) yield* Effect.sleep(left * 60_000)
  const { ill, troubled } = yield* observe(system, fleet, yield* minute)
  findings.push(...troubled, ...ill.map((connection) => `${connection} is not healthy at the end.`))
  yield* Fiber.interrupt(publishing)
  const series = seriesOf(fleet, observations, begun)

  print(`Published ${load.records()} records; waiting until each has its outcome.`)
  const balance = yield* settledBalance(system)
  findings.push(...ledgerViolations(balance), ...(yield* openAlerts), ...(yield* sentTwice(system, balance)))
  const instances = [...fleet.running().keys()]
  const logs = instances.flatMap((instance) => troubledLines(instance, fleet.log(instance)))
  return { series, findings, logs, published: load.records(), balance, healing } satisfies Soaked
})

/** One after the other, round after round; programs are restarted only in the first half, so that the second measures each. */
const troubles = Effect.fnUntraced(function* (
  system: System,
  fleet: Fleet,
  { minutes, rate, troubleSeconds }: SoakOptions,
  findings: Array<string>,
  minute: Effect.Effect<number>,
  print: Print
) {
  const healing: Array<{ trouble: string; millis: number }> = []
  for (let round = 0; ; round++)
    for (const trouble of troublesOf(system, fleet, round)) {
      if ((yield* minute) > minutes * (1 - calmPart)) return healing
      if (trouble.restarts === true && (yield* minute) > minutes / 2 - 2) continue
      print(`${trouble.name}: begins.`)
      const before = yield* repeatsOf(system)
      yield* trouble.begin
      yield* Effect.sleep((trouble.short === true ? 5 : troubleSeconds) * 1_000)
      yield* trouble.end
      const millis = yield* untilHealed(system, fleet, rate * lagSeconds, trouble, findings)
      healing.push({ trouble: trouble.name, millis })
      print(`${trouble.name}: all is well ${Math.round(millis / 1_000)} s after its end.`)
      yield* Effect.sleep(Math.max(troubleSeconds / 2, trouble.mayRepeat === true ? transactionSeconds : 0) * 1_000)
      const again = (yield* repeatsOf(system)) - before
      if (again > 0) print(`${trouble.name}: ${again} events were sent again.`)
      if (again > 0 && trouble.mayRepeat !== true) findings.push(`${trouble.name}: ${again} events were sent again.`)
    }
})

const untilHealed = Effect.fnUntraced(function* (
  system: System,
  fleet: Fleet,
  lagMax: number,
  trouble: Trouble,
  findings: Array<string>
) {
  const ended = yield* Clock.currentTimeMillis
  for (;;) {
    const { lag, troubled } = yield* observe(system, fleet, 0)
    const millis = (yield* Clock.currentTimeMillis) - ended
    if (troubled.length === 0 && lag <= lagMax) return millis
    if (millis > healMillisMax) {
      findings.push(`${trouble.name}: ${millis / 1_000} s after its end ${lag} records wait${listed("; ", troubled)}.`)
      return millis
    }
    yield* Effect.sleep("2 seconds")
  }
})

/** Events that a platform got again, of those platforms that have an id for it. */
const repeatsOf = ({ control }: System): Effect.Effect<number> =>
  Effect.map(control.counts, (counts) => Object.values(counts).reduce((sum, { duplicates }) => sum + duplicates, 0))

const settledBalance = Effect.fnUntraced(function* ({ environment }: System) {
  const { connections } = yield* loadConnections(environment["CAPI_CONNECTIONS"]!, environment)
  const later = connections.filter(({ platform }) => platform === "google").map(({ id }) => id)
  return yield* settled(readLedger({ from: 0, to: Number.MAX_SAFE_INTEGER }, connections, prefix), later)
})

/** Alerts whose series has not ended, and those of the ledger, which balances. */
const openAlerts = Effect.map(readBack(`${prefix}health-alerts`, "health-alert"), (alerts) => {
  const last = new Map(
    alerts
      .filter(({ cause }) => cause !== "age_limit")
      .map((alert) => [`${alert.connection_id} ${alert.platform}`, alert])
  )
  return [
    ...[...last.values()]
      .filter(({ status }) => status !== "healthy")
      .map(({ connection_id, cause, message }) => `The alert of ${connection_id} is open (${cause}): ${message}`),
    ...alerts.filter(({ cause }) => cause === "ledger").map(({ message }) => `The ledger alarmed: ${message}`)
  ]
})

/** A message has no id by which WhatsApp would know a repeat: as many were taken as have an outcome that says so. */
const sentTwice = Effect.fnUntraced(function* ({ control }: System, { connections }: Balance) {
  const taken = (yield* control.counts)["whatsapp"]?.events ?? 0
  const sent = connections
    .filter(({ connectionId }) => connectionId === "whatsapp-orders")
    .reduce((sum, { outcomes }) => sum + outcomes.delivered + outcomes.accepted + outcomes.unknown, 0)
  return taken > sent ? [`WhatsApp took ${taken} messages, of which ${sent} have an outcome.`] : []
})

const listed = (before: string, texts: ReadonlyArray<string>): string =>
  texts.length === 0 ? "" : before + texts.join(", ")
