/** `./capi up`, `down` and `env`: a local broker and registry with topics and schemas, and their addresses. */
import { spawn } from "node:child_process"
import { closeSync, existsSync, mkdirSync, openSync } from "node:fs"
import path from "node:path"
import process from "node:process"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { loadFileSettings } from "../../../shared/config/settings.ts"
import { localJarsFolder } from "../../local/jars.ts"
import { demoStarter, runningDemo } from "../../local/only-one.ts"
import { endProcess, isAlive, logTail } from "../../local/processes.ts"
import { commandLineFile } from "../../local/program-files.ts"
import { type LocalAddresses, localAddresses, type Starter, startLocal } from "../../local/start-local.ts"
import { defaultStateDirectory, inFolder } from "../../local/state.ts"
import { Command, CommandError, Flag, Json } from "../cli.ts"
import { Output, type Paint, show } from "../output.ts"

const detach = Flag.Boolean("detach").pipe(
  Flag.withAlias("d"),
  Flag.withDescription("Return when everything is up; end it with `./capi down`"),
  Flag.withDefault(false)
)
const prefix = Flag.String("prefix").pipe(
  Flag.withDescription("Put before every topic's name; CAPI_TOPIC_PREFIX of the programs"),
  Flag.withDefault(process.env["CAPI_TOPIC_PREFIX"] ?? "")
)

const sandbox = Flag.Boolean("sandbox").pipe(
  Flag.withDescription("Try the file of CAPI_CONNECTIONS on sandboxes of the platforms, show the outcomes, and end"),
  Flag.withDefault(false)
)
const events = Flag.String("events").pipe(
  Flag.withDescription(
    "With --sandbox: raw events, one JSON object a line; - for standard input; the sample events without it"
  ),
  Flag.optional
)

export const up = Command.make("up", { detach, prefix, sandbox, events }, ({ detach, prefix, sandbox, events }) =>
  Effect.gen(function* () {
    if (sandbox) return yield* tryOnSandboxes(Option.getOrNull(events))
    if (Option.isSome(events)) return yield* eventsWithoutSandbox
    const running = localAddresses()
    if (running !== null)
      return yield* show(toJson(running), (paint) =>
        describe(running, paint, `is up already, started by \`${running.startedBy}\``)
      )
    if (detach) {
      const addresses = yield* startDetached(prefix)
      return yield* show(toJson(addresses), (paint) => describe(addresses, paint, "is up; `./capi down` ends it"))
    }
    const output = yield* Output
    yield* Effect.scoped(
      Effect.gen(function* () {
        const onProgress = (line: string) => void process.stderr.write(`${line}\n`)
        const { broker, registry, topics } = yield* startLocal({ onProgress, prefix, startedBy: starter })
        const addresses = { brokers: broker.brokers, registryUrl: registry.url, owner: process.pid, ...starter }
        yield* show({ ...toJson(addresses), created: topics.created, different: topics.different }, (paint) =>
          describe(addresses, paint, "is up until Ctrl-C")
        )
        for (const { topic, setting, declared, present } of topics.different)
          yield* output.note(`${topic}: ${setting} is ${present}, declared is ${declared}.`)
        yield* Effect.never
      })
    )
  })
).pipe(
  Command.withDescription(
    "Start a local Kafka and schema registry (from the environment, Docker or jars), topics and schemas"
  ),
  Command.withExamples([
    { command: "./capi up --detach", description: "Start and return" },
    { command: "./capi up --sandbox --events events.jsonl", description: "What a file of connections makes of events" }
  ])
)

/** Ends with 1 if an event is not accounted for, or was refused before it was published. */
const tryOnSandboxes = Effect.fnUntraced(function* (events: string | null) {
  const json = yield* Json
  const output = yield* Output
  const { connectionsFile } = yield* loadFileSettings
  const { trySandbox } = yield* Effect.tryPromise({
    try: () => import("../try-sandbox.ts"),
    catch: (cause) =>
      new CommandError({
        code: "no_sandboxes",
        message: "The platforms' sandboxes are not here: the image has none.",
        nextStep: "Run it in a checkout of the repository, or by the installed package.",
        cause
      })
  })
  const onProgress = (line: string) => void process.stderr.write(`${line}\n`)
  const accounted = yield* Effect.scoped(trySandbox({ file: connectionsFile, events, json, onProgress }))
  yield* output.note(`No platform was contacted: ${connectionsFile} was tried on sandboxes, which are gone.`)
  if (!accounted)
    return yield* new CommandError({
      code: "not_accounted",
      message: "Not every event was published and has an outcome.",
      nextStep: "The table above shows where they stand; lines that were not sent are named at the beginning."
    })
})

const eventsWithoutSandbox = new CommandError({
  code: "invalid_flags",
  message: "--events belongs to --sandbox.",
  nextStep: "Give both, or publish to a running system with `./capi send`.",
  exitCode: 2
})

export const down = Command.make("down", {}, () =>
  Effect.gen(function* () {
    const running = localAddresses()
    if (running !== null) yield* checkMayEnd(running)
    if (running !== null) yield* endProcess(running.owner, Duration.seconds(30))
    yield* show({ stopped: running !== null }, () => (running === null ? "Nothing was up." : "Down."))
  })
).pipe(
  Command.withDescription("End what `./capi up` started; the data stays. Refuses where `make run` uses or started it")
)

const starter: Starter = { startedBy: "./capi up", howToEnd: "End it with `./capi down`." }

/** What another program started is that program's to end, and a demonstration that uses the broker must not lose it. */
const checkMayEnd = ({ startedBy, howToEnd, owner }: LocalAddresses): Effect.Effect<void, CommandError> => {
  const inUse = (message: string, nextStep: string) =>
    Effect.fail(new CommandError({ code: "in_use", message, nextStep }))
  if (startedBy !== starter.startedBy)
    return inUse(
      `The broker and the registry belong to \`${startedBy}\` (pid ${owner}), which runs; nothing was ended.`,
      howToEnd
    )
  const demo = runningDemo()
  return demo === null
    ? Effect.void
    : inUse(
        `\`${demoStarter.startedBy}\` (pid ${demo.pid}) runs on this broker; nothing was ended.`,
        `${demoStarter.howToEnd} Then run \`./capi down\` again.`
      )
}

const startDetached = Effect.fnUntraced(function* (prefix: string) {
  const logFile = path.join(defaultStateDirectory, "logs", "up.log")
  const log = yield* inFolder(defaultStateDirectory, () => {
    mkdirSync(path.dirname(logFile), { recursive: true })
    return openSync(logFile, "a")
  })
  const child = spawn(process.execPath, [commandLineFile(), "up", "--prefix", prefix], {
    detached: true,
    stdio: ["ignore", log, log]
  })
  closeSync(log)
  child.unref()
  yield* (yield* Output).note("Starting; the first time brings the jars and takes a while.")
  // Ends with the child, which limits each of its steps itself.
  for (;;) {
    const addresses = localAddresses()
    if (addresses !== null) return addresses
    if (child.pid === undefined || child.exitCode !== null || !isAlive(child.pid)) return yield* notStarted(logFile)
    yield* Effect.sleep("200 millis")
  }
})

const notStarted = (logFile: string) =>
  new CommandError({
    code: "not_started",
    message: logTail(logFile, 1)
      .trim()
      .replace(/^capi: /, ""),
    nextStep: `The whole log is ${path.relative(process.cwd(), logFile)}.`
  })

type Shown = Omit<LocalAddresses, "command">

const toJson = (addresses: Shown) => ({
  brokers: addresses.brokers,
  registry_url: addresses.registryUrl,
  pid: addresses.owner,
  started_by: addresses.startedBy
})

const describe = (addresses: Shown, paint: Paint, state: string): string =>
  [
    `KAFKA_BROKERS=${addresses.brokers}`,
    `SCHEMA_REGISTRY_URL=${addresses.registryUrl}`,
    paint("green", `Everything ${state}.`)
  ].join("\n")

/** The addresses of the local run, for a shell and for programs in other languages. */
export const env = Command.make("env", {}, () =>
  Effect.gen(function* () {
    const running = localAddresses()
    if (running === null)
      return yield* new CommandError({
        code: "not_up",
        message: "No local broker is up.",
        nextStep: "Start one with make run or ./capi up --detach."
      })
    const variables = {
      KAFKA_BROKERS: running.brokers,
      SCHEMA_REGISTRY_URL: running.registryUrl,
      ...(existsSync(localJarsFolder) ? { KAFKA_JARS: localJarsFolder } : {})
    }
    yield* show(variables, () =>
      Object.entries(variables)
        .map(([name, value]) => `export ${name}='${value.replaceAll("'", "'\\''")}'`)
        .join("\n")
    )
  })
).pipe(
  Command.withDescription("Print the local run's addresses as shell exports"),
  Command.withExamples([{ command: 'eval "$(./capi env)"', description: "Set them in this shell" }])
)
