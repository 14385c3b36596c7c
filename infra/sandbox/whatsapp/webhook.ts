/** The later statuses of a message, posted to the business's webhook with X-Hub-Signature-256. */
import { createHmac } from "node:crypto"
import { isObject, type JsonObject, json, type PlatformControl, parseJson } from "../platform.ts"

export interface WebhookOptions {
  readonly url: string
  /** Key of X-Hub-Signature-256. */
  readonly appSecret: string
}

/** What a receiver checks the statuses by, where no other secret is given. */
export const defaultAppSecret = "sandbox-app-secret"

export interface Status {
  readonly wamid: string
  readonly recipient: string
  /** Whether the recipient is a business-scoped user id: the notification then names no phone number. */
  readonly isUserId: boolean
  readonly phoneNumberId: string
  readonly callbackData: string | null
  readonly status: "sent" | "delivered" | "read" | "failed"
  readonly error: { readonly code: number; readonly title: string } | null
}

/** Statuses waiting for their time; further ones are dropped and counted. */
const pendingMax = 100_000
/** WhatsApp tries for seven days; two and a half minutes outlast a restart of the receiver or of its broker. */
const attemptsMax = 20
const retryMillis = 1_000
const retryMillisMax = 10_000

export const makeWebhook = (initial: WebhookOptions | null) => {
  let target = initial
  let closed = false
  let sent = 0
  let failed = 0
  let dropped = 0
  const timers = new Set<NodeJS.Timeout>()

  const later = (millis: number, run: () => void) => {
    const timer = setTimeout(() => {
      timers.delete(timer)
      run()
    }, millis)
    timers.add(timer)
  }

  const post = async (to: WebhookOptions, body: string, attempt: number): Promise<void> => {
    const signature = createHmac("sha256", to.appSecret).update(body).digest("hex")
    const headers = { "content-type": "application/json", "x-hub-signature-256": `sha256=${signature}` }
    const ok = await fetch(to.url, { method: "POST", headers, body }).then(
      async (response) => {
        await response.arrayBuffer()
        return response.ok
      },
      () => false
    )
    if (ok) sent++
    else if (closed || attempt >= attemptsMax) failed++
    else later(Math.min(retryMillis * attempt, retryMillisMax), () => void post(to, body, attempt + 1))
  }

  return {
    setTarget: (to: WebhookOptions | null) => {
      target = to
    },
    schedule: (status: Status, now: number, delayMillis: number) => {
      const to = target
      if (to === null || closed) return
      if (timers.size >= pendingMax) {
        dropped++
        return
      }
      later(delayMillis, () => void post(to, JSON.stringify(notification(status, now + delayMillis)), 1))
    },
    stats: () => ({ url: target?.url ?? null, sent, failed, dropped, pending: timers.size }),
    close: () => {
      closed = true
      for (const timer of timers) clearTimeout(timer)
      timers.clear()
    }
  }
}
type Webhook = ReturnType<typeof makeWebhook>

export const webhookControl = (webhook: Webhook): PlatformControl => ({
  routes: {
    "POST /webhook": {
      help: "Where WhatsApp's statuses go: {url, app_secret}; {url: null} switches them off.",
      handle: (request) => {
        const body = parseJson(request.body)
        if (!isObject(body)) return json(400, { error: "Send {url, app_secret}." })
        const appSecret = typeof body.app_secret === "string" ? body.app_secret : defaultAppSecret
        webhook.setTarget(typeof body.url === "string" ? { url: body.url, appSecret } : null)
        return json(200, webhook.stats())
      }
    }
  },
  stats: () => ({ webhook: webhook.stats() })
})

/** `entry[].changes[].value.statuses[]`. */
const notification = (status: Status, now: number): JsonObject => ({
  object: "whatsapp_business_account",
  entry: [
    {
      id: "sandbox-whatsapp-business-account",
      changes: [
        {
          field: "messages",
          value: {
            messaging_product: "whatsapp",
            metadata: { display_phone_number: "15550000000", phone_number_id: status.phoneNumberId },
            statuses: [
              {
                id: status.wamid,
                status: status.status,
                timestamp: String(Math.floor(now / 1000)),
                ...(status.isUserId
                  ? { recipient_user_id: status.recipient }
                  : { recipient_id: status.recipient, recipient_user_id: userIdOf(status.recipient) }),
                ...(status.status === "failed" ? {} : { pricing }),
                ...(status.callbackData === null ? {} : { biz_opaque_callback_data: status.callbackData }),
                ...(status.error === null
                  ? {}
                  : {
                      errors: [
                        { ...status.error, message: status.error.title, error_data: { details: status.error.title } }
                      ]
                    })
              }
            ]
          }
        }
      ]
    }
  ]
})

/** The user id of a number: the same for the same number. */
const userIdOf = (phone: string): string => `US.1${phone.padStart(19, "0")}`

const pricing = { billable: true, pricing_model: "PMP", type: "regular", category: "utility" }
