/** A client of a Confluent-compatible schema registry; registers over @kafkajs/confluent-schema-registry, the only file that imports it. */
import https from "node:https"
import { COMPATIBILITY, SchemaRegistry, SchemaType } from "@kafkajs/confluent-schema-registry"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as Schedule from "effect/Schedule"
import { nodeTlsOptions, sendRequest, type TlsOptions } from "../http/http-request.ts"
import { plainReason } from "../kafka/unreachable.ts"
import { RegistryError } from "./codecs.ts"
import { type AskRegistry, fetchWriterSchema, type WriterSchema } from "./writer-schema.ts"

export interface RegistryAddress {
  /** Root of the Confluent API, such as `http://127.0.0.1:8081` or Apicurio's `…/apis/ccompat/v7`. */
  readonly url: string
  readonly username?: string
  readonly password?: Redacted.Redacted<string>
  readonly tls?: TlsOptions
  /** For one request. Default 5 seconds. */
  readonly timeout?: Duration.Duration
}

export interface RegistryClient {
  /** The schema of an id: null if the registry does not know it. */
  readonly writerSchema: (id: number) => Effect.Effect<WriterSchema | null, RegistryError>
  /** Registers under FULL_TRANSITIVE compatibility and gives the id; the id it has if it is registered already. */
  readonly register: (subject: string, schema: string) => Effect.Effect<Registered, RegistryError>
}

export interface Registered {
  readonly id: number
  readonly created: boolean
}

const compatibility = COMPATIBILITY.FULL_TRANSITIVE

/** A client for the registry; 5xx answers and timeouts are retried for about three seconds. */
export const makeRegistryClient = (address: RegistryAddress): RegistryClient => {
  const registry = openRegistry(address)
  const timeoutMillis = Duration.toMillis(address.timeout ?? Duration.seconds(5))
  const ask = <A>(what: string, request: () => Promise<A>): Effect.Effect<A, Failure> =>
    Effect.tryPromise({ try: request, catch: (cause) => failureOf(what, cause) }).pipe(
      Effect.timeoutOrElse({
        duration: 2 * timeoutMillis,
        orElse: () => Effect.fail({ status: 0, what, message: "no answer in time", cause: null })
      })
    )
  const registeredId = (subject: string, schema: string) =>
    ask(`look up ${subject}`, () => registry.getRegistryIdBySchema(subject, { type: SchemaType.AVRO, schema })).pipe(
      Effect.catchIf(
        (failure) => failure.status === 404,
        () => Effect.succeed(null)
      )
    )
  return {
    writerSchema: (id) =>
      ask(`fetch schema ${id}`, () => fetchWriterSchema(answersOf(address, timeoutMillis), id)).pipe(retried(address)),
    register: (subject, schema) =>
      Effect.gen(function* () {
        const known = yield* registeredId(subject, schema)
        if (known !== null) return { id: known, created: false }
        yield* requireCompatibility(address, subject, timeoutMillis)
        const { id } = yield* ask(`register ${subject}`, () =>
          registry.register({ type: SchemaType.AVRO, schema }, { subject, compatibility })
        )
        return { id, created: true }
      }).pipe(retried(address))
  }
}

/**
 * Answers by their path: null for what is not there (404), or is there for others alone (403, as where subjects have rights of their
 * own): one record of another system must not stop those behind it. Any other status but 200, and what is not JSON, is thrown.
 */
const answersOf =
  (address: RegistryAddress, timeoutMillis: number): AskRegistry =>
  async (path) => {
    const { status, text } = await sendRequest({
      method: "GET",
      url: address.url + path,
      headers: registryHeaders(address),
      tls: address.tls ?? {},
      timeoutMillis
    })
    if (status === 404 || status === 403) return null
    if (status === 200) return JSON.parse(text) as unknown
    throw Object.assign(new Error(`status ${status}`), { status })
  }

// The library does not retry: callers do, and see each response.
const openRegistry = (address: RegistryAddress): SchemaRegistry =>
  new SchemaRegistry({
    host: address.url,
    clientId: "capi-relay",
    retry: { retries: 0 },
    ...(address.tls === undefined ? {} : { agent: new https.Agent(nodeTlsOptions(address.tls)) }),
    ...(address.username === undefined
      ? {}
      : { auth: { username: address.username, password: Redacted.value(address.password ?? Redacted.make("")) } }),
    middlewares: [
      () => ({
        prepareRequest: async (next) =>
          (await next()).enhance({ timeout: Duration.toMillis(address.timeout ?? Duration.seconds(5)) })
      })
    ]
  })

// An existing subject with another level gets ours first, so that this registration is checked too. A new subject gets it from
// the library right after its first schema: Apicurio refuses a level without a subject.
const requireCompatibility = (
  address: RegistryAddress,
  subject: string,
  timeoutMillis: number
): Effect.Effect<void, Failure> =>
  Effect.tryPromise({
    try: async () => {
      const url = `${address.url}/config/${encodeURIComponent(subject)}`
      const common = { url, headers: registryHeaders(address), tls: address.tls ?? {}, timeoutMillis }
      const present = await sendRequest({ ...common, method: "GET" })
      if (present.status === 404) return
      if (present.status !== 200) throw Object.assign(new Error(`status ${present.status}`), { status: present.status })
      const level = JSON.parse(present.text) as { readonly compatibilityLevel?: string }
      if (level.compatibilityLevel === compatibility) return
      const set = await sendRequest({ ...common, method: "PUT", body: JSON.stringify({ compatibility }) })
      if (set.status >= 300)
        throw Object.assign(new Error(`status ${set.status}: ${set.text.slice(0, 300)}`), { status: set.status })
    },
    catch: (cause) => failureOf(`set the compatibility of ${subject}`, cause)
  })

/** The headers of a request to the registry, with its login. */
export const registryHeaders = (address: RegistryAddress): Record<string, string> => {
  const headers = { "content-type": "application/vnd.schemaregistry.v1+json" }
  if (address.username === undefined) return headers
  const login = `${address.username}:${Redacted.value(address.password ?? Redacted.make(""))}`
  return { ...headers, authorization: `Basic ${Buffer.from(login).toString("base64")}` }
}

interface Failure {
  /** HTTP status; 0 if there was no response. */
  readonly status: number
  readonly what: string
  readonly message: string
  readonly cause: unknown
}

// The library reports a failed connection as status 400, which no registry answers to these requests, and a failed lookup as an
// error without a status.
const failureOf = (what: string, cause: unknown): Failure => {
  const named = cause instanceof Error && cause.name === "ConfluentSchemaRegistryError"
  const status =
    typeof cause === "object" && cause !== null && "status" in cause ? Number(cause.status) : named ? 404 : 0
  const message = cause instanceof Error ? cause.message : String(cause)
  return { status: status === 400 ? 0 : status, what, message, cause }
}

const isTransient = ({ status }: Failure) => status === 0 || status === 408 || status === 429 || status >= 500

/** Another program registered the same subject at the same time; Apicurio answers with the status of an incompatibility. */
const isOvertaken = ({ status, message }: Failure) => status === 409 && /\balready exists\b/.test(message)

const fewTimes = Schedule.exponential("200 millis").pipe(Schedule.jittered, Schedule.upTo({ times: 4 }))

const retried =
  (address: RegistryAddress) =>
  <A>(effect: Effect.Effect<A, Failure>): Effect.Effect<A, RegistryError> =>
    effect.pipe(
      Effect.retry({ schedule: fewTimes, while: (failure) => isTransient(failure) || isOvertaken(failure) }),
      Effect.mapError((failure) => toRegistryError(failure, address))
    )

const stepFor = (reason: string): string => {
  if (/altnames/.test(reason)) return "Name the host in SCHEMA_REGISTRY_URL as its certificate does."
  if (/certificate/.test(reason))
    return "Set SCHEMA_REGISTRY_CA to a PEM file of the authority that signed its certificate, where it is one of yours."
  if (/wrong version number|packet length too long|before secure TLS connection/.test(reason))
    return "If this port speaks no TLS, begin SCHEMA_REGISTRY_URL with http://."
  return "Start it, or correct SCHEMA_REGISTRY_URL."
}

const toRegistryError = (failure: Failure, { url }: RegistryAddress): RegistryError => {
  const { status, what, message, cause } = failure
  if (isTransient(failure)) {
    // Without other parts of the address, such as a password.
    const place = URL.canParse(url) ? ` at ${new URL(url).origin}` : ""
    const reason = plainReason(message.replace(/^capi-relay - Error, status 400: /, ""))
    return new RegistryError({
      code: "unreachable",
      message: `The schema registry does not answer${place} (${what}${status === 0 ? `: ${reason}` : `, status ${status}`}).`,
      nextStep: stepFor(reason),
      cause
    })
  }
  if (status === 409) {
    return new RegistryError({
      code: "incompatible",
      message: `The schema registry refuses a schema as incompatible (${what}): ${message}`,
      nextStep: "Change the schema so that old and new records can be read with both: add fields with defaults only.",
      cause
    })
  }
  return new RegistryError({
    code: "other",
    message: `The schema registry refuses (${what}, status ${status}): ${message}`,
    nextStep:
      status === 401 || status === 403
        ? "Check the registry's user and password."
        : status === 404
          ? "Give the root of its Confluent API as SCHEMA_REGISTRY_URL; Apicurio has it under /apis/ccompat/v7."
          : "Look at the registry's log.",
    cause
  })
}
