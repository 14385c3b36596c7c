/** The settings that every program shares, decoded once from the environment. */
import { env } from "node:process"
import * as Config from "effect/Config"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as LogLevel from "effect/LogLevel"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import * as SchemaIssue from "effect/SchemaIssue"
import { otelConfig, otelOf, type TelemetrySettings } from "./otel.ts"
import { optional, SettingsError, textOr } from "./setting.ts"
import { settingsTable } from "./settings-table.ts"
import {
  type KafkaSettings,
  kafkaConfig,
  kafkaOf,
  type RegistrySettings,
  registryConfig,
  registryOf
} from "./transport.ts"
import { type VaultSettings, vaultConfig } from "./vault.ts"

export { SettingsError } from "./setting.ts"

export interface Settings {
  readonly kafka: KafkaSettings
  readonly registry: RegistrySettings
  /** Before the name of every topic, group, transactional id and registry subject. */
  readonly topicPrefix: string
  /** The topic that the normalizer reads and that replays begin from. */
  readonly eventLog: EventLog
  readonly connectionsFile: string
  /** How often it is looked at for changes; zero: at the start alone. */
  readonly connectionsEvery: Duration.Duration
  readonly credentialsFile: string
  /** Opens the credential store and seals personal data: the key, or a reference to it; null where none is set. */
  readonly masterKey: Redacted.Redacted | null
  /** Earlier master keys: they open what was sealed under them, and seal nothing. */
  readonly previousMasterKeys: ReadonlyArray<Redacted.Redacted>
  /** How often secrets of files and secret stores are read again. */
  readonly secretsEvery: Duration.Duration
  /** Null where VAULT_ADDR is not set. */
  readonly vault: VaultSettings | null
  /** How long a program waits at its start for the broker and the registry. */
  readonly startupTimeout: Duration.Duration
  /** Where /healthz, /readyz and /metrics answer; port 0 takes a free one. */
  readonly health: { readonly host: string; readonly port: number }
  readonly log: { readonly level: LogLevel.LogLevel; readonly format: LogFormat }
  /** Null where no telemetry is exported. */
  readonly telemetry: TelemetrySettings | null
}

/** `sealed-events`: the normalizer's program seals raw events for each person first, so that a person can be erased. */
const eventLogs = ["raw-events", "sealed-events"] as const
export type EventLog = (typeof eventLogs)[number]

/** `auto`: pretty on a terminal, JSON elsewhere. */
const logFormats = ["auto", "json", "pretty"] as const
type LogFormat = (typeof logFormats)[number]

/** The decoded settings, for layers that need them. */
export class SettingsService extends Context.Service<SettingsService, Settings>()("shared/config/Settings") {
  /** Reads the current `ConfigProvider`. */
  static readonly layer: Layer.Layer<SettingsService, SettingsError> = Layer.effect(
    SettingsService,
    Effect.suspend(() => loadSettings)
  )
}

const PortOrFree = Schema.FiniteFromString.check(Schema.isInt(), Schema.isBetween({ minimum: 0, maximum: 65_535 }))

/** A port; 0, the default, asks for a free one, which `Config.Port` would refuse. */
export const portOrFree = (name: string): Config.Config<number> =>
  Config.schema(PortOrFree, name).pipe(Config.withDefault(0))

/** Kafka's names hold no other characters, and at most 249 with what follows the prefix. */
const TopicPrefix = Schema.String.check(Schema.isPattern(/^[A-Za-z0-9._-]{0,100}$/))

/** The part of the settings that names files and their key: all that tools without a broker need. */
export type FileSettings = Pick<
  Settings,
  "connectionsFile" | "credentialsFile" | "masterKey" | "previousMasterKeys" | "secretsEvery" | "vault"
>

const files = {
  connectionsFile: textOr("CAPI_CONNECTIONS"),
  connectionsEvery: Config.Duration("CAPI_CONNECTIONS_EVERY").pipe(Config.withDefault(Duration.zero)),
  credentialsFile: textOr("CAPI_CREDENTIALS_FILE"),
  masterKey: optional(Config.Redacted("CAPI_MASTER_KEY")),
  previousMasterKeys: Config.map(optional(Config.Redacted("CAPI_MASTER_KEY_PREVIOUS")), (keys) =>
    keys === null
      ? []
      : Redacted.value(keys)
          .split(",")
          .map((key) => key.trim())
          .filter((key) => key !== "")
          .map((key) => Redacted.make(key))
  ),
  secretsEvery: Config.Duration("CAPI_SECRETS_EVERY").pipe(Config.withDefault(Duration.seconds(30))),
  vault: vaultConfig
}

/** For commands that need no other setting. */
export const eventLogSetting = Config.Literals(eventLogs, "CAPI_EVENT_LOG").pipe(
  Config.withDefault("raw-events" as const)
)

/** The one description of the shared settings; see `settings-table.ts` for what each means. */
const settings = Config.all({
  kafka: kafkaConfig,
  registry: registryConfig,
  topicPrefix: Config.schema(TopicPrefix, "CAPI_TOPIC_PREFIX").pipe(Config.withDefault("")),
  eventLog: eventLogSetting,
  ...files,
  startupTimeout: Config.Duration("STARTUP_TIMEOUT").pipe(Config.withDefault(Duration.minutes(1))),
  health: Config.all({
    host: textOr("HOST"),
    port: portOrFree("PORT")
  }),
  log: Config.all({
    level: Config.LogLevel("LOG_LEVEL").pipe(Config.withDefault("Info" as const)),
    format: Config.Literals(logFormats, "LOG_FORMAT").pipe(Config.withDefault("auto" as const))
  }),
  telemetry: otelConfig
})

/** Decodes settings from the current `ConfigProvider`; a failure names the variable and what it should hold. */
export const decodeSettings = <A>(config: Config.Config<A>): Effect.Effect<A, SettingsError> =>
  Effect.mapError(
    Effect.suspend(() => config),
    toSettingsError
  )

export const loadSettings: Effect.Effect<Settings, SettingsError> = Effect.suspend(() => decodeSettings(settings)).pipe(
  Effect.flatMap(
    Effect.fnUntraced(function* (read) {
      const kafka = yield* Effect.fromResult(kafkaOf(read.kafka))
      const registry = yield* Effect.fromResult(registryOf(read.registry))
      return { ...read, kafka, registry, telemetry: yield* Effect.fromResult(otelOf(read.telemetry)) }
    })
  )
)

/** Decodes the file settings alone. */
export const loadFileSettings: Effect.Effect<FileSettings, SettingsError> = Effect.suspend(() =>
  decodeSettings(Config.all(files))
)

/** Names the variable, what it should hold, and an example. */
const toSettingsError = (error: Config.ConfigError): SettingsError => {
  const issue = error.cause._tag === "SchemaError" ? formatIssues(error.cause.issue).issues[0] : undefined
  const name = typeof issue?.path?.[0] === "string" ? issue.path[0] : null
  const row = settingsTable.find((candidate) => candidate.name === name)
  return new SettingsError({
    code: issue?.message === missing ? "missing" : "invalid",
    message:
      name === null || issue === undefined
        ? `A setting is wrong: ${error.message.replaceAll(/\s+/g, " ")}.`
        : issue.message === missing
          ? `The setting ${name} is missing${row === undefined ? "" : `: ${row.description}`}`
          : `The setting ${name} is wrong: ${issue.message.replace("Expected", "expected")}.`,
    nextStep:
      row === undefined
        ? "Check the environment variables of this program."
        : `Set the environment variable ${row.name}, such as ${row.name}=${row.example}${row.name === "KAFKA_BROKERS" ? orLocal : ""}.`,
    cause: null
  })
}

const orLocal = ", or start a local broker with `./capi up`"

/** An environment variable is a string, or absent: then its type is what is wrong. */
const missing = "missing"
const formatIssues = SchemaIssue.makeFormatterStandardSchemaV1({
  leafHook: (issue) =>
    issue._tag === "InvalidType" || issue._tag === "MissingKey" ? missing : SchemaIssue.defaultLeafHook(issue)
})

/** The edge to the process's environment: the only place in `shared` that reads it. */

/**
 * Environment variables, an empty one counting as absent, as compose files and shells leave them. One that ends with a carriage return
 * comes from a file with Windows line endings, which a shell has read: no password ends so.
 */
export const environment = (
  variables: Readonly<Record<string, string | undefined>> = env
): Readonly<Record<string, string>> => {
  const present: Record<string, string> = {}
  for (const [name, value] of Object.entries(variables))
    if (value !== undefined && value.trim() !== "") present[name] = value.endsWith("\r") ? value.slice(0, -1) : value
  return present
}

/** A provider over the environment. */
export const environmentProvider = (
  variables?: Readonly<Record<string, string | undefined>>
): ConfigProvider.ConfigProvider => ConfigProvider.fromEnvRecord(environment(variables))
