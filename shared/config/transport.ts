/**
 * The way to Kafka and to the schema registry, as settings: TLS, client certificates and logins. What is secret never goes over
 * plaintext, unless a setting allows it by name.
 */
import * as Config from "effect/Config"
import * as Duration from "effect/Duration"
import type * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import type { TlsOptions } from "../http/http-request.ts"
import { wrongBroker } from "./brokers.ts"
import { invalid, optional, SettingsError, text, textOr } from "./setting.ts"
import { keyFile, type Pem, pemFile, tlsOf } from "./tls.ts"

export interface KafkaSettings {
  readonly brokers: ReadonlyArray<string>
  readonly clientId: string
  readonly ssl: boolean | TlsOptions
  readonly sasl: SaslSettings | null
  /** An instance that isn't heard of for this long loses its partitions. */
  readonly sessionTimeoutMillis: number
  /** Of the events between the programs. */
  readonly compression: Compression
}

const compressions = ["zstd", "none"] as const
export type Compression = (typeof compressions)[number]

const passwordMechanisms = ["plain", "scram-sha-256", "scram-sha-512"] as const
const mechanisms = [...passwordMechanisms, "oauthbearer"] as const

export interface PasswordLogin {
  readonly mechanism: (typeof passwordMechanisms)[number]
  readonly username: string
  readonly password: Redacted.Redacted
}

/** A token of the client credentials flow (RFC 6749, 4.4). */
export interface TokenLogin {
  readonly mechanism: "oauthbearer"
  readonly tokenUrl: string
  readonly clientId: string
  readonly clientSecret: Redacted.Redacted
  readonly scope: string | null
  readonly audience: string | null
  /** SASL extensions (RFC 7628), such as `logicalCluster`. */
  readonly extensions: Readonly<Record<string, string>>
  readonly tls: TlsOptions
}

export type SaslSettings = PasswordLogin | TokenLogin

export interface RegistrySettings {
  readonly url: string
  readonly username: string | null
  readonly password: Redacted.Redacted | null
  readonly tls: TlsOptions
}

export const flag = (name: string) => Config.Boolean(name).pipe(Config.withDefault(false))

const passwordLogin = (mechanism: PasswordLogin["mechanism"], username: string): Config.Config<PasswordLogin> =>
  Config.map(Config.Redacted("KAFKA_SASL_PASSWORD"), (password) => ({ mechanism, username, password }))

const tokenLogin: Config.Config<TokenLogin> = Config.map(
  Config.all({
    tokenUrl: text("KAFKA_OAUTH_TOKEN_URL"),
    clientId: text("KAFKA_OAUTH_CLIENT_ID"),
    clientSecret: Config.Redacted("KAFKA_OAUTH_CLIENT_SECRET"),
    scope: optional(text("KAFKA_OAUTH_SCOPE")),
    audience: optional(text("KAFKA_OAUTH_AUDIENCE")),
    extensions: Config.map(optional(text("KAFKA_OAUTH_EXTENSIONS")), extensionsOf),
    ca: pemFile("KAFKA_OAUTH_CA")
  }),
  ({ ca, ...login }) => ({ ...login, mechanism: "oauthbearer", tls: ca === null ? {} : { ca } })
)

/** `name=value`, separated by commas. */
function extensionsOf(value: string | null): Readonly<Record<string, string>> {
  const pairs = (value ?? "").split(",").flatMap((pair) => {
    const at = pair.indexOf("=")
    return at <= 0 ? [] : [[pair.slice(0, at).trim(), pair.slice(at + 1).trim()] as const]
  })
  return Object.fromEntries(pairs)
}

/** Half a pair is a mistake: as soon as a user name is given, the password must be, too. */
const login: Config.Config<SaslSettings | null> = Config.flatMap(
  Config.all({
    mechanism: Config.Literals(mechanisms, "KAFKA_SASL_MECHANISM").pipe(Config.withDefault("plain" as const)),
    username: optional(text("KAFKA_SASL_USERNAME"))
  }),
  ({ mechanism, username }): Config.Config<SaslSettings | null> => {
    if (mechanism === "oauthbearer") return tokenLogin
    return username === null ? Config.succeed(null) : passwordLogin(mechanism, username)
  }
)

/** The other half: no login would be used, and the broker closes the connection without a reason. */
const passwordAlone = (username: string, passwordSet: boolean, usernameSet: boolean): SettingsError | null =>
  passwordSet && !usernameSet
    ? invalid(`${username.replace("USERNAME", "PASSWORD")} is set without ${username}.`, `Set ${username} too.`)
    : null

/** As the environment has it; `kafkaOf` says whether it is safe. */
export const kafkaConfig = Config.all({
  brokers: Config.map(text("KAFKA_BROKERS"), (value) =>
    value
      .split(",")
      .map((broker) => broker.trim())
      .filter((broker) => broker !== "")
  ),
  clientId: textOr("KAFKA_CLIENT_ID"),
  on: flag("KAFKA_SSL"),
  pem: Config.all({
    ca: pemFile("KAFKA_SSL_CA"),
    cert: pemFile("KAFKA_SSL_CERT"),
    key: keyFile("KAFKA_SSL_KEY"),
    passphrase: optional(Config.Redacted("KAFKA_SSL_KEY_PASSWORD"))
  }),
  sasl: login,
  saslPassword: optional(Config.Redacted("KAFKA_SASL_PASSWORD")),
  allowPlaintext: flag("KAFKA_ALLOW_PLAINTEXT"),
  sessionTimeoutMillis: Config.map(
    Config.Duration("KAFKA_SESSION_TIMEOUT").pipe(Config.withDefault(Duration.seconds(30))),
    Duration.toMillis
  ),
  compression: Config.Literals(compressions, "KAFKA_COMPRESSION").pipe(Config.withDefault("zstd" as const))
})

export const registryConfig = Config.all({
  url: Config.map(text("SCHEMA_REGISTRY_URL"), withoutTrailingSlashes),
  username: optional(text("SCHEMA_REGISTRY_USERNAME")),
  password: optional(Config.Redacted("SCHEMA_REGISTRY_PASSWORD")),
  pem: Config.all({
    ca: pemFile("SCHEMA_REGISTRY_CA"),
    cert: pemFile("SCHEMA_REGISTRY_CERT"),
    key: keyFile("SCHEMA_REGISTRY_KEY"),
    passphrase: optional(Config.Redacted("SCHEMA_REGISTRY_KEY_PASSWORD"))
  }),
  allowPlaintext: flag("SCHEMA_REGISTRY_ALLOW_PLAINTEXT")
})

/** Fails where a broker has no port, a certificate or a login would go over plaintext, or a certificate and its key do not fit. */
export const kafkaOf = (read: Config.Success<typeof kafkaConfig>): Result.Result<KafkaSettings, SettingsError> => {
  const { on, pem, allowPlaintext, saslPassword, ...settings } = read
  const { sasl } = settings
  const half = passwordAlone("KAFKA_SASL_USERNAME", saslPassword !== null, sasl !== null)
  if (half !== null) return Result.fail(half)
  const noBroker = wrongBroker(settings.brokers)
  if (noBroker !== null) return Result.fail(noBroker)
  const tls = tlsOf("KAFKA_SSL", pem)
  if (Result.isFailure(tls)) return Result.fail(tls.failure)
  if (!on && !allowPlaintext) {
    const given = pemNamed("KAFKA_SSL", pem) ?? (sasl === null ? null : secretOf(sasl))
    if (given !== null) return Result.fail(plaintext(given, "Kafka", "KAFKA_SSL=true", "KAFKA_ALLOW_PLAINTEXT"))
  }
  if (sasl?.mechanism === "oauthbearer" && !isSecure(sasl.tokenUrl) && !allowPlaintext)
    return Result.fail(
      plaintext(
        "KAFKA_OAUTH_CLIENT_SECRET",
        "the token endpoint",
        "KAFKA_OAUTH_TOKEN_URL to an https:// address",
        "KAFKA_ALLOW_PLAINTEXT"
      )
    )
  const ssl = on && Object.keys(tls.success).length > 0 ? tls.success : on
  return Result.succeed({ ...settings, ssl })
}

/** As `kafkaOf`, for the registry: what is secret goes to https:// addresses alone. */
export const registryOf = (
  read: Config.Success<typeof registryConfig>
): Result.Result<RegistrySettings, SettingsError> => {
  const { url, username, password, pem, allowPlaintext } = read
  if (!URL.canParse(url) || !/^https?:$/.test(new URL(url).protocol))
    return Result.fail(
      invalid(
        "SCHEMA_REGISTRY_URL is no address that begins with http:// or https://.",
        "Give the whole address, such as SCHEMA_REGISTRY_URL=http://localhost:8081."
      )
    )
  const half = passwordAlone("SCHEMA_REGISTRY_USERNAME", password !== null, username !== null)
  if (half !== null) return Result.fail(half)
  const tls = tlsOf("SCHEMA_REGISTRY", pem)
  if (Result.isFailure(tls)) return Result.fail(tls.failure)
  if (!isSecure(url) && !allowPlaintext) {
    const inAddress = URL.canParse(url) && new URL(url).password !== "" ? "The password in SCHEMA_REGISTRY_URL" : null
    const given = pemNamed("SCHEMA_REGISTRY", pem) ?? (username === null ? inAddress : "SCHEMA_REGISTRY_PASSWORD")
    if (given !== null)
      return Result.fail(
        plaintext(
          given,
          "the schema registry",
          "SCHEMA_REGISTRY_URL to an https:// address",
          "SCHEMA_REGISTRY_ALLOW_PLAINTEXT"
        )
      )
  }
  return Result.succeed({ url, username, password, tls: tls.success })
}

const isSecure = (url: string): boolean => /^https:/i.test(url)

const secretOf = (sasl: SaslSettings): string =>
  sasl.mechanism === "oauthbearer" ? "The token of KAFKA_SASL_MECHANISM=oauthbearer" : "KAFKA_SASL_PASSWORD"

/** The first of the settings that only make sense over TLS. */
const pemNamed = (prefix: string, { ca, cert, key }: Pem): string | null => {
  if (ca !== null) return `${prefix}_CA`
  if (cert !== null) return `${prefix}_CERT`
  return key === null ? null : `${prefix}_KEY`
}

const plaintext = (given: string, target: string, remedy: string, allow: string) =>
  new SettingsError({
    code: "plaintext",
    message: `${given} is set, but the connection to ${target} is not encrypted.`,
    nextStep: `Set ${remedy}; only in a network that you trust, ${allow}=true.`,
    cause: null
  })

/** An address without the slashes at its end, found from the end. */
export function withoutTrailingSlashes(address: string): string {
  let end = address.length
  while (end > 0 && address.charCodeAt(end - 1) === slash) end--
  return address.slice(0, end)
}

const slash = 0x2f
