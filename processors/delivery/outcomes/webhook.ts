/** The webhook server: the platform's handshake, its signed notifications, and the final results that they lead to. */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as HttpRouter from "effect/http/HttpRouter"
import type { HttpServerRequest } from "effect/http/HttpServerRequest"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import * as Schedule from "effect/Schedule"
import { Codecs } from "../../../shared/codec/codecs.ts"
import { decodeSettings, portOrFree, SettingsService } from "../../../shared/config/settings.ts"
import type { Connection } from "../../../shared/connections/connection.ts"
import type { ConnectorWebhook, WebhookNotification } from "../../../shared/connectors/connector.ts"
import { connectorFor } from "../../../shared/connectors/registry.ts"
import { Credentials } from "../../../shared/credentials/credentials.ts"
import { KafkaClient } from "../../../shared/kafka/client.ts"
import { cachedFor } from "../../../shared/model/monotonic.ts"
import { topicNames } from "../../../shared/model/topics.ts"
import { inboundOf } from "../../../shared/runtime/contract.ts"
import { type Route, serve, withBody } from "../../../shared/runtime/http-server.ts"
import { CurrentTracing } from "../../../shared/telemetry/tracing.ts"
import { settingsOf } from "../engine/settings.ts"
import { makeDeliveryMetrics } from "../engine/telemetry.ts"
import { countConclusions } from "./final-results.ts"
import { type MessageConclusion, makeWebhookOutcomes } from "./webhook-outcomes.ts"

/**
 * Serves the webhooks of these connections until the scope closes, each at `/webhooks/<platform>/<connection>`; gives the
 * work that keeps their indexes of accepted messages. Opens no port where no connector has a webhook.
 */
export const serveWebhooks = Effect.fnUntraced(function* (connections: ReadonlyArray<Connection>) {
  const webhooks = yield* Effect.forEach(connections, (connection) => {
    const { webhook } = connectorFor(connection.kind)
    return webhook === undefined ? Effect.succeed([]) : Effect.map(connectionWebhook(connection, webhook), (it) => [it])
  })
  const served = webhooks.flat()
  if (served.length === 0) return []
  const { health } = yield* SettingsService
  const routes = served.flatMap((webhook) => webhook.routes)
  const admitted = new Map<string, ConnectorWebhook["hasSignature"]>(served.map(({ path, admit }) => [path, admit]))
  const { port } = yield* serve({
    host: health.host,
    port: yield* webhookPort,
    settings: { host: "HOST", port: "CAPI_WEBHOOK_PORT" },
    routes,
    admit: ({ headers, method, url }) => method !== "POST" || admitted.get(url.split("?", 1)[0]!)?.(headers) === true
  })
  const paths = routes.filter(({ method }) => method === "POST").map(({ path }) => path)
  yield* Effect.log("The webhook is served.").pipe(
    Effect.annotateLogs({ host: health.host, port, paths: paths.join(" ") })
  )
  return served.map((webhook) => webhook.follow)
})

/** Where platforms post their notifications; port 0 takes a free one, which is logged. */
const webhookPort = decodeSettings(portOrFree("CAPI_WEBHOOK_PORT"))

/** The routes of a connection's webhook, and the work that keeps its index of accepted messages up to date. */
const connectionWebhook = Effect.fnUntraced(function* (connection: Connection, webhook: ConnectorWebhook) {
  const codecs = yield* Codecs
  const credentials = yield* Credentials
  const kafka = yield* KafkaClient
  const { topicPrefix } = yield* SettingsService
  const settings = settingsOf(connection)
  const outcomes = makeWebhookOutcomes(connection, codecs, settings, undefined, yield* CurrentTracing)
  const metrics = yield* makeDeliveryMetrics(connection.id, connection.platform)
  const secret = yield* cachedFor(
    credentials.resolve(connection.credential, connectorFor(connection.kind).credential),
    settings.secretLife
  )

  const publish = (conclusions: ReadonlyArray<MessageConclusion>) => {
    const records = conclusions.flatMap(({ outputs }) => outputs)
    return records.length === 0
      ? Effect.void
      : Effect.andThen(
          kafka.produce(records.map((record) => ({ ...record, topic: topicPrefix + record.topic }))),
          countConclusions(metrics, conclusions)
        )
  }

  const handshake = ({ url }: HttpServerRequest) =>
    Effect.map(secret, (fields) => {
      const challenge = webhook.handshake(new URL(url, "http://localhost").searchParams, fields)
      return challenge === null ? forbidden : HttpServerResponse.text(challenge)
    })

  const notify = Effect.fnUntraced(function* ({ headers }: HttpServerRequest, body: Buffer) {
    if (!webhook.isSigned(body, headers, yield* secret)) return forbidden
    const now = yield* Clock.currentTimeMillis
    const { statuses, notes } = webhook.read(body.toString("utf8"))
    yield* publish(
      statuses.flatMap(({ trackingId, verdict, pricing }) => outcomes.status(trackingId, verdict, now, pricing))
    ).pipe(Effect.onError(() => Effect.sync(() => outcomes.reopen(statuses.map(({ trackingId }) => trackingId)))))
    yield* logNotes(connection, notes)
    return HttpServerResponse.empty({ status: 200 })
  })

  const topic = topicPrefix + topicNames.pending
  const readIndex = Effect.gen(function* () {
    const partitions = yield* kafka.topicOffsets(topic)
    yield* kafka.read({
      topic,
      ranges: partitions.map(({ partition, low }) => ({ partition, from: low, to: null })),
      onRecords: Effect.fnUntraced(function* (records) {
        yield* codecs.loadSchemas(records.map((record) => record.value))
        const now = yield* Clock.currentTimeMillis
        yield* publish(records.flatMap((record) => outcomes.pending(inboundOf(record, topicNames.pending), now)))
      })
    })
  }).pipe(
    Effect.tapError((error) => warn(connection, "The index of accepted messages is read again.", error)),
    Effect.retry(Schedule.min([Schedule.exponential("500 millis"), Schedule.spaced("30 seconds")]))
  )
  const sweep = Effect.gen(function* () {
    const swept = outcomes.sweep(yield* Clock.currentTimeMillis)
    const reopen = Effect.sync(() => outcomes.reopen(swept.map(({ trackingId }) => trackingId)))
    yield* Effect.onError(publish(swept), () => reopen)
  }).pipe(
    Effect.catch((error) => warn(connection, "Messages without a final status could not be closed.", error)),
    Effect.repeat(Schedule.spaced("1 minute"))
  )

  // The platform posts a notification again where the answer is not 200.
  const orUnavailable = Effect.catch((error: Error) =>
    Effect.as(warn(connection, "A notification could not be handled.", error), unavailable)
  )
  const path = `/webhooks/${connection.platform}/${connection.id}` as const
  const routes: ReadonlyArray<Route> = [
    HttpRouter.route("GET", path, (request) => orUnavailable(handshake(request))),
    HttpRouter.route("POST", path, (request) => withBody(request, (body) => orUnavailable(notify(request, body))))
  ]
  return {
    path,
    routes,
    admit: webhook.hasSignature,
    follow: Effect.all([readIndex, sweep], { concurrency: "unbounded", discard: true })
  }
})

const logNotes = (connection: Connection, notes: WebhookNotification["notes"]): Effect.Effect<void> =>
  Effect.forEach(
    notes,
    ({ message, count }) =>
      Effect.logInfo(message).pipe(Effect.annotateLogs({ connection: connection.id, changes: count })),
    { discard: true }
  )

const warn = (connection: Connection, message: string, error: Error): Effect.Effect<void> =>
  Effect.logWarning(message).pipe(Effect.annotateLogs({ connection: connection.id, reason: error.message }))

const forbidden = HttpServerResponse.empty({ status: 403 })
const unavailable = HttpServerResponse.empty({ status: 503 })
