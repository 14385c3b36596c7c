/** One request through the sandbox: faults before, the platform's answer, faults after. */
import { type Fault, type FaultKind, type Faults, latencyOf, offence } from "./faults.ts"
import type { Answer, Failure, Json, PlatformServer, SandboxRequest, Situation } from "./platform.ts"
import type { Random } from "./random.ts"
import type { Store } from "./store.ts"

/** What the server does with the connection. */
export interface Outcome {
  readonly delayMillis: number
  readonly act:
    | { readonly _tag: "Send"; readonly answer: Answer }
    | { readonly _tag: "SendSlowly"; readonly answer: Answer; readonly overMillis: number }
    | { readonly _tag: "SendHalf"; readonly answer: Answer }
    | { readonly _tag: "Cut" }
    | { readonly _tag: "Hang" }
}

export interface ExchangeOptions {
  readonly faults: Faults
  readonly store: Store
  readonly random: Random
  readonly validation: "documented" | "off"
}

const hugeBodyBytes = 64 * 1024 * 1024

/** Decides a request's outcome. Processing happens in here, before any delay, so that a cut afterwards has processed it. */
export const exchange = (server: PlatformServer, request: SandboxRequest, options: ExchangeOptions): Outcome => {
  const { faults, store, random } = options
  const platform = server.platform
  store.request(platform, request.body.length)
  const events = request.method === "POST" ? countEvents(server, request.body) : 0
  const applying = faults.applying({ platform, path: request.path, events, now: request.now })
  const of = (kind: FaultKind) => applying.find((fault) => fault.kind === kind)
  const delayMillis = applying
    .filter((fault) => fault.kind === "latency")
    .reduce((sum, fault) => sum + latencyOf(fault, events, random), 0)

  if (of("dead") !== undefined || of("reset_before") !== undefined) return { delayMillis, act: { _tag: "Cut" } }
  if (of("hang") !== undefined) return { delayMillis, act: { _tag: "Hang" } }
  const instead = replacement(applying, server, request)
  const answer =
    instead ??
    (options.validation === "off" && events > 0
      ? answerUnchecked(server, request, store)
      : server.answer(request, situationOf(applying, request.now)))
  store.answered(platform, answer.status)

  if (of("reset_after") !== undefined) return { delayMillis, act: { _tag: "Cut" } }
  if (of("truncated_body") !== undefined) return { delayMillis, act: { _tag: "SendHalf", answer } }
  const slow = of("slow_body")
  if (slow !== undefined)
    return { delayMillis, act: { _tag: "SendSlowly", answer, overMillis: numberOf(slow.settings.delay_ms, 1000) } }
  const huge = of("huge_body")
  const body = huge === undefined ? answer.body : answer.body + " ".repeat(numberOf(huge.settings.bytes, hugeBodyBytes))
  return { delayMillis, act: { _tag: "Send", answer: { ...answer, body } } }
}

/** Counts the event ids without parsing: the sink of benchmarks. */
const answerUnchecked = (server: PlatformServer, request: SandboxRequest, store: Store): Answer => {
  const ids = eventIds(server, request.body)
  for (const id of ids)
    store.receive(server.platform, {
      asset: "",
      event_name: "",
      event_id: id,
      received_at: request.now,
      key: id,
      body: null
    })
  return server.uncheckedAnswer(ids.length, request.now)
}

/** How many events the body holds, near enough for faults and benchmarks: its keys are searched as bytes. */
const countEvents = ({ eventKey }: PlatformServer, body: Buffer): number => {
  let count = 0
  for (let at = body.indexOf(eventKey); at !== -1; at = body.indexOf(eventKey, at + eventKey.length)) count++
  return count
}

/** The event ids in the body, as they stand between the quotes. */
const eventIds = ({ eventKey, idKey = eventKey }: PlatformServer, body: Buffer): ReadonlyArray<string> => {
  const found: Array<string> = []
  for (let at = body.indexOf(idKey); at !== -1; at = body.indexOf(idKey, at + idKey.length)) {
    const start = body.indexOf(0x22, at + idKey.length) + 1
    const end = body.indexOf(0x22, start)
    if (start === 0 || end === -1) break
    found.push(body.toString("latin1", start, end))
  }
  return found
}

const situationOf = (applying: ReadonlyArray<Fault>, now: number): Situation => {
  const of = (kind: FaultKind) => applying.filter((fault) => fault.kind === kind)
  const expired = of("expired_token")
  const poison = of("poison")
  const later = of("fails_later")
  return {
    tokensExpiredBefore: expired.length === 0 ? null : Math.min(now, ...expired.map((fault) => fault.from)),
    refreshRevoked: of("revoked_refresh").length > 0,
    poisoned: poison.length === 0 ? never : (eventId, event) => offence(poison, eventId, event),
    failsLater: later.length === 0 ? never : (eventId, event) => offence(later, eventId, event)
  }
}

const never = () => null

/** The scripted answer that takes the place of the platform's, without processing. */
const replacement = (
  applying: ReadonlyArray<Fault>,
  server: PlatformServer,
  request: SandboxRequest
): Answer | null => {
  for (const fault of applying) {
    const { settings } = fault
    const failure = failureOf(fault)
    if (failure !== null) return server.fail(failure, request)
    if (fault.kind === "html")
      return {
        status: numberOf(settings.status, 502),
        headers: { "content-type": "text/html; charset=utf-8" },
        body: "<!DOCTYPE html><html><head><title>502 Bad Gateway</title></head><body><h1>Bad Gateway</h1></body></html>"
      }
    if (fault.kind === "reply")
      return {
        status: numberOf(settings.status, 200),
        headers: { "content-type": "application/json", ...(settings.headers as Record<string, string> | undefined) },
        body: typeof settings.body === "string" ? settings.body : JSON.stringify(settings.body ?? {})
      }
  }
  return null
}

const failureOf = (fault: Fault): Failure | null => {
  const { settings } = fault
  switch (fault.kind) {
    case "throttle":
      return {
        _tag: "Throttled",
        retryAfterSeconds: typeof settings.retry_after_s === "number" ? settings.retry_after_s : null
      }
    case "server_error":
      return { _tag: "ServerError", status: numberOf(settings.status, 500) }
    case "error_code":
      return {
        _tag: "Code",
        code: typeof settings.code === "string" ? settings.code : numberOf(settings.code, 1),
        subcode: typeof settings.subcode === "number" ? settings.subcode : null,
        message: typeof settings.message === "string" ? settings.message : null
      }
    default:
      return null
  }
}

const numberOf = (value: Json | undefined, otherwise: number): number => (typeof value === "number" ? value : otherwise)
