/** The Kafka port on kafkajs. Only the files of this folder import that client. */

import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import type { Kafka, KafkaConfig, LogEntry, SASLOptions } from "kafkajs"
import type { TokenLogin } from "../../config/transport.ts"
import { type HttpResponse, nodeTlsOptions, sendRequest } from "../../http/http-request.ts"
import { KafkaClient } from "../client.ts"
import { type KafkaOptions, type ResolvedKafkaOptions, resolveKafkaOptions } from "../options.ts"
import { openAdmin } from "./admin.ts"
import { openCluster } from "./cluster.ts"
import { retryPolicy } from "./errors.ts"
import { joinGroup } from "./member.ts"
import kafkajs from "./patches/index.ts"
import { pooledSocket } from "./patches/network.ts"
import { batchSizesOf, openIdempotent, openTransactional } from "./producer.ts"
import { readRanges } from "./reader.ts"

/** Connects at the first use; nothing here fails while the broker is away. */
export const layerKafka = (given: KafkaOptions): Layer.Layer<KafkaClient> =>
  Layer.effect(
    KafkaClient,
    Effect.gen(function* () {
      const options = resolveKafkaOptions(given)
      const kafka = makeKafkaJs(options, yield* Effect.context<never>())
      const cluster = yield* openCluster(kafka)
      const admin = yield* openAdmin(kafka, cluster)
      const sizes = batchSizesOf(options)
      const produce = yield* openIdempotent(kafka, options, sizes)
      return KafkaClient.of({
        ...admin,
        join: (member) => joinGroup(kafka, options, member),
        transactional: (transactionalId) => openTransactional(kafka, options, sizes, transactionalId),
        produce,
        read: (read) => readRanges(kafka, cluster, options, read)
      })
    })
  )

/** A client of kafkajs whose retries are bounded, and whose logs become Effect logs. */
export const makeKafkaJs = (options: ResolvedKafkaOptions, context: Context.Context<never>): Kafka => {
  const config: KafkaConfig = {
    brokers: [...options.brokers],
    clientId: options.clientId,
    ssl: typeof options.ssl === "boolean" ? options.ssl : nodeTlsOptions(options.ssl),
    connectionTimeout: options.connectionTimeoutMillis,
    requestTimeout: options.requestTimeoutMillis,
    socketFactory: pooledSocket,
    retry: retryPolicy,
    logLevel: kafkajs.logLevel.WARN,
    logCreator: () => (entry) => logEntry(entry, context)
  }
  if (options.sasl !== undefined) config.sasl = saslOf(options.sasl)
  return new kafkajs.Kafka(config)
}

const saslOf = (login: NonNullable<ResolvedKafkaOptions["sasl"]>): SASLOptions => {
  if (login.mechanism === "oauthbearer")
    return { mechanism: login.mechanism, oauthBearerProvider: tokenProvider(login) }
  const { mechanism, username, password } = login
  return { mechanism, username, password: Redacted.value(password) }
}

/** The runtime logs failures itself, so kafkajs's errors are details, except for those of lost offsets or records. */
const logEntry = (entry: LogEntry, context: Context.Context<never>) => {
  const serious = entry.level === kafkajs.logLevel.ERROR && entry.namespace === "ConsumerGroup"
  const log = serious ? Effect.logWarning : Effect.logDebug
  const { message, groupId, topic, partition, broker, retryCount, error } = entry.log
  const annotations = {
    namespace: entry.namespace,
    groupId,
    topic,
    partition,
    broker,
    retryCount,
    error: textOf(error)
  }
  Effect.runForkWith(context)(
    log(`kafkajs: ${message}`).pipe(
      Effect.annotateLogs(Object.fromEntries(Object.entries(annotations).filter(([, value]) => value !== undefined)))
    )
  )
}

const textOf = (error: unknown): string | undefined =>
  error === undefined ? undefined : error instanceof Error ? error.message : String(error)

interface Token {
  readonly value: string
  readonly extensions?: Readonly<Record<string, string>>
}

/**
 * A function for kafkajs, which asks for a token at every login (SASL/OAUTHBEARER by the client credentials flow: RFC 6749, 4.4), and
 * keeps it until shortly before it expires. Logins that come together share one request.
 */
const tokenProvider = (login: TokenLogin): (() => Promise<Token>) => {
  let current: { readonly token: Promise<Token>; until: number } | null = null
  return () => {
    if (current !== null && performance.now() < current.until) return current.token
    const fetched = fetchToken(login)
    const held = { token: fetched.then(({ token }) => token), until: Number.POSITIVE_INFINITY }
    current = held
    fetched.then(
      ({ lifeMillis }) => {
        held.until = performance.now() + lifeMillis * usedPart
      },
      () => {
        if (current === held) current = null
      }
    )
    return held.token
  }
}

/** A token is replaced after this part of its life, so that the broker never gets one that is about to expire. */
const usedPart = 0.8
/** Where the response does not say how long a token lives. */
const lifeSecondsUnknown = 300
const timeoutMillis = 10_000

const fetchToken = async (login: TokenLogin): Promise<{ readonly token: Token; readonly lifeMillis: number }> => {
  const form = new URLSearchParams({ grant_type: "client_credentials" })
  if (login.scope !== null) form.set("scope", login.scope)
  if (login.audience !== null) form.set("audience", login.audience)
  const credentials = `${encodeURIComponent(login.clientId)}:${encodeURIComponent(Redacted.value(login.clientSecret))}`
  const response = await sendRequest({
    method: "POST",
    url: login.tokenUrl,
    headers: {
      accept: "application/json",
      "content-type": "application/x-www-form-urlencoded",
      authorization: `Basic ${Buffer.from(credentials).toString("base64")}`
    },
    body: form.toString(),
    tls: login.tls,
    timeoutMillis
  }).catch((cause: unknown) => Promise.reject(new TokenEndpointUnreachable(originOf(login), cause)))
  if (response.status >= 500)
    return Promise.reject(new TokenEndpointUnreachable(originOf(login), `status ${response.status}`))
  const read = readToken(response)
  if (read === null) return Promise.reject(new TokenRefused(originOf(login), reasonOf(response)))
  const { extensions } = login
  return {
    token: { value: read.value, ...(Object.keys(extensions).length === 0 ? {} : { extensions }) },
    lifeMillis: read.lifeSeconds * 1000
  }
}

const originOf = ({ tokenUrl }: TokenLogin): string =>
  URL.canParse(tokenUrl) ? new URL(tokenUrl).origin : "its address"

const readToken = ({ status, text }: HttpResponse) => {
  const body = jsonOf(text)
  const value = body["access_token"]
  if (status !== 200 || typeof value !== "string" || value === "") return null
  const seconds = Number(body["expires_in"])
  return { value, lifeSeconds: Number.isFinite(seconds) && seconds > 0 ? seconds : lifeSecondsUnknown }
}

/** The error code of RFC 6749, 5.2, such as `invalid_client`; other texts of a response may repeat a secret. */
const reasonOf = ({ status, text }: HttpResponse): string => {
  const code = jsonOf(text)["error"]
  return typeof code === "string" && /^[a-z_]{1,64}$/.test(code) ? `${code}, status ${status}` : `status ${status}`
}

const jsonOf = (text: string): Readonly<Record<string, unknown>> => {
  const parsed = Result.getOrNull(Result.try((): unknown => JSON.parse(text)))
  return typeof parsed === "object" && parsed !== null ? (parsed as Record<string, unknown>) : {}
}

/** By its name the client tries again, as with a broker that is away. */
class TokenEndpointUnreachable extends Error {
  override readonly name = "KafkaJSConnectionError"
  constructor(origin: string, cause: unknown) {
    super(`the token endpoint at ${origin} does not answer (${cause instanceof Error ? cause.message : String(cause)})`)
  }
}

/** By its name the login counts as refused. */
class TokenRefused extends Error {
  override readonly name = "KafkaJSSASLAuthenticationError"
  constructor(origin: string, reason: string) {
    super(`the token endpoint at ${origin} gives no token (${reason})`)
  }
}
