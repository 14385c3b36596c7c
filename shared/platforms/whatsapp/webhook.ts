/** WhatsApp's webhook, pure: the handshake, the signature, and statuses as outcomes. A server calls it. */
import { createHmac, timingSafeEqual } from "node:crypto"
import * as Redacted from "effect/Redacted"
import type { EventVerdict, JsonObject } from "../connector.ts"
import { bodyObject, listOf, numberOf, objectOf, objectsOf, textOf } from "../response.ts"
import { whatsappClassification } from "./verdict.ts"

/** What became of one message, under the id that sending it gave. */
export interface MessageStatus {
  /** The `laterId` of the verdict: WhatsApp's message id. */
  readonly laterId: string
  readonly status: "sent" | "delivered" | "read" | "failed"
  /** Milliseconds since the epoch; null where WhatsApp gives none. Statuses may arrive out of order. */
  readonly at: number | null
  /** `accepted` for sent: not final. */
  readonly verdict: EventVerdict
}

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

/** The statuses in a notification, in its order; whatever else it holds is passed over. */
export const messageStatuses = (rawBody: string): ReadonlyArray<MessageStatus> => {
  const body = bodyObject({ status: 200, headers: {}, body: rawBody })
  return objectsOf(body?.["entry"])
    .flatMap((entry) => objectsOf(entry["changes"]))
    .flatMap((change) => listOf(objectOf(change["value"])?.["statuses"]))
    .flatMap((status) => statusOf(objectOf(status)))
}

const statusOf = (entry: JsonObject | null): ReadonlyArray<MessageStatus> => {
  const laterId = textOf(entry?.["id"])
  const status = entry?.["status"]
  if (laterId === null) return []
  if (status !== "sent" && status !== "delivered" && status !== "read" && status !== "failed") return []
  const seconds = numberOf(entry?.["timestamp"])
  const verdict = status === "failed" ? failureOf(entry) : verdictOfStatus(status)
  return [{ laterId, status, at: seconds === null ? null : seconds * 1000, verdict }]
}

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
