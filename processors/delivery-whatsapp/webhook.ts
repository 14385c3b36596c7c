/** One connection's webhook: the handshake, signed notifications, and the final results that they lead to. */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import { Codecs } from "../../shared/codec/codecs.ts"
import { SettingsService } from "../../shared/config/settings.ts"
import type { Connection } from "../../shared/connections/connection.ts"
import { connectorFor } from "../../shared/connectors/registry.ts"
import {
  isSignedByMeta,
  messageStatuses,
  type WebhookNotices,
  webhookChallenge,
  webhookNotices
} from "../../shared/connectors/whatsapp/webhook.ts"
import { Credentials } from "../../shared/credentials/credentials.ts"
import { KafkaClient } from "../../shared/kafka/client.ts"
import { topicNames } from "../../shared/model/topics.ts"
import { inboundOf } from "../../shared/runtime/contract.ts"
import type { HttpAnswer, HttpRequest, Route } from "../../shared/telemetry/http-server.ts"
import { settingsOf } from "../delivery/engine/connection-settings.ts"
import { makeDeliveryMetrics } from "../delivery/engine/metrics.ts"
import { countConclusions } from "../delivery/outcomes/final-results.ts"
import { type MessageConclusion, makeWebhookOutcomes } from "../delivery/outcomes/webhook-outcomes.ts"

/** The routes of a connection's webhook, and the work that keeps its index of accepted messages up to date. */
export const connectionWebhook = Effect.fnUntraced(function* (connection: Connection) {
  const codecs = yield* Codecs
  const credentials = yield* Credentials
  const kafka = yield* KafkaClient
  const { topicPrefix } = yield* SettingsService
  const outcomes = makeWebhookOutcomes(connection, codecs, settingsOf(connection))
  const secret = yield* Effect.cachedWithTTL(
    credentials.resolve(connection.credential, connectorFor(connection.kind).credential),
    settingsOf(connection).secretLife
  )

  const metrics = makeDeliveryMetrics(connection.id, connection.platform)

  const publish = (told: ReadonlyArray<MessageConclusion>) => {
    const records = told.flatMap(({ outputs }) => outputs)
    return records.length === 0
      ? Effect.void
      : Effect.andThen(
          kafka.produce(records.map((record) => ({ ...record, topic: topicPrefix + record.topic }))),
          countConclusions(metrics, told)
        )
  }

  const handshake = ({ query }: HttpRequest) =>
    Effect.map(secret, (fields): HttpAnswer => {
      const challenge = fields["verify_token"] === undefined ? null : webhookChallenge(query, fields["verify_token"])
      return challenge === null ? forbidden : { status: 200, body: challenge }
    })

  const notify = Effect.fnUntraced(function* ({ body, headers }: HttpRequest) {
    const appSecret = (yield* secret)["app_secret"]
    if (appSecret === undefined || !isSignedByMeta(body, headers["x-hub-signature-256"], appSecret)) return forbidden
    const now = yield* Clock.currentTimeMillis
    const text = body.toString("utf8")
    const statuses = messageStatuses(text)
    yield* publish(
      statuses.flatMap(({ trackingId, verdict, pricing }) => outcomes.status(trackingId, verdict, now, pricing))
    ).pipe(Effect.onError(() => Effect.sync(() => outcomes.reopen(statuses.map(({ trackingId }) => trackingId)))))
    yield* tellNotices(webhookNotices(text))
    return { status: 200, body: "" } satisfies HttpAnswer
  })

  const tellNotices = ({ userIdUpdates }: WebhookNotices) =>
    userIdUpdates === 0
      ? Effect.void
      : Effect.logInfo(
          "Business-scoped user ids changed: events that still bring the earlier ones may no longer reach their recipients."
        ).pipe(Effect.annotateLogs({ connection: connection.id, changes: userIdUpdates }))

  const path = `/webhooks/whatsapp/${connection.id}`
  const guarded = (handle: (request: HttpRequest) => Effect.Effect<HttpAnswer, Error>): Route["handle"] => {
    // WhatsApp brings a notification again where the answer is no 200.
    return (request) =>
      Effect.catch(handle(request), (error) =>
        Effect.as(
          Effect.logWarning("A notification of WhatsApp could not be taken.").pipe(
            Effect.annotateLogs({ connection: connection.id, reason: error.message })
          ),
          unavailable
        )
      )
  }
  const routes: ReadonlyArray<Route> = [
    { method: "GET", path, handle: guarded(handshake) },
    { method: "POST", path, handle: guarded(notify) }
  ]

  const topic = topicPrefix + topicNames.pending
  const read = Effect.gen(function* () {
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
    Effect.tapError((error) =>
      Effect.logWarning("The index of accepted messages is read anew.").pipe(
        Effect.annotateLogs({ connection: connection.id, reason: error.message })
      )
    ),
    Effect.retry(Schedule.min([Schedule.exponential("500 millis"), Schedule.spaced("30 seconds")]))
  )
  const sweep = Effect.gen(function* () {
    const swept = outcomes.sweep(yield* Clock.currentTimeMillis)
    yield* Effect.onError(publish(swept), () =>
      Effect.sync(() => outcomes.reopen(swept.map(({ trackingId }) => trackingId)))
    )
  }).pipe(
    Effect.catch((error) =>
      Effect.logWarning("Messages without a final status could not be closed.").pipe(
        Effect.annotateLogs({ connection: connection.id, reason: error.message })
      )
    ),
    Effect.repeat(Schedule.spaced("1 minute"))
  )
  return { routes, follow: Effect.all([read, sweep], { concurrency: "unbounded", discard: true }) }
})

const forbidden: HttpAnswer = { status: 403, body: "" }
const unavailable: HttpAnswer = { status: 503, body: "" }
