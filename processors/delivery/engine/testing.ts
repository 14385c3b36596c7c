/** A platform, a connection and mapped events for the engine's unit tests. */

import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import type { MappedEvent } from "../../../schemas/types.gen.ts"
import type { Codecs } from "../../../shared/codec/codecs.ts"
import type { Connection } from "../../../shared/connections/connection.ts"
import type {
  BatchVerdict,
  Connector,
  EventVerdict,
  HttpResponseSpec,
  Limits
} from "../../../shared/connectors/connector.ts"
import type { HttpFailure } from "../../../shared/connectors/http/http-failure.ts"
import { catalogOf } from "../../../shared/connectors/mapping/catalog.ts"
import { uniformVerdict, verdictMeta } from "../../../shared/connectors/verdicts.ts"
import type { Inbound, Outbound, Step } from "../../../shared/runtime/contract.ts"
import { noSuppressions } from "../../../shared/suppression/suppressions.ts"
import { connectionOf, testSealer } from "../../../shared/testing/event-fixture.ts"
import { makeMemoryCodecs } from "../../../shared/testing/memory-codecs.ts"
import type { DeliveryOptions } from "./delivery-context.ts"
import { DeliveryServices, type DeliveryServicesShape } from "./delivery-services.ts"
import { deliveryProcessor } from "./processor.ts"

export const codecs = makeMemoryCodecs()

/** What the engine gets: like the registry's, they know only what was prepared before. */
export const strictCodecs = (): Codecs["Service"] => {
  const prepared = new WeakSet<Buffer>()
  return {
    ...codecs,
    loadSchemas: (values) =>
      Effect.sync(() => {
        for (const value of values) if (value !== null) prepared.add(value)
      }),
    decode: (schema, value) =>
      value === null || prepared.has(value)
        ? codecs.decode(schema, value)
        : { _tag: "Undecodable", reason: "unknown_schema_id", message: "The value was not prepared." }
  }
}

/** What the fake platform is asked: the ids of a request's events, or `probe`, `refresh` or `later:<id>`. */
export interface Asked {
  readonly path: string
  readonly ids: ReadonlyArray<string>
  readonly token: string
}

export const verdict = (errorClass: EventVerdict["errorClass"], reasonCode: string | null = null): EventVerdict => ({
  errorClass,
  reasonCode,
  message: reasonCode
})
export const ok = uniformVerdict(verdictMeta, verdict("delivered"))
export const down = uniformVerdict(verdictMeta, verdict("transient", "500"))
export const unauthorized = uniformVerdict(verdictMeta, verdict("auth", "190"))
export const someInvalid: BatchVerdict = {
  ...verdictMeta,
  _tag: "SomeInvalid",
  verdict: verdict("invalid_event", "100")
}

export const limits: Limits = {
  eventsPerRequest: 100,
  bytesPerRequest: 1_000_000,
  requestsPerWindow: null,
  eventsPerWindow: null,
  window: Duration.minutes(1),
  concurrency: 2
}

/** A platform of few words: an event of a minute ahead of the clock is not taken. */
const catalog = catalogOf({
  events: {},
  standard_events: [],
  custom_events: true,
  parameters: { open: true, names: [] },
  match_quality: {},
  age_limit_days: {},
  future_limit_seconds: 60
})

/** Requests carry the ids; the fake platform's response is the verdict. `overrides` make it another kind of platform. */
export const connectorWith = (overrides: Partial<Connector> = {}): Connector => ({
  kind: "meta",
  platform: "meta",
  name: "Platform API",
  exampleAccount: {},
  catalog,
  clickIds: [],
  personalKeys: [],
  deletionRoute: { route: "Ask the platform.", isDocumented: false },
  restrictedUse: true,
  classifications: [],
  account: { required: [], optional: [] },
  credential: { required: ["access_token"], optional: [] },
  endpoint: { host: "https://platform.example", version: "v1" },
  limits: { documented: limits, specification: limits },
  idempotent: true,
  formatUserData: () => ({}),
  mapEvent: () => ({ _tag: "Skipped", reason: "no_mapping", message: "" }),
  request: (events, { secret }) =>
    requestTo(
      "events",
      secret["access_token"],
      events.map((event) => event.event_id)
    ),
  verdict: (response) => answers.get(response) ?? uniformVerdict(verdictMeta, verdict("unknown", "hostile")),
  probe: ({ secret }) => requestTo("probe", secret["access_token"], []),
  probeVerdict: (response) => {
    const answer = answers.get(response)
    return answer?._tag === "All" ? answer.verdict : verdict("unknown")
  },
  ...overrides
})

/** The limits of a platform whose requests carry one event, and a connector whose requests must not be repeated, as WhatsApp's. */
export const single: Limits = { ...limits, eventsPerRequest: 1 }
export const unrepeatable: Connector = connectorWith({
  idempotent: false,
  limits: { documented: single, specification: single }
})

export const requestTo = (path: string, token: Redacted.Redacted | undefined, ids: ReadonlyArray<string>) => ({
  method: "POST" as const,
  url: `https://platform.example/${path}`,
  headers: {},
  secretHeaders: token === undefined ? {} : { authorization: token },
  secretParams: {},
  body: JSON.stringify(ids)
})

const answers = new WeakMap<HttpResponseSpec, BatchVerdict>()
/** A response that the fake connector reads as this verdict. */
export const respond = (answer: BatchVerdict, status = 200): HttpResponseSpec => {
  const response: HttpResponseSpec = { status, headers: {}, body: "", receivedAt: 0 }
  answers.set(response, answer)
  return response
}

export interface FakePlatform extends DeliveryServicesShape {
  readonly asked: ReadonlyArray<Asked>
  readonly published: ReadonlyArray<Outbound>
}

/** The services of a connection, played by a function of what is asked and how many requests came before. */
export const fakePlatform = (
  play: (asked: Asked, index: number) => Effect.Effect<HttpResponseSpec, HttpFailure>,
  token: () => string = () => "token"
): FakePlatform => {
  const asked: Array<Asked> = []
  const published: Array<Outbound> = []
  return {
    asked,
    published,
    execute: (request) =>
      Effect.suspend(() => {
        const header = request.secretHeaders["authorization"]
        const one: Asked = {
          path: request.url.slice(request.url.lastIndexOf("/") + 1),
          ids: JSON.parse(request.body ?? "[]"),
          token: header === undefined ? "" : Redacted.value(header)
        }
        asked.push(one)
        return play(one, asked.length - 1)
      }),
    secret: Effect.sync(() => ({ access_token: Redacted.make(token()) })),
    open: () => Result.fail(verdict("configuration", "no_master_key")),
    sealer: testSealer,
    publish: (records) => Effect.sync(() => void published.push(...records)),
    partitionsTotal: Effect.succeed(1),
    suppressions: noSuppressions
  }
}

const builtin = connectionOf("meta", { version: "1" })
export const connection: Connection = {
  ...builtin,
  id: "shop",
  account: {},
  credential: "env:TOKEN",
  endpoint: { host: "https://platform.example", version: "v1" },
  limits: { ...builtin.limits, linger: null }
}

export const mappedEvent = (id: string, overrides: Partial<MappedEvent> = {}): MappedEvent => ({
  event_id: id,
  event_name: "purchase",
  event_time: 0,
  connection_id: "shop",
  platform: "meta",
  platform_event: "Purchase",
  payload: JSON.stringify({ id }),
  mapping_version: "1",
  batch_group: "",
  deadline: null,
  consent: null,
  sealed_recipient: null,
  match_quality: null,
  dropped_fields: [],
  person_ids: null,
  source: { topic: "raw-events", partition: 0, offset: 0, timestamp: 0 },
  attempts: 0,
  not_before: null,
  ...overrides
})

/** Records of a partition, with consecutive offsets. */
export const recordsOfEvents = (
  events: ReadonlyArray<MappedEvent>,
  topic = "mapped-events.meta",
  headers: Readonly<Record<string, string>> = { connection: "shop" }
): ReadonlyArray<Inbound> =>
  events.map((event, offset) => ({
    topic,
    partition: 0,
    offset,
    timestamp: 0,
    key: Buffer.from(event.event_id),
    value: codecs.encode(topic, "mapped-event", event),
    headers
  }))

/** The outcome (and reason) of each event in a step's results, by event id; and the ids of dead letters and retries. */
export const readStep = (step: Step) => {
  const outcomes: Record<string, string> = {}
  const deadLetters: Record<string, string> = {}
  const retries: Record<string, MappedEvent> = {}
  const others: Array<Outbound> = []
  for (const output of step.outputs) {
    const value = output.value
    if (output.topic === "delivery-results") {
      const decoded = codecs.decode("event-delivery-log", value)
      if (decoded._tag !== "Decoded") continue
      const { event_id, outcome, reason_code } = decoded.value
      // Two results for one event would show.
      outcomes[event_id] =
        `${outcomes[event_id] === undefined ? "" : `${outcomes[event_id]}+`}${outcome}${reason_code === null ? "" : `:${reason_code}`}`
    } else if (output.topic === "dead-letters") {
      const decoded = codecs.decode("dead-letter", value)
      if (decoded._tag === "Decoded") deadLetters[decoded.value.event_id ?? "?"] = decoded.value.reason_code
    } else if (output.topic.startsWith("delivery-retry.")) {
      const decoded = codecs.decode("mapped-event", value)
      if (decoded._tag === "Decoded") retries[decoded.value.event_id] = decoded.value
    } else others.push(output)
  }
  return { outcomes, deadLetters, retries, others }
}

/** The states published to connector-state, in order. */
export const statesOf = (platform: Pick<FakePlatform, "published">): ReadonlyArray<string> =>
  platform.published.flatMap((output) => {
    const decoded = codecs.decode("connector-state", output.value)
    return decoded._tag === "Decoded" ? [`${decoded.value.circuit_state}${decoded.value.paused ? " paused" : ""}`] : []
  })

/** The same, where a state that is published again is no change. */
export const changesOf = (platform: Pick<FakePlatform, "published">): ReadonlyArray<string> =>
  statesOf(platform).filter((state, index, all) => state !== all[index - 1])

/** A partition over a log: what is appended and committed is there for the next owner. */
export const makeLog = () => {
  const log: Array<Inbound> = []
  const write = (outputs: ReadonlyArray<Outbound>) => {
    for (const { topic, key, value, headers } of outputs)
      log.push({
        topic,
        partition: 0,
        offset: log.length,
        timestamp: 0,
        key: key === null ? null : Buffer.from(key),
        value,
        headers: headers ?? {}
      })
  }
  return { log, write }
}

/** A connection's processor over a fake platform. */
export const processorOver = ({
  services,
  ...options
}: DeliveryOptions & { readonly services: DeliveryServicesShape }) =>
  Effect.provideService(deliveryProcessor(options), DeliveryServices, services)
