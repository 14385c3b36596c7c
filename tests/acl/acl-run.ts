/** A run with ACLs: the chain with the least rights, then each program with one right less. */
import { readFileSync, statSync, writeFileSync } from "node:fs"
import path from "node:path"
import * as Effect from "effect/Effect"
import { freePort } from "../../infra/local/ports.ts"
import { localRegistry } from "../../infra/local/registry.ts"
import { logFileOf } from "../../infra/local/run-programs.ts"
import { startSandbox } from "../../infra/sandbox/sandbox.ts"
import { type Right, rightsOf } from "../../shared/model/rights.ts"
import { startChain } from "../harness/chain.ts"
import { grant, revoke } from "../harness/grant.ts"
import { publish, readBack } from "../harness/records.ts"
import { scopedFolder } from "../harness/scoped-folder.ts"
import { jarsOnly, startSecuredBroker } from "../harness/secured-broker.ts"
import { waitUntil } from "../harness/wait-until.ts"
import { connectionsText, events, notificationsText } from "./input.ts"
import { changeConsent, erase, lookUp, redriveByConsole } from "./use-rights.ts"

const prefix = "acl."
const platforms = ["meta", "google", "whatsapp"]
const programs = [
  "normalizer",
  "mapper",
  ...platforms.map((platform) => `delivery-${platform}`),
  "health",
  "notifier",
  "indexer",
  "console"
]

/** Rights that this run does not use. The start of a program checks them all the same. */
const unusedHere = new Set([
  // Records move after partitions were added.
  "mapper Write acl.normalized-events",
  "delivery-whatsapp Write acl.mapped-events.whatsapp",
  // WhatsApp delays a message only where a person gets several within seconds.
  "delivery-whatsapp Write acl.delivery-retry.whatsapp",
  ...["mapper", "health", "indexer", "console"].map((program) => `${program} Read acl.delivery-retry.whatsapp`),
  // A receiver has to be away for five minutes.
  "notifier Write acl.health-alerts"
])

/** What was found wrong, a line each; empty if everything held. */
export const aclRun = Effect.fnUntraced(function* (only: string | null, print: (line: string) => void) {
  const chosen = programs.filter((program) => only === null || program === only)
  const passwords = Object.fromEntries(programs.map((program) => [program, `password-of-${program}`]))
  const folder = yield* scopedFolder("acl")
  const broker = yield* startSecuredBroker({ folder, users: passwords, logsDecisions: true }).pipe(
    Effect.provide(jarsOnly)
  )
  const registry = yield* Effect.provide(
    localRegistry({ stateDirectory: folder, ending: "kill", fastStart: true }),
    jarsOnly
  )
  const notifications = path.join(folder, "notifications.yaml")
  writeFileSync(notifications, notificationsText)
  const consolePort = yield* freePort
  const sandbox = yield* startSandbox({ whatsapp: { pairWindowMillis: 0 } })
  const chain = yield* startChain({
    name: "acl-programs",
    prefix,
    sandbox,
    connections: { text: connectionsText },
    environment: {
      LEDGER_EVERY: "2 seconds",
      ERASURE_CHECK_EVERY: "1 second",
      CAPI_CONSOLE_PORT: String(consolePort),
      STARTUP_TIMEOUT: "1 minute",
      CAPI_NOTIFICATIONS: notifications
    },
    bundled: true,
    services: { brokers: broker.administrator, registryUrl: registry.url }
  })
  const loginOf = (program: string): Readonly<Record<string, string>> => ({
    KAFKA_BROKERS: broker.login,
    KAFKA_SSL: "true",
    KAFKA_SSL_CA: broker.authority.ca,
    KAFKA_SASL_USERNAME: program,
    KAFKA_SASL_PASSWORD: passwords[program]!
  })
  const launch = (program: string, more: Readonly<Record<string, string>> = {}) =>
    chain.programs.launch(program, { ...loginOf(program), ...more })
  const untilReady = (names: ReadonlyArray<string>) =>
    Effect.forEach(
      names,
      (name) =>
        Effect.promise(() =>
          waitUntil(
            `${name} is ready`,
            async () => (await chain.run(chain.programs.readiness(name)))?.ok === true,
            120_000
          ).catch((error: Error) => {
            const lines = readFileSync(logFileOf(chain.folder, name), "utf8").trim().split("\n")
            throw new Error(`${error.message} It logged last:\n${lines.slice(-6).join("\n")}`)
          })
        ),
      { concurrency: "unbounded", discard: true }
    )
  const found: Array<string> = []
  const report = (line: string) => {
    found.push(line)
    print(`BROKEN  ${line}`)
  }

  for (const program of programs) yield* grant(broker.administrator, program, rightsOf(program, prefix, platforms))
  print("Starting every program with its rights.")
  for (const program of programs) yield* launch(program)
  yield* untilReady(programs)
  yield* chain.control.add([
    { kind: "poison", event_ids: ["first-9", "second-9"], reason: "Not with us" },
    // A message carries no event id.
    { kind: "poison", platform: "whatsapp", marker: "first-9", reason: "Not with us" }
  ])
  yield* Effect.promise(() => chain.run(publish(prefix, events("first"))))
  const resultsOf = (ids: number) =>
    Effect.promise(() =>
      waitUntil(
        `${ids} results are final`,
        async () => {
          const results = await chain.run(readBack(`${prefix}delivery-results`, "event-delivery-log"))
          return new Set(results.filter(({ outcome }) => outcome !== "skipped").map((one) => one.event_id)).size >= ids
        },
        120_000
      )
    )
  yield* resultsOf(11)
  const untilUsed = (what: string, program: string, operation: string, topic: string) =>
    Effect.promise(() =>
      waitUntil(
        what,
        () =>
          decisions(readFileSync(broker.logFile, "utf8")).allowed.some(
            (one) => one.user === program && one.operation === operation && one.name === prefix + topic
          ),
        60_000
      )
    )
  yield* untilUsed("the ledger has read raw events", "health", "read", "raw-events")
  print("Starting them again where the event log is sealed.")
  yield* chain.programs.stop(["normalizer", "health"])
  for (const program of ["normalizer", "health"]) yield* launch(program, { CAPI_EVENT_LOG: "sealed-events" })
  yield* untilReady(["normalizer", "health"])
  yield* Effect.promise(() => chain.run(publish(prefix, events("second"))))
  yield* resultsOf(22)
  print("A person is erased, another one withdraws consent.")
  yield* Effect.promise(() => chain.run(changeConsent(prefix, "second-1@shop.example")))
  yield* erase(chain, "second-nameless@shop.example")
  yield* untilUsed("the secrets are destroyed", "normalizer", "write", "erasure-log")
  print("Starting the others again on the state that they have written.")
  const others = programs.filter((program) => program !== "normalizer" && program !== "health")
  yield* chain.programs.stop(others)
  for (const program of others) yield* launch(program, program === "console" ? { CAPI_EVENT_LOG: "sealed-events" } : {})
  yield* untilReady(others)
  const redriven = yield* Effect.promise(() => redriveByConsole(consolePort, { all: true }))
  if (redriven.error !== null || redriven.sent === 0) report(`the console's redrive: ${JSON.stringify(redriven)}`)
  const granted = programs.flatMap((program) =>
    rightsOf(program, prefix, platforms)
      .map((right) => ({ program, right }))
      .filter(({ right }) => !unusedHere.has(nameOf(program, right)))
  )
  const unused = () => {
    const used = decisions(readFileSync(broker.logFile, "utf8")).allowed
    return granted.filter(({ program, right }) => !used.some((one) => isUse(one, program, right)))
  }
  // The history of a connection is written each minute.
  const isAllUsed = async () => {
    if (unused().length === 0) return true
    await lookUp(consolePort, ["first-0", "second-0"], "shop")
    return false
  }
  yield* Effect.promise(() => waitUntil("every right is used", isAllUsed, 90_000)).pipe(
    Effect.catchCause(() => Effect.void)
  )
  for (const { program, right } of unused()) report(`${nameOf(program, right)} is granted and never used`)
  const denied = decisions(readFileSync(broker.logFile, "utf8")).denied.filter(({ user }) => programs.includes(user))
  for (const one of new Set(denied.map(({ user, operation, name }) => `${user} ${operation} ${name}`)))
    report(`${one} was denied`)
  yield* chain.programs.stop(programs)
  print(`${granted.length} rights are used, ${denied.length} requests were denied.`)

  let checked = 0
  const rounds = Math.max(...chosen.map((program) => rightsOf(program, prefix, platforms).length))
  for (let round = 0; round < rounds; round++) {
    const less = chosen.flatMap((program) => {
      const right = rightsOf(program, prefix, platforms)[round]
      return right === undefined ? [] : [{ program, right }]
    })
    yield* Effect.forEach(
      less,
      Effect.fnUntraced(function* ({ program, right }) {
        yield* revoke(broker.administrator, program, [right])
        const logFile = logFileOf(chain.folder, program)
        const mark = statSync(logFile).size
        const sealed = /sealer/.test(right.name) || /sealed-events|person-keys/.test(right.name)
        yield* launch(program, sealed ? { CAPI_EVENT_LOG: "sealed-events" } : {})
        const words = new RegExp(
          `no right to (?:\\w+ and )?(?:${right.operation}|Describe)(?: and \\w+)? on the ${right.resource}s? ${right.name.replaceAll(".", "\\.")}`
        )
        const isNamed =
          program === "console" && right.resource === "transactional id"
            ? async () => words.test((await redriveByConsole(consolePort, { all: true })).error?.message ?? "")
            : async () => words.test(readFileSync(logFile).subarray(mark).toString())
        const named = yield* Effect.promise(() =>
          waitUntil("the right is named", isNamed, 60_000).then(
            () => true,
            () => false
          )
        )
        if (!named) report(`without ${nameOf(program, right)} the program does not name it`)
        yield* chain.programs.stop([program])
        yield* grant(broker.administrator, program, [right])
        checked++
      }),
      { concurrency: 3, discard: true }
    )
    print(`${checked} programs failed with one right less.`)
  }
  print(
    found.length === 0 ? "Every program works with its rights, and fails with one less." : `${found.length} findings.`
  )
  return found
})

const nameOf = (program: string, { operation, name }: Right) => `${program} ${operation} ${name}`

interface Decision {
  readonly user: string
  readonly operation: string
  readonly resource: string
  readonly name: string
}

/** The lines of Kafka's authorizer: `Principal = User:x is Allowed operation = READ from host = … on resource = Topic:LITERAL:name …`. */
const decisions = (
  log: string
): { readonly allowed: ReadonlyArray<Decision>; readonly denied: ReadonlyArray<Decision> } => {
  const line =
    /Principal = User:(\S+) is (Allowed|Denied) operation = (\w+) from host = \S+ on resource = (\w+):LITERAL:(\S+)/g
  const all = [...log.matchAll(line)].map(([, user, outcome, operation, resource, name]) => ({
    outcome,
    user: user!,
    operation: operation!.replaceAll("_", "").toLowerCase(),
    resource: resource!.toLowerCase(),
    name: name!
  }))
  return {
    allowed: all.filter(({ outcome }) => outcome === "Allowed"),
    denied: all.filter(({ outcome }) => outcome === "Denied")
  }
}

const isUse = (used: Decision, program: string, { operation, resource, name, pattern }: Right): boolean =>
  used.user === program &&
  used.operation === operation.toLowerCase() &&
  used.resource === resource.replaceAll(" ", "") &&
  (pattern === "literal" ? used.name === name : used.name.startsWith(name))
