/** The whole system by `docker compose up`: rights and secrets of its containers, delivery, and the kill of each of them. */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import { loadConnections } from "../../../shared/connectors/load-connections.ts"
import { readLedger } from "../../../shared/ledger/read-ledger.ts"
import { programNames } from "../../local/program-files.ts"
import { publishSamples } from "../../samples/publish.ts"
import { metricsPort, sandboxSecretsOf, usesMasterKey } from "../deploy-files.ts"
import { groundLayer } from "./checks.ts"
import { checkFailed, lastLines } from "./command.ts"
import { type Compose, composeBrokers, composeRegistry, exists, secretOfFile, stored } from "./compose.ts"
import { answers } from "./containers.ts"
import type { Engine } from "./engine.ts"
import type { Report } from "./report.ts"

/** From nothing to every container killed and the ledger balanced. */
export const checkCompose = Effect.fnUntraced(function* (report: Report, engine: Engine, compose: Compose) {
  yield* report.check(
    "a missing file of connections is an error that names it, and no folder is made",
    missing(compose)
  )
  yield* report.check("the command line stores a credential that a delivery reads by store:", storeCredential(compose))
  const up = yield* report.check(
    "docker compose up brings Kafka, registry, topics, sandboxes and every program to health",
    Effect.andThen(bringUp(compose), untilHealthy(compose, 300))
  )
  if (!up) return
  yield* report.check(
    "every container of a program has a read-only file system and no rights",
    hardened(engine, compose)
  )
  yield* report.check("every program has its secrets, and no other program's", separated(engine, compose))
  yield* report.check(
    "the metrics of every program are published on this machine",
    Effect.forEach(programNames, (name, index) =>
      Effect.flatMap(answers(`${addressOf(index)}/metrics`), (well) =>
        well ? Effect.void : checkFailed(`${name} does not answer at ${addressOf(index)}`)
      )
    )
  )
  // Only now, since the layers' first question is whether the registry is there.
  yield* deliverThroughKills(report, engine, compose).pipe(
    Effect.provide(groundLayer({ brokers: composeBrokers, registryUrl: composeRegistry }))
  )
  yield* report.check(
    "docker compose stop ends every program in order within its grace period",
    Effect.gen(function* () {
      yield* compose.must(["stop", ...programNames], { limit: "2 minutes" })
      const bad = (yield* compose.services).filter(
        ({ name, exitCode }) => programNames.some((program) => program === name) && exitCode !== 0
      )
      if (bad.length > 0)
        return yield* checkFailed(bad.map(({ name, exitCode }) => `${name} ended with ${exitCode}`).join(", "))
    })
  )
  yield* report.check(
    "with existing-kafka.yaml Compose has no broker, and a program gets ready on the one that is named",
    onExistingKafka(engine, compose)
  )
})

/** Runs with the broker and the registry of the Compose file in its context. */
const deliverThroughKills = Effect.fnUntraced(function* (report: Report, engine: Engine, compose: Compose) {
  const { connections } = yield* loadConnections(compose.connections, {})
  const enabled = connections.filter((connection) => connection.enabled)
  let published = 0
  const settled = (seconds: number, final: boolean) =>
    until(compose, "every event has its outcome", seconds, () =>
      Effect.gen(function* () {
        const balance = yield* readLedger({ from: 0, to: yield* Clock.currentTimeMillis }, enabled, "")
        return (
          balance.raw >= published &&
          balance.balanced &&
          balance.inFlightRaw === 0 &&
          balance.connections.every(({ inFlight, outcomes }) => inFlight === 0 && (final || outcomes.accepted === 0))
        )
      })
    )
  yield* report.check(
    "the sample events, sent by the command line, reach their outcome at every connection",
    Effect.gen(function* () {
      const { out } = yield* compose.must(["run", "--rm", "-T", "cli", "send", "--samples", "--json"])
      published += Number(/"sent":\s*(\d+)/.exec(out)?.[1] ?? 0)
      if (published < 500) return yield* checkFailed(`send --samples prints ${out.slice(0, 200)}`)
      yield* settled(180, false)
      const summary = yield* compose.must(["run", "--rm", "-T", "cli", "results", "--summary", "--json"])
      if (!summary.out.includes("delivered")) return yield* checkFailed(`results prints ${summary.out.slice(0, 300)}`)
    })
  )
  for (const name of [...dependencies, ...programNames])
    yield* report.check(
      `${name} is killed amid events, and all is ready after docker compose start`,
      Effect.gen(function* () {
        published += yield* publishSamples("")
        yield* engine.must(["kill", (yield* service(compose, name)).container])
        yield* compose.must(["start", name])
        yield* untilReady(compose, 300)
      })
    )
  yield* report.check(
    "programs whose process dies are started again by Docker itself",
    Effect.gen(function* () {
      published += yield* publishSamples("")
      yield* Effect.forEach(programNames, (name) => killProcess(engine, compose, name), { discard: true })
      yield* untilReady(compose, 300)
    })
  )
  yield* report.check(
    "after all of that the ledger balances and nothing is in flight",
    Effect.gen(function* () {
      yield* settled(240, true)
      yield* compose.must(["run", "--rm", "-T", "cli", "ledger"])
    })
  )
})

const missing = Effect.fnUntraced(function* (compose: Compose) {
  const file = `${compose.connections}.absent`
  const { code, out, err } = yield* compose.run(["run", "--rm", "-T", "--no-deps", "mapper"], {
    environment: { CAPI_CONNECTIONS: file }
  })
  if (code === 0 || !(out + err).includes(file)) return yield* checkFailed(`it ends with ${code}: ${lastLines(err, 3)}`)
  if (exists(file)) return yield* checkFailed(`it made ${file}`)
})

const storeCredential = Effect.fnUntraced(function* (compose: Compose) {
  const capi = (...args: ReadonlyArray<string>) => ["run", "--rm", "-T", "--no-deps", "cli", ...args]
  yield* compose.must(capi("credentials", "set", stored.name), { input: `${stored.token}\n` })
  const { out } = yield* compose.must(capi("credentials", "list", "--json"))
  if (!out.includes(`"${stored.name}"`) || out.includes(stored.token))
    return yield* checkFailed(`credentials list prints ${out.slice(0, 200)}`)
})

/** The broker and the registry that run already, under the names of their containers, which nothing else uses. */
const onExistingKafka = Effect.fnUntraced(function* (engine: Engine, compose: Compose) {
  const nameOf = (name: string) =>
    Effect.flatMap(service(compose, name), ({ container }) =>
      Effect.map(engine.must(["inspect", "--format", "{{.Name}}", container]), ({ out }) => out.trim().replace("/", ""))
    )
  const environment = {
    KAFKA_BROKERS: `${yield* nameOf("kafka")}:9092`,
    SCHEMA_REGISTRY_URL: `http://${yield* nameOf("registry")}:8080/apis/ccompat/v7`
  }
  const { out } = yield* compose.mustOnExisting(["config", "--services"], { environment })
  const services = out.split("\n")
  if (!services.includes("mapper") || services.includes("kafka") || services.includes("registry"))
    return yield* checkFailed(`its services are ${services.join(" ")}`)
  const program = programNames[0]!
  yield* compose.mustOnExisting(["up", "--detach", "--no-build", program], { environment })
  yield* until(compose, `${program} is ready`, 120, () => answers(`${addressOf(0)}/readyz`))
  const { Config: config } = yield* inspect(engine, compose, program)
  for (const [name, value] of Object.entries(environment))
    if (!config.Env.includes(`${name}=${value}`)) return yield* checkFailed(`${program} has another ${name}`)
})

const service = (compose: Compose, name: string) =>
  Effect.flatMap(compose.services, (services) => {
    const found = services.find((one) => one.name === name)
    return found === undefined ? checkFailed(`there is no service ${name}`) : Effect.succeed(found)
  })

/** As Docker sees it; the health check of a program asks /healthz. */
/** `docker compose up`, which says of a service that failed its exit code alone: with its last lines. */
const bringUp = (compose: Compose) =>
  compose
    .must(["up", "--detach", "--no-build"], { limit: "8 minutes" })
    .pipe(
      Effect.catch(({ message }) =>
        Effect.flatMap(compose.run(["logs", "--tail", "8", "--no-color"]), ({ out }) =>
          checkFailed([lastLines(message, 1), lastLines(out, 60)].join("\n"))
        )
      )
    )

const untilHealthy = (compose: Compose, seconds: number) =>
  until(compose, "every service is healthy", seconds, () => areHealthy(compose, [...dependencies, ...programNames]))

/** Broker, registry and sandboxes are healthy, and every program says that it is ready: its partitions are open. */
const untilReady = (compose: Compose, seconds: number) =>
  until(compose, "every program is ready", seconds, () =>
    Effect.gen(function* () {
      const ready = yield* Effect.forEach(programNames, (_, index) => answers(`${addressOf(index)}/readyz`), {
        concurrency: "unbounded"
      })
      return ready.every((one) => one) && (yield* areHealthy(compose, dependencies))
    })
  )

const dependencies: ReadonlyArray<string> = ["kafka", "registry", "sandbox"]

const areHealthy = (compose: Compose, names: ReadonlyArray<string>) =>
  Effect.map(compose.services, (services) =>
    names.every((name) => services.some((one) => one.name === name && one.health === "healthy"))
  )

/** Where the Compose file publishes a program's health and metrics. */
const addressOf = (index: number): string => `http://127.0.0.1:${metricsPort + index}`

/** Asks until it holds, or ends with the services that are not well and their last lines. */
const until = <E, R>(
  compose: Compose,
  what: string,
  seconds: number,
  condition: () => Effect.Effect<boolean, E, R>
): Effect.Effect<void, E | ReturnType<typeof checkFailed>, R> =>
  Effect.gen(function* () {
    while (!(yield* condition())) yield* Effect.sleep("3 seconds")
  }).pipe(
    Effect.timeoutOrElse({
      duration: `${seconds} seconds`,
      orElse: () =>
        Effect.gen(function* () {
          const services = yield* compose.services
          const states = services.map(({ name, state, health }) => `${name}: ${state} ${health}`)
          const { out } = yield* compose.run(["logs", "--tail", "3", "--no-color"])
          return yield* checkFailed([`not in ${seconds} s: ${what}`, ...states, lastLines(out, 40)].join("\n"))
        })
    })
  )

interface Inspected {
  readonly Config: { readonly User: string; readonly Env: ReadonlyArray<string> }
  readonly State: { readonly Pid: number }
  readonly HostConfig: {
    readonly ReadonlyRootfs: boolean
    readonly CapDrop: ReadonlyArray<string> | null
    readonly SecurityOpt: ReadonlyArray<string> | null
    readonly Privileged: boolean
  }
}

const inspect = Effect.fnUntraced(function* (engine: Engine, compose: Compose, name: string) {
  const { container } = yield* service(compose, name)
  const { out } = yield* engine.must(["inspect", container])
  const [found]: ReadonlyArray<Inspected> = JSON.parse(out)
  return found === undefined ? yield* checkFailed(`there is no container of ${name}`) : { ...found, container }
})

const hardened = (engine: Engine, compose: Compose) =>
  Effect.forEach(
    programNames,
    Effect.fnUntraced(function* (name) {
      const { container, HostConfig: host } = yield* inspect(engine, compose, name)
      if (!host.ReadonlyRootfs || host.Privileged || !(host.CapDrop ?? []).includes("ALL"))
        return yield* checkFailed(`${name} has rights: ${JSON.stringify(host)}`)
      const { out } = yield* engine.must([
        "exec",
        container,
        "sh",
        "-c",
        "id -u; grep -E 'CapEff|NoNewPrivs' /proc/1/status"
      ])
      if (!/^1000\n/.test(out) || !/CapEff:\s*0+\n/.test(out) || !/NoNewPrivs:\s*1/.test(out))
        return yield* checkFailed(`${name} runs as ${out}`)
      const write = yield* engine.docker(["exec", container, "sh", "-c", "touch /app/x || touch /credentials/x"])
      if (write.code === 0) return yield* checkFailed(`${name} can write to its file system`)
    }),
    { discard: true }
  )

const secretNames: ReadonlyArray<string> = programNames.flatMap((name) => Object.keys(sandboxSecretsOf(name)))

const separated = (engine: Engine, compose: Compose) =>
  Effect.forEach(
    programNames,
    Effect.fnUntraced(function* (name) {
      const { Config: config } = yield* inspect(engine, compose, name)
      const held = config.Env.map((one) => one.slice(0, one.indexOf("="))).filter((one) => secretNames.includes(one))
      const expected = Object.keys(sandboxSecretsOf(name))
      if (held.toSorted().join() !== expected.toSorted().join())
        return yield* checkFailed(`${name} holds ${held.join(", ") || "none"}, not ${expected.join(", ") || "none"}`)
      const has = (variable: string) => config.Env.some((one) => one.startsWith(`${variable}=`))
      if (has("CAPI_MASTER_KEY") !== usesMasterKey(name))
        return yield* checkFailed(`${name} has ${usesMasterKey(name) ? "no" : "the"} master key`)
      if (has(secretOfFile) !== (name === stored.program))
        return yield* checkFailed(`${name} has another program's file of secrets, or not the one for it`)
    }),
    { discard: true }
  )

const killProcess = Effect.fnUntraced(function* (engine: Engine, compose: Compose, name: string) {
  const { State: state } = yield* inspect(engine, compose, name)
  yield* Effect.sync(() => process.kill(state.Pid, "SIGKILL"))
})
