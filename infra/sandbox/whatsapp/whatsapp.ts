/** WhatsApp's Cloud API: `POST /{version}/{phone_number_id}/messages`. One message a request; a repeat is a second message. */
import type { Problem } from "../check.ts"
import {
  debugToken,
  type GraphError,
  graphError,
  graphFailure,
  graphPath,
  graphVersions,
  tokenError,
  unknownPath,
  unsupportedRequest,
  versionHeaders
} from "../graph.ts"
import {
  type Answer,
  type Assets,
  isObject,
  type JsonObject,
  json,
  type PlatformServer,
  parseJson,
  type SandboxRequest,
  type Situation
} from "../platform.ts"
import { type Deps, platformSandbox } from "../platform-sandbox.ts"
import { makePairRate, makeRate } from "../rate.ts"
import { messageProblem } from "./message-fields.ts"
import { defaultAppSecret, makeWebhook, type WebhookOptions, webhookControl } from "./webhook.ts"

export interface WhatsAppOptions {
  readonly tokens: ReadonlyArray<string>
  /** When the tokens expire, in seconds since the epoch; 0: never. */
  readonly tokenExpiresAtSeconds: number
  readonly assets: Assets
  readonly versions: ReadonlyArray<string>
  readonly messagesPerSecond: number | null
  readonly pairWindowMillis: number
  /** Known template names; null: any. */
  readonly templates: ReadonlyArray<string> | null
  /** Templates of the category authentication: they go to phone numbers alone. */
  readonly authenticationTemplates: ReadonlyArray<string>
  readonly webhook: WebhookOptions | null
  /** Time from the answer to each later status. */
  readonly statusDelayMillis: number
}

const defaults: WhatsAppOptions = {
  tokens: ["sandbox-whatsapp-token"],
  tokenExpiresAtSeconds: 0,
  assets: null,
  versions: graphVersions,
  messagesPerSecond: 80,
  pairWindowMillis: 6000,
  templates: null,
  authenticationTemplates: [],
  webhook: null,
  statusDelayMillis: 200
}

export const whatsappSandbox = platformSandbox({
  servers: ["whatsapp"],
  defaults: { whatsapp: defaults },
  make: ({ whatsapp }, deps) => [makeWhatsApp(whatsapp, deps)],
  credentials: ({ whatsapp }) => ({
    whatsapp: {
      variable: "WHATSAPP_TOKEN",
      secret: {
        access_token: whatsapp.tokens[0]!,
        app_secret: whatsapp.webhook?.appSecret ?? defaultAppSecret,
        verify_token: "sandbox-verify-token"
      }
    }
  })
})

const makeWhatsApp = (options: WhatsAppOptions, { store, random }: Deps): PlatformServer => {
  const webhook = makeWebhook(options.webhook)
  const perNumber = new Map<string, ReturnType<typeof makeRate>>()
  const pairs = makePairRate(options.pairWindowMillis)
  const credentials = { tokens: options.tokens, appSecret: null }

  const refuse = (error: GraphError, reason: string, events = 0): Answer => {
    store.reject("whatsapp", reason, events)
    return graphError(error, random)
  }

  const answer = (request: SandboxRequest, situation: Situation): Answer => {
    const path = graphPath(request.path)
    const version = path === null ? null : versionHeaders(path.version, options.versions)
    if (path === null || version === null) return refuse(unknownPath(request.path), "unknown_path")
    const denied = tokenError(request, null, null, credentials, situation)
    if (denied !== null) return refuse(denied, "token")
    if (request.method === "GET" && path.id === "debug_token" && path.edge === null)
      return debugToken(request, { tokens: options.tokens, expiresAtSeconds: options.tokenExpiresAtSeconds })
    if (!/^\d+$/.test(path.id) || (options.assets !== null && !options.assets.includes(path.id)))
      return refuse(unsupportedRequest(request.method, path.id), "unknown_number")
    if (request.method === "GET" && path.edge === null)
      return json(
        200,
        { id: path.id, display_phone_number: "+1 555-000-0000", verified_name: "Sandbox", quality_rating: "GREEN" },
        version
      )
    if (request.method !== "POST" || path.edge !== "messages")
      return refuse(unsupportedRequest(request.method, path.id), "unknown_path")
    return send(path.id, request, situation)
  }

  const send = (number: string, request: SandboxRequest, situation: Situation): Answer => {
    const message = parseJson(request.body)
    if (!isObject(message)) return refuse(codeError(100, "Invalid parameter", "The body is not JSON."), "no_json", 1)
    const problem = messageProblem(message, (text) => store.warn("whatsapp", text))
    if (problem !== null)
      return refuse(problemError(problem), `${problem.kind}:${problem.path.replaceAll(/\[\d+\]/g, "[]")}`, 1)
    const unknown = unknownTemplate(message)
    if (unknown !== null)
      return refuse(codeError(132001, "Template name does not exist in the translation", unknown), "template", 1)
    // With both given the phone number wins.
    const userId = typeof message.to === "string" ? null : String(message.recipient)
    if (userId !== null && isAuthentication(message))
      return refuse(
        codeError(
          131062,
          "Business-scoped User ID (BSUID) recipients are not supported for this message",
          "A phone number is required."
        ),
        "user_id",
        1
      )
    const recipient = userId ?? String(message.to).replace("+", "")
    const data = typeof message.biz_opaque_callback_data === "string" ? message.biz_opaque_callback_data : null
    const poison = situation.poisoned(data, message)
    if (poison !== null) return refuse(codeError(131026, "Message undeliverable", poison), "scripted", 1)
    if (!rateOf(number).take(request.now))
      return refuse(
        codeError(
          130429,
          "Rate limit hit",
          "Message failed to send because there were too many messages sent from this phone number."
        ),
        "throttled"
      )
    if (!pairs.take(`${number}\t${recipient}`, request.now))
      return refuse(
        codeError(
          131056,
          "(Business Account, Consumer Account) pair rate limit hit",
          "Message failed to send because there were too many messages sent from this phone number to the same phone number."
        ),
        "pair_throttled"
      )
    return accept(number, { recipient, isUserId: userId !== null }, data, message, request.now, situation)
  }

  const accept = (
    number: string,
    { recipient, isUserId }: { readonly recipient: string; readonly isUserId: boolean },
    data: string | null,
    message: JsonObject,
    now: number,
    situation: Situation
  ): Answer => {
    const wamid = `wamid.HBgL${random.characters(44)}==`
    store.receive("whatsapp", {
      asset: number,
      event_name: isObject(message.template) ? String(message.template.name) : "text",
      event_id: data,
      received_at: now,
      // The platform does not deduplicate; counting repeats is the sandbox's own service.
      key: data === null ? null : `${number}\t${data}`,
      body: message
    })
    const later = situation.failsLater(data, message)
    const status = { wamid, recipient, isUserId, phoneNumberId: number, callbackData: data }
    const delay = options.statusDelayMillis
    webhook.schedule({ ...status, status: "sent", error: null }, now, delay)
    if (later === null) webhook.schedule({ ...status, status: "delivered", error: null }, now, delay * 2)
    else
      webhook.schedule(
        { ...status, status: "failed", error: { code: Number.parseInt(later, 10) || 131026, title: later } },
        now,
        delay * 2
      )
    return json(200, {
      messaging_product: "whatsapp",
      contacts: [isUserId ? { input: recipient, user_id: recipient } : { input: String(message.to), wa_id: recipient }],
      messages: [{ id: wamid }]
    })
  }

  const rateOf = (number: string) => {
    const known = perNumber.get(number)
    if (known !== undefined) return known
    const rate = makeRate(
      options.messagesPerSecond === null ? null : { limit: options.messagesPerSecond, windowMillis: 1000 }
    )
    perNumber.set(number, rate)
    return rate
  }

  const isAuthentication = (message: JsonObject): boolean =>
    isObject(message.template) && options.authenticationTemplates.includes(String(message.template.name))

  const unknownTemplate = (message: JsonObject): string | null => {
    if (options.templates === null || !isObject(message.template)) return null
    const name = String(message.template.name)
    return options.templates.includes(name) ? null : `template name (${name}) does not exist`
  }

  return {
    platform: "whatsapp",
    eventKey: '"messaging_product":',
    control: webhookControl(webhook),
    close: webhook.close,
    answer,
    fail: (failure, request) => {
      const answered = graphError(
        graphFailure(failure, request.now, codeError(130429, "Rate limit hit", "Scripted")),
        random
      )
      return failure._tag === "Throttled" && failure.retryAfterSeconds !== null
        ? { ...answered, headers: { ...answered.headers, "retry-after": String(failure.retryAfterSeconds) } }
        : answered
    },
    uncheckedAnswer: () =>
      json(200, {
        messaging_product: "whatsapp",
        contacts: [],
        messages: [{ id: `wamid.HBgL${random.characters(20)}` }]
      }),
    reset: () => {
      perNumber.clear()
      pairs.reset()
    }
  }
}

const codeError = (code: number, title: string, details: string): GraphError => ({
  status: 400,
  code,
  message: `(#${code}) ${title}`,
  error_data: { messaging_product: "whatsapp", details }
})

const problemError = (problem: Problem): GraphError => {
  const details = `${problem.path}: ${problem.message}`
  if (problem.kind === "missing") return codeError(131008, "Required parameter is missing", details)
  if (problem.reason === "132012")
    return codeError(132012, "Parameter format does not match format in the created template", details)
  if (problem.path === "type") return codeError(131051, "Unsupported message type", details)
  return problem.kind === "type"
    ? codeError(100, "Invalid parameter", details)
    : codeError(131009, "Parameter value is not valid", details)
}
