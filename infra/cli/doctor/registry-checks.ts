/** The schema registry: whether it answers, and holds our schemas under a compatibility that no change can break. */

import * as Effect from "effect/Effect"
import { subjectOf } from "../../../shared/codec/registry.ts"
import { type RegistryAddress, registryHeaders } from "../../../shared/codec/registry-client.ts"
import { parseSchema, schemaJson, topicSchemas } from "../../../shared/codec/schemas.ts"
import { type HttpResponse, sendRequest } from "../../../shared/http/http-request.ts"
import { type Check, type Found, failed, named, notChecked, ok, problemsOr, warning } from "./check.ts"

const wanted = "FULL_TRANSITIVE"
const requestMillis = 5_000

export interface RegistryCheckOptions {
  readonly address: RegistryAddress
  readonly prefix: string
  /** Logical names of the topics whose schemas are looked for. */
  readonly topics: ReadonlyArray<string>
  /** Hears each response's Date header, for the check of the clock. */
  readonly onResponse: (response: HttpResponse, sentAt: number) => Effect.Effect<void>
}

export const registryChecks = (options: RegistryCheckOptions): ReadonlyArray<Check> => {
  const subjects = topicSchemas
    .filter(({ topic }) => options.topics.includes(topic))
    .map(({ topic, schema }) => ({ subject: subjectOf(options.prefix, topic), schema: schemaJson[schema] }))
  return [
    { group: "registry", name: "answers", run: checkAnswers(options) },
    { group: "registry", name: "schemas", run: checkSubjects(options, subjects) },
    { group: "registry", name: "compatibility", run: checkCompatibility(options, subjects) }
  ]
}

interface Subject {
  readonly subject: string
  readonly schema: string
}

/** Why the registry gave no usable answer. */
class RegistryFailure extends Error {
  readonly code = "registry"
  readonly nextStep: string
  constructor(message: string, nextStep: string) {
    super(message)
    this.nextStep = nextStep
  }
}

/** A response of status 200, or null for 404; any other status is a failure. */
const ask = ({ address, onResponse }: RegistryCheckOptions, method: "GET" | "POST", path: string, body?: unknown) =>
  Effect.gen(function* () {
    const sentAt = yield* Effect.clockWith((clock) => clock.currentTimeMillis)
    const response = yield* Effect.tryPromise({
      try: () =>
        sendRequest({
          method,
          url: `${address.url}${path}`,
          headers: registryHeaders(address),
          ...(body === undefined ? {} : { body: JSON.stringify(body) }),
          tls: address.tls ?? {},
          timeoutMillis: requestMillis
        }),
      catch: (cause) =>
        new RegistryFailure(
          `The schema registry does not answer at ${originOf(address.url)} (${causeOf(cause)}).`,
          "Start it, or correct SCHEMA_REGISTRY_URL."
        )
    })
    yield* onResponse(response, sentAt)
    if (response.status === 404) return null
    if (response.status === 200) return JSON.parse(response.text) as unknown
    const refused = response.status === 401 || response.status === 403
    return yield* Effect.fail(
      new RegistryFailure(
        `The schema registry answers with status ${response.status} to ${method} ${path}.`,
        refused ? "Check SCHEMA_REGISTRY_USERNAME, its password and its rights." : "Look at the registry's log."
      )
    )
  })

const originOf = (url: string): string => (URL.canParse(url) ? new URL(url).origin : "SCHEMA_REGISTRY_URL")
const causeOf = (cause: unknown): string => {
  const { code, name } = cause as { readonly code?: string; readonly name?: string }
  return code === undefined || code === "ABORT_ERR" || name === "TimeoutError"
    ? `nothing within ${requestMillis / 1_000} s`
    : code
}

const checkAnswers = (options: RegistryCheckOptions) =>
  Effect.map(ask(options, "GET", "/subjects"), (subjects): ReadonlyArray<Found> => {
    if (Array.isArray(subjects))
      return [ok(`It answers at ${originOf(options.address.url)}, with ${subjects.length} subjects.`)]
    return [
      failed(
        "What answers at SCHEMA_REGISTRY_URL does not speak Confluent's API.",
        "Give the root of that API; Apicurio has it under /apis/ccompat/v7."
      )
    ]
  })

const checkSubjects = (options: RegistryCheckOptions, subjects: ReadonlyArray<Subject>) =>
  Effect.gen(function* () {
    const states = yield* Effect.forEach(
      subjects,
      (one) => Effect.map(stateOf(options, one), (state) => ({ ...one, state })),
      {
        concurrency: 4
      }
    )
    const of = (state: string) => states.filter((one) => one.state === state).map(({ subject }) => subject)
    const [missing, older, incompatible, newer] = [of("missing"), of("compatible"), of("incompatible"), of("newer")]
    return problemsOr(
      [
        ...(missing.length === 0
          ? []
          : [
              warning(
                `${missing.length} of ${subjects.length} subjects are missing: ${named(missing)}.`,
                "./capi topics --create registers them; so do the programs at their start, where this user may write subjects."
              )
            ]),
        ...(older.length === 0
          ? []
          : [
              warning(
                `The schemas of this release are not registered yet under ${named(older)}; they are compatible.`,
                "./capi topics --create registers them."
              )
            ]),
        ...(incompatible.length === 0
          ? []
          : [
              failed(
                `Other schemas are registered under ${named(incompatible)}, and ours are not compatible with them.`,
                "Another system uses these subjects: choose a CAPI_TOPIC_PREFIX; or remove them if nothing reads their records."
              )
            ])
      ],
      newer.length === 0
        ? `All ${subjects.length} subjects hold our schemas.`
        : `All ${subjects.length} subjects hold our schemas; under ${named(newer)} there is a newer one.`
    )
  })

/** `newer`: ours is registered, and is not the latest. */
const stateOf = (options: RegistryCheckOptions, { subject, schema }: Subject) =>
  Effect.gen(function* () {
    const path = `/subjects/${encodeURIComponent(subject)}`
    const latest = yield* ask(options, "GET", `${path}/versions/latest`)
    if (latest === null) return "missing" as const
    if (isSameSchema(textOf(latest, "schema"), schema)) return "ours" as const
    if ((yield* ask(options, "POST", path, { schema })) !== null) return "newer" as const
    const compatible = yield* ask(options, "POST", `/compatibility${path}/versions/latest`, { schema })
    return textOf(compatible, "is_compatible") === "true" ? ("compatible" as const) : ("incompatible" as const)
  })

const textOf = (json: unknown, key: string): string => String((json as Readonly<Record<string, unknown>> | null)?.[key])

/** By their canonical form: a registry may write the same schema with other spaces. */
const isSameSchema = (registered: string, ours: string): boolean => {
  try {
    return JSON.stringify(canonical(registered)) === JSON.stringify(canonical(ours))
  } catch {
    return false
  }
}
const canonical = (schema: string) => parseSchema(schema).schema({ exportAttrs: true })

const checkCompatibility = (options: RegistryCheckOptions, subjects: ReadonlyArray<Subject>) =>
  Effect.gen(function* () {
    const global = textOf(yield* ask(options, "GET", "/config"), "compatibilityLevel")
    const levels = yield* Effect.forEach(
      subjects,
      ({ subject }) =>
        Effect.map(ask(options, "GET", `/config/${encodeURIComponent(subject)}`), (found) => ({
          subject,
          level: found === null ? null : textOf(found, "compatibilityLevel")
        })),
      { concurrency: 4 }
    )
    const weaker = levels.filter(({ level }) => level !== null && level !== wanted)
    const unset = levels.filter(({ level }) => level === null)
    if (unset.length === subjects.length)
      return [notChecked("No subject has a level yet.", `./capi topics --create sets ${wanted}.`)]
    return problemsOr(
      weaker.map(({ subject, level }) =>
        failed(
          `The compatibility of ${subject} is ${level}: a producer's change may break what reads it.`,
          `Set it to ${wanted}: PUT /config/${subject}.`
        )
      ),
      unset.length === 0
        ? `${wanted} for every subject.`
        : `${wanted} where a level is set; ${unset.length} subjects have the registry's level, ${global}.`
    )
  })
