/**
 * `./capi up --sandbox`: one's file of connections against the platforms' sandboxes, on a broker that is thrown away afterwards. No
 * real platform is contacted and no real credential is read: the programs get a copy of the file in which every host is a
 * sandbox's and every credential the sandbox's.
 */
import { randomBytes } from "node:crypto"
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import path from "node:path"
import process from "node:process"
import * as Clock from "effect/Clock"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { parseDocument, stringify } from "yaml"
import { registryLayer } from "../../shared/codec/registry.ts"
import { environment } from "../../shared/config/settings.ts"
import type { Connection } from "../../shared/connections/connection.ts"
import { loadConnections } from "../../shared/connectors/load-connections.ts"
import { connectorFor } from "../../shared/connectors/registry.ts"
import { layerKafka } from "../../shared/kafka/kafkajs/adapter.ts"
import { readLedger } from "../../shared/ledger/read-ledger.ts"
import { monotonicMillis } from "../../shared/model/monotonic.ts"
import { type ConnectorKind, platformOf } from "../../shared/model/platform.ts"
import { spawnGuarded } from "../local/guarded-spawn.mjs"
import { freePort } from "../local/ports.ts"
import { commandLineFile } from "../local/program-files.ts"
import { type RunningProgram, startProgram, stopProgram, untilReady, watchPrograms } from "../local/run-programs.ts"
import { startLocal } from "../local/start-local.ts"
import { type Sandbox, sandboxCredentials, startSandbox } from "../sandbox/sandbox.ts"
import { CommandError } from "./cli.ts"

export interface SandboxTry {
  /** The file of connections. */
  readonly file: string
  /** A file of raw events, `-` for standard input, null for the sample events. */
  readonly events: string | null
  readonly json: boolean
  readonly onProgress: (line: string) => void
}

/** How long nothing may move before the outcomes are shown as they are. */
const stallMillisMax = 20_000
const settleMillisMax = 300_000

/** True if every event is accounted for. */
export const trySandbox = Effect.fn("trySandbox")(function* (options: SandboxTry) {
  const { onProgress } = options
  const folder = yield* Effect.acquireRelease(
    Effect.sync(() => mkdtempSync(path.join(tmpdir(), "capi-sandbox-"))),
    (made) => Effect.sync(() => rmSync(made, { recursive: true, force: true }))
  )
  const { sandbox, connections, file, webhookPort } = yield* prepare(options.file, folder)
  const enabled = connections.filter((connection) => connection.enabled)
  if (enabled.length === 0)
    return yield* new CommandError({
      code: "nothing_enabled",
      message: `${options.file} has no enabled connection.`,
      nextStep: "Enable one, or name another file with CAPI_CONNECTIONS.",
      exitCode: 2
    })
  // A shell may name a real broker: nothing of it counts here.
  const elsewhere = Object.fromEntries(
    Object.keys(process.env).flatMap((name) => (isOfBroker(name) ? [[name, ""]] : []))
  )
  const { broker, registry } = yield* startLocal({
    stateDirectory: folder,
    ending: "kill",
    fastStart: true,
    onProgress
  }).pipe(
    Effect.provide(ConfigProvider.layer(ConfigProvider.fromEnv({ env: { ...definedEnvironment(), ...elsewhere } })))
  )
  const variables = {
    ...elsewhere,
    ...sandbox.environment,
    KAFKA_BROKERS: broker.brokers,
    SCHEMA_REGISTRY_URL: registry.url,
    CAPI_TOPIC_PREFIX: "",
    CAPI_CONNECTIONS: file,
    CAPI_CREDENTIALS_FILE: path.join(folder, "credentials.json"),
    CAPI_MASTER_KEY: randomBytes(32).toString("base64"),
    CAPI_MASTER_KEY_PREVIOUS: "",
    CAPI_WEBHOOK_PORT: String(webhookPort)
  }
  const programs = ["normalizer", "mapper", ...new Set(enabled.map(({ platform }) => `delivery-${platform}`))]
  onProgress(`Starting ${programs.join(", ")}.`)
  const running = yield* Effect.acquireRelease(
    startProgram({
      name: "capi",
      folder,
      environment: variables,
      command: [commandLineFile(), "run", "--together", ...programs]
    }),
    (program: RunningProgram) => stopProgram(program)
  )
  const capi = (...args: ReadonlyArray<string>) =>
    runCommand([...args, ...(options.json ? ["--json"] : [])], { ...process.env, ...variables })
  const work = Effect.gen(function* () {
    yield* untilReady(running)
    const from = yield* Clock.currentTimeMillis
    const sent = yield* capi("send", ...(options.events === null ? ["--samples"] : [options.events]))
    const settled = yield* untilSettled(enabled, from)
    yield* capi("results", "--limit", "1000")
    yield* capi("dead-letters", "list")
    yield* capi("results", "--summary")
    return sent === 0 && settled
  })
  const services = Layer.merge(
    layerKafka({ brokers: broker.brokers.split(",") }),
    registryLayer({ url: registry.url, prefix: "" })
  )
  return yield* Effect.raceFirst(
    work,
    watchPrograms(() => [running])
  ).pipe(Effect.provide(services))
})

const isOfBroker = (name: string): boolean => /^(?:KAFKA|SCHEMA_REGISTRY)_/.test(name) && name !== "KAFKA_JARS"
const definedEnvironment = (): Readonly<Record<string, string>> =>
  Object.fromEntries(Object.entries(process.env).filter((entry): entry is [string, string] => entry[1] !== undefined))

/** The sandboxes, and the copy of the file that knows nothing but them. */
const prepare = Effect.fnUntraced(function* (original: string, folder: string) {
  const webhookPort = yield* freePort
  const probe = yield* Effect.scoped(Effect.flatMap(startSandbox(), (sandbox) => readFile(original, sandbox)))
  const messages = probe.find(({ kind, enabled }) => enabled && connectorFor(kind).webhook !== undefined)
  const url = `http://127.0.0.1:${webhookPort}/webhooks/${messages?.platform ?? ""}/${messages?.id ?? ""}`
  const sandbox = yield* startSandbox({ whatsapp: { webhook: { url, appSecret: randomBytes(24).toString("hex") } } })
  const file = path.join(folder, "connections.yaml")
  writeFileSync(file, sandboxed(readFileSync(original, "utf8"), sandbox))
  const connections = yield* readFile(file, sandbox)
  yield* checkHosts(connections)
  return { sandbox, connections, file, webhookPort }
})

/** Mistakes are reported with the places of the original; the sandbox stands behind variables that are not set. */
const readFile = (file: string, sandbox: Sandbox) =>
  loadConnections(file, { ...environment(), ...sandbox.environment }).pipe(
    Effect.map(({ connections }): ReadonlyArray<Connection> => connections)
  )

/** The file's text with the sandboxes' hosts and credentials in every connection; everything else is as it was. */
export const sandboxed = (text: string, sandbox: Pick<Sandbox, "environment">): string => {
  const content = parseDocument(text, { merge: true }).toJS({ maxAliasCount: 1_000 }) as FileContent
  const credentials = sandboxCredentials()
  const connections = (content.connections ?? []).map((connection) => {
    const kind = connection.platform as ConnectorKind
    const prefix = String(kind).replaceAll("-", "_").toUpperCase()
    const account = Object.entries(connection.account ?? {}).filter(([key]) => !key.endsWith("_host"))
    const hosts = connectorFor(kind)
      .account.optional.filter((key) => key.endsWith("_host"))
      .map((key) => [key, sandbox.environment[`${platformOf(kind)}_${key}`.toUpperCase()]])
    return {
      ...connection,
      account: { ...Object.fromEntries(account), ...Object.fromEntries(hosts) },
      endpoint: { ...connection.endpoint, host: sandbox.environment[`${prefix}_HOST`] },
      credential: `env:${credentials[kind]?.variable ?? "NONE"}`
    }
  })
  return stringify({ ...content, connections })
}

interface FileContent {
  readonly connections?: ReadonlyArray<{
    readonly platform?: unknown
    readonly account?: Readonly<Record<string, unknown>>
    readonly endpoint?: Readonly<Record<string, unknown>>
  }>
}

/** The last look before anything is sent: every host is this machine. */
export const checkHosts = (connections: ReadonlyArray<Connection>) => {
  const outer = connections.flatMap(({ id, account, endpoint }) =>
    [
      endpoint.host,
      ...Object.entries(account).flatMap(([key, value]) => (key.endsWith("_host") ? [String(value)] : []))
    ]
      .filter((host) => new URL(host).hostname !== "127.0.0.1")
      .map((host) => `${id}: ${host}`)
  )
  return outer.length === 0
    ? Effect.void
    : Effect.fail(
        new CommandError({
          code: "not_sandboxed",
          message: `These connections would reach a real platform: ${outer.join(", ")}. Nothing was sent.`,
          nextStep: "Report it with the file, without its secrets."
        })
      )
}

/** A command of this command line, whose output is ours; its exit code. */
const runCommand = (args: ReadonlyArray<string>, env: NodeJS.ProcessEnv): Effect.Effect<number> =>
  Effect.callback((resume) => {
    const child = spawnGuarded(process.execPath, [commandLineFile(), ...args], { env, stdio: "inherit" })
    child.once("error", () => resume(Effect.succeed(1)))
    child.once("exit", (code) => resume(Effect.succeed(code ?? 1)))
  })

/** Whether every event has an outcome at every connection, once that is so or nothing moves any more. */
const untilSettled = Effect.fnUntraced(function* (enabled: ReadonlyArray<Connection>, from: number) {
  const begun = yield* monotonicMillis
  let before = ""
  let movedAt = begun
  for (;;) {
    const now = yield* monotonicMillis
    const balance = yield* readLedger({ from, to: (yield* Clock.currentTimeMillis) + 1 }, enabled, "")
    const moves = JSON.stringify([balance.raw, balance.inFlightRaw, balance.connections])
    if (moves !== before) movedAt = now
    before = moves
    const decided = balance.inFlightRaw === 0 && balance.connections.every(({ inFlight }) => inFlight === 0)
    const final = decided && balance.connections.every(({ outcomes }) => outcomes.accepted === 0)
    const rests = now - movedAt > (decided ? 5_000 : stallMillisMax) || now - begun > settleMillisMax
    if (final || rests) return decided && balance.balanced
    yield* Effect.sleep("500 millis")
  }
})
