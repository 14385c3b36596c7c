/** What each fake platform is to the sandbox's server: a plain function from a request to an answer. */
import type { IncomingHttpHeaders } from "node:http"

export type Json = string | number | boolean | null | ReadonlyArray<Json> | JsonObject
export interface JsonObject {
  readonly [key: string]: Json
}

/** Accounts' identifiers the platform knows; null: any well-formed one. */
export type Assets = ReadonlyArray<string> | null

export interface SandboxRequest {
  readonly method: string
  readonly path: string
  readonly query: URLSearchParams
  readonly headers: IncomingHttpHeaders
  readonly body: Buffer
  /** Milliseconds since the epoch, the sandbox's clock. */
  readonly now: number
}

export interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

/** Failures that every platform words in its own way. */
export type Failure =
  | { readonly _tag: "Throttled"; readonly retryAfterSeconds: number | null }
  | { readonly _tag: "ServerError"; readonly status: number }
  | { readonly _tag: "ExpiredToken" }
  /** The platform's own code, in its own body: Meta and WhatsApp code and subcode, TikTok code, Google reason. */
  | {
      readonly _tag: "Code"
      readonly code: number | string
      readonly subcode: number | null
      readonly message: string | null
    }

/** What scripted faults mean for the request in hand. */
export interface Situation {
  /** Tokens issued or configured before this time (milliseconds) are refused; null where none is. */
  readonly tokensExpiredBefore: number | null
  readonly refreshRevoked: boolean
  /** Why the platform refuses this event, or null. */
  readonly poisoned: (eventId: string | null, event: JsonObject) => string | null
  /** Like `poisoned`, for platforms that find out after they have answered. */
  readonly failsLater: (eventId: string | null, event: JsonObject) => string | null
}

/** One server: an address of the platform, with a port in the sandbox. */
export interface PlatformServer {
  /** Its name in the sandbox's lists, such as `google-ads`. */
  readonly platform: string
  /** The JSON key that occurs once for each event in a request's body, as it is written there: `"event_id":`. */
  readonly eventKey: string
  /** The key before each event's id, where that is another one. */
  readonly idKey?: string
  readonly answer: (request: SandboxRequest, situation: Situation) => Answer
  readonly fail: (failure: Failure, request: SandboxRequest) => Answer
  /** What `validation: "off"` answers to every POST. */
  readonly uncheckedAnswer: (events: number, now: number) => Answer
  readonly reset: () => void
  /** What the server adds to the control interface. */
  readonly control?: PlatformControl
  /** Runs once when the sandbox ends. */
  readonly close?: () => void
}

export interface PlatformControl {
  /** By method and path, such as `POST /webhook`. */
  readonly routes: Readonly<
    Record<string, { readonly help: string; readonly handle: (request: SandboxRequest) => Answer }>
  >
  /** Added to the answer of `GET /_sandbox/stats`. */
  readonly stats: () => JsonObject
}

export const json = (status: number, body: JsonObject, headers: Readonly<Record<string, string>> = {}): Answer => ({
  status,
  headers: { "content-type": "application/json; charset=UTF-8", ...headers },
  body: JSON.stringify(body)
})

export const isObject = (value: Json | undefined): value is JsonObject =>
  typeof value === "object" && value !== null && !Array.isArray(value)

/** The body as JSON, or undefined if it is not JSON. */
export const parseJson = (body: Buffer | string): Json | undefined => {
  try {
    return JSON.parse(typeof body === "string" ? body : body.toString("utf8"))
  } catch {
    return undefined
  }
}

/** The token of an `Authorization: Bearer` header, or null. */
export const bearerToken = (request: SandboxRequest): string | null =>
  /^(?:Bearer|OAuth) (.+)$/i.exec(request.headers.authorization ?? "")?.[1]?.trim() ?? null
