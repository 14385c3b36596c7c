/**
 * The settings of OpenTelemetry, by the names of its specification ("Environment Variable Specification", "OTLP Exporter
 * Configuration"). Where a default differs from the specification's, the table says so.
 */
import * as Config from "effect/Config"
import * as Duration from "effect/Duration"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import type { TlsOptions } from "../http/http-request.ts"
import { optional, SettingsError, text } from "./setting.ts"
import { keyFile, pemFile, tlsOf } from "./tls.ts"
import { flag, withoutTrailingSlashes } from "./transport.ts"

const samplers = [
  "always_on",
  "always_off",
  "traceidratio",
  "parentbased_always_on",
  "parentbased_always_off",
  "parentbased_traceidratio"
] as const
export type SamplerName = (typeof samplers)[number]

export interface TelemetrySettings {
  /** The collector's address, to which `/v1/traces`, `/v1/metrics` and `/v1/logs` are appended. */
  readonly endpoint: string
  readonly headers: Redacted.Redacted<Readonly<Record<string, string>>>
  /** JSON costs a sixth of the processor time of Effect's Protobuf (docs/performance.md). */
  readonly protocol: "http/json" | "http/protobuf"
  readonly compression: "none" | "gzip"
  /** Of one request. */
  readonly timeout: Duration.Duration
  readonly tls: TlsOptions
  /** Null: from the program's name. */
  readonly serviceName: string | null
  readonly resource: Readonly<Record<string, string>>
  readonly traces: boolean
  readonly metrics: boolean
  readonly logs: boolean
  readonly sampler: { readonly name: SamplerName; readonly ratio: number }
  /** Spans, and log records, that may wait for the collector; each. */
  readonly queueItemsMax: number
  readonly batchItemsMax: number
  readonly exportEvery: Duration.Duration
  readonly metricsEvery: Duration.Duration
}

const exporter = (config: Config.Config<"otlp" | "none">, byDefault: "otlp" | "none") =>
  Config.map(Config.withDefault(config, byDefault), (name) => name === "otlp")
const exporters = ["otlp", "none"] as const
const protocols = ["http/json", "http/protobuf"] as const
const compressions = ["none", "gzip"] as const

const millis = (config: Config.Config<number>, byDefault: number) =>
  Config.map(Config.withDefault(config, byDefault), (value) => Duration.millis(value))

/** As the environment has it; `otelOf` says whether it is safe. */
export const otelConfig = Config.all({
  disabled: flag("OTEL_SDK_DISABLED"),
  endpoint: optional(Config.map(text("OTEL_EXPORTER_OTLP_ENDPOINT"), withoutTrailingSlashes)),
  headers: optional(Config.Redacted("OTEL_EXPORTER_OTLP_HEADERS")),
  insecure: flag("OTEL_EXPORTER_OTLP_INSECURE"),
  protocol: Config.Literals(protocols, "OTEL_EXPORTER_OTLP_PROTOCOL").pipe(Config.withDefault("http/json" as const)),
  compression: Config.Literals(compressions, "OTEL_EXPORTER_OTLP_COMPRESSION").pipe(
    Config.withDefault("none" as const)
  ),
  timeout: millis(Config.Int("OTEL_EXPORTER_OTLP_TIMEOUT"), 10_000),
  pem: Config.all({
    ca: pemFile("OTEL_EXPORTER_OTLP_CERTIFICATE"),
    cert: pemFile("OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE"),
    key: keyFile("OTEL_EXPORTER_OTLP_CLIENT_KEY"),
    passphrase: Config.succeed(null)
  }),
  serviceName: optional(text("OTEL_SERVICE_NAME")),
  resource: optional(text("OTEL_RESOURCE_ATTRIBUTES")),
  traces: exporter(Config.Literals(exporters, "OTEL_TRACES_EXPORTER"), "otlp"),
  metrics: exporter(Config.Literals(exporters, "OTEL_METRICS_EXPORTER"), "none"),
  logs: exporter(Config.Literals(exporters, "OTEL_LOGS_EXPORTER"), "none"),
  sampler: Config.Literals(samplers, "OTEL_TRACES_SAMPLER").pipe(
    Config.withDefault("parentbased_traceidratio" as const)
  ),
  ratio: Config.Finite("OTEL_TRACES_SAMPLER_ARG").pipe(Config.withDefault(0.01)),
  queueItemsMax: Config.Int("OTEL_BSP_MAX_QUEUE_SIZE").pipe(Config.withDefault(2_048)),
  exportEvery: millis(Config.Int("OTEL_BSP_SCHEDULE_DELAY"), 5_000),
  metricsEvery: millis(Config.Int("OTEL_METRIC_EXPORT_INTERVAL"), 60_000)
})

/** Null where nothing is exported. Fails where a secret would go over plaintext, and for values that mean nothing. */
export const otelOf = (
  read: Config.Success<typeof otelConfig>
): Result.Result<TelemetrySettings | null, SettingsError> => {
  const { endpoint, disabled, headers, resource, pem, sampler, ratio, insecure, ...rest } = read
  if (endpoint === null || disabled || !(rest.traces || rest.metrics || rest.logs)) return Result.succeed(null)
  const url = URL.canParse(endpoint) ? new URL(endpoint) : null
  if (url === null || !/^https?:$/.test(url.protocol) || url.username !== "" || url.password !== "")
    return invalid("OTEL_EXPORTER_OTLP_ENDPOINT", "is no http(s) address without a login", "http://localhost:4318")
  const tls = tlsOf("OTEL_EXPORTER_OTLP", pem, { ca: "CERTIFICATE", cert: "CLIENT_CERTIFICATE", key: "CLIENT_KEY" })
  if (Result.isFailure(tls)) return Result.fail(tls.failure)
  const sent = pairsOf(headers === null ? null : Redacted.value(headers))
  if (sent === null) return invalid("OTEL_EXPORTER_OTLP_HEADERS", "is not name=value, …", "api-key=…")
  const attributes = pairsOf(resource)
  if (attributes === null)
    return invalid("OTEL_RESOURCE_ATTRIBUTES", "is not name=value, …", "deployment.environment.name=production")
  if (Object.keys(sent).length > 0 && url.protocol === "http:" && !isLoopback(url.hostname) && !insecure)
    return Result.fail(plaintext)
  if (ratio < 0 || ratio > 1) return invalid("OTEL_TRACES_SAMPLER_ARG", "is not between 0 and 1", "0.01")
  if (rest.queueItemsMax < 1) return invalid("OTEL_BSP_MAX_QUEUE_SIZE", "is not above 0", "2048")
  return Result.succeed({
    ...rest,
    endpoint,
    headers: Redacted.make(sent, { label: "OTEL_EXPORTER_OTLP_HEADERS" }),
    tls: tls.success,
    resource: attributes,
    sampler: { name: sampler, ratio },
    batchItemsMax: Math.min(512, rest.queueItemsMax)
  })
}

/** `name=value`, separated by commas, values percent-encoded as in W3C Baggage; null where it is something else. */
const pairsOf = (value: string | null): Readonly<Record<string, string>> | null => {
  const pairs: Record<string, string> = {}
  for (const pair of (value ?? "").split(",")) {
    if (pair.trim() === "") continue
    const at = pair.indexOf("=")
    const name = pair.slice(0, Math.max(0, at)).trim()
    const decoded = Result.try({ try: () => decodeURIComponent(pair.slice(at + 1).trim()), catch: () => null })
    if (name === "" || Result.isFailure(decoded) || /[\r\n]/.test(decoded.success)) return null
    pairs[name] = decoded.success
  }
  return pairs
}

const isLoopback = (host: string): boolean => host === "localhost" || host === "[::1]" || /^127\./.test(host)

const invalid = (name: string, what: string, example: string): Result.Result<never, SettingsError> =>
  Result.fail(
    new SettingsError({
      code: "invalid",
      message: `The setting ${name} is wrong: it ${what}.`,
      nextStep: `Set the environment variable ${name}, such as ${name}=${example}.`,
      cause: null
    })
  )

const plaintext = new SettingsError({
  code: "plaintext",
  message: "OTEL_EXPORTER_OTLP_HEADERS is set, but the connection to the collector is not encrypted.",
  nextStep:
    "Set OTEL_EXPORTER_OTLP_ENDPOINT to an https:// address; only in a network that you trust, OTEL_EXPORTER_OTLP_INSECURE=true.",
  cause: null
})
