/** WhatsApp's webhook, pure: the handshake, the signature, and statuses as outcomes. A server calls it. */
import { createHmac, timingSafeEqual } from "node:crypto"
import * as Redacted from "effect/Redacted"
import type { MessagePricing } from "../../../schemas/types.gen.ts"
import type { ConnectorWebhook, EventVerdict, Json, JsonObject, MessageStatus } from "../connector.ts"
import { bodyObject, idOf, listOf, numberOf, objectOf, objectsOf, textOf } from "../http/json.ts"
import { whatsappClassification } from "./exchange.ts"

/** What became of one message; its `trackingId` is WhatsApp's message id. */
export interface WhatsAppStatus extends MessageStatus {
  readonly status: "sent" | "delivered" | "read" | "failed"
  /** Milliseconds since the epoch; null where WhatsApp gives none. Statuses may arrive out of order. */
  readonly at: number | null
}

/** What a notification holds beside statuses, counted: who it is about is not read. */
export interface WebhookNotices {
  /** Business-scoped user ids that changed, mostly since the person's number did. */
  readonly userIdUpdates: number
}

/** What the delivery engine asks of a webhook. */
export const webhook: ConnectorWebhook = {
  handshake: (query, { verify_token: token }) => (token === undefined ? null : webhookChallenge(query, token)),
  hasSignature: (headers) => signatureForm.test(headers["x-hub-signature-256"] ?? ""),
  isSigned: (rawBody, headers, { app_secret: secret }) =>
    secret !== undefined && isSignedByMeta(rawBody, headers["x-hub-signature-256"], secret),
  read: (body) => {
    const { userIdUpdates } = webhookNotices(body)
    return {
      statuses: messageStatuses(body),
      notes: userIdUpdates === 0 ? [] : [{ message: userIdsChanged, count: userIdUpdates }]
    }
  }
}

const signatureForm = /^sha256=[0-9a-f]{64}$/

const userIdsChanged =
  "Business-scoped user ids changed: events that still bring the earlier ones may no longer reach their recipients."

/**
 * The handshake: the challenge to answer with 200, or null for 403. Meta asks `GET ?hub.mode=subscribe&hub.verify_token=…
 * &hub.challenge=…` once, when the webhook is set up. (Graph API: webhooks, getting started.)
 */
export const webhookChallenge = (query: URLSearchParams, verifyToken: Redacted.Redacted): string | null => {
  const isRight =
    query.get("hub.mode") === "subscribe" &&
    equalTexts(query.get("hub.verify_token") ?? "", Redacted.value(verifyToken))
  const challenge = query.get("hub.challenge")
  // The answer is shown to whoever asks: nothing but what a challenge may be is given back.
  return isRight && challenge !== null && /^[\w-]{1,200}$/.test(challenge) ? challenge : null
}

/** Whether `X-Hub-Signature-256` is the HMAC-SHA256 of the raw body with the app's secret: only then Meta sent it. */
export const isSignedByMeta = (
  rawBody: Uint8Array,
  signature: string | undefined,
  appSecret: Redacted.Redacted
): boolean => {
  const secret = Redacted.value(appSecret)
  if (secret === "") return false
  return equalTexts(signature ?? "", `sha256=${createHmac("sha256", secret).update(rawBody).digest("hex")}`)
}

/**
 * The statuses in a notification, in its order. They are found by the message's id alone: a recipient may have a phone number
 * (`recipient_id`), a business-scoped user id (`recipient_user_id`) or both. Whatever else it holds is skipped.
 */
export const messageStatuses = (rawBody: string): ReadonlyArray<WhatsAppStatus> =>
  changesOf(rawBody)
    .flatMap((value) => listOf(value["statuses"]))
    .flatMap((status) => statusOf(objectOf(status)))

/** What else a notification holds; nothing for one that is not understood. */
export const webhookNotices = (rawBody: string): WebhookNotices => ({
  userIdUpdates: changesOf(rawBody).reduce(
    (count, value) =>
      count +
      objectsOf(value["user_id_update"]).length +
      objectsOf(value["messages"]).filter((message) => objectOf(message["system"])?.["type"] === "user_changed_user_id")
        .length,
    0
  )
})

const changesOf = (rawBody: string): ReadonlyArray<JsonObject> =>
  objectsOf(bodyObject({ status: 200, headers: {}, body: rawBody })?.["entry"])
    .flatMap((entry) => objectsOf(entry["changes"]))
    .flatMap((change) => {
      const value = objectOf(change["value"])
      return value === null ? [] : [value]
    })

const statusOf = (entry: JsonObject | null): ReadonlyArray<WhatsAppStatus> => {
  const trackingId = idOf(entry?.["id"])
  const status = entry?.["status"]
  if (trackingId === null) return []
  if (status !== "sent" && status !== "delivered" && status !== "read" && status !== "failed") return []
  const seconds = numberOf(entry?.["timestamp"])
  const verdict = status === "failed" ? failureOf(entry) : verdictOfStatus(status)
  return [{ trackingId, status, at: seconds === null ? null : seconds * 1000, verdict, pricing: pricingOf(entry) }]
}

const pricingOf = (entry: JsonObject | null): MessagePricing | null => {
  const pricing = objectOf(entry?.["pricing"])
  const [category, type] = [wordOf(pricing?.["category"]), wordOf(pricing?.["type"])]
  return category === null && type === null ? null : { category, type }
}

/** A word of WhatsApp's lists, so that nothing else stands in a result. */
const wordOf = (value: Json | undefined): string | null =>
  typeof value === "string" && /^\w{1,64}$/.test(value) ? value : null

const verdictOfStatus = (status: string) =>
  whatsappClassification.classify({ status: 200, flags: [`status_${status}`] })

// A message that failed after it was accepted is final: nothing of WhatsApp's sends it again.
const failureOf = (entry: JsonObject | null): EventVerdict => {
  const error = objectsOf(entry?.["errors"])[0] ?? {}
  const message =
    textOf(objectOf(error["error_data"])?.["details"]) ?? textOf(error["message"]) ?? textOf(error["title"])
  return whatsappClassification.classify({ status: 400, code: textOf(error["code"]), message })
}

const equalTexts = (left: string, right: string): boolean => {
  const [a, b] = [Buffer.from(left), Buffer.from(right)]
  return a.length === b.length && timingSafeEqual(a, b)
}
