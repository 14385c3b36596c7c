/** Who may ask the console what: hosts, origins, the token, sessions. Times in monotonic milliseconds. */
import { createHash, randomBytes, timingSafeEqual } from "node:crypto"
import * as Redacted from "effect/Redacted"
import { actionHeader } from "../api.ts"
import { isLoopback } from "../settings.ts"

/** What is looked at of a request. Names of headers are in lower case. */
export interface AccessRequest {
  readonly method: string
  /** With its query. */
  readonly url: string
  readonly headers: Readonly<Record<string, string | undefined>>
}

export interface Refusal {
  readonly status: 401 | 403
  readonly code: "unauthorized" | "wrong_host" | "wrong_origin" | "no_action_header"
  readonly message: string
  readonly nextStep: string
}

export const sessionMillis = 12 * 3_600_000
const sessionsMax = 1_000
/** Wrong tokens in a minute, of all clients together: then each waits. */
const failuresMax = 20
const failureMillis = 60_000

export class Access {
  /** The end of each session, by the hash of its cookie: the oldest first. */
  private readonly sessions = new Map<string, number>()
  private failures: ReadonlyArray<number> = []
  private readonly tokenHash: Buffer | null

  /** `token` is null where the console may be read without one, which is on loopback alone. */
  constructor(token: Redacted.Redacted | null) {
    this.tokenHash = token === null ? null : sha256(Redacted.value(token))
  }

  get tokenRequired(): boolean {
    return this.tokenHash !== null
  }

  /** Null for a request that may be answered, but for its session. */
  refusalOf({ method, headers }: AccessRequest): Refusal | null {
    const host = headers["host"] ?? ""
    // Without a token the address is all that protects: a page of another name that leads here must not read it (DNS rebinding).
    if (!this.tokenRequired && !isLoopback(hostName(host))) return wrongHost
    if (method === "GET" || method === "HEAD") return null
    const { origin } = headers
    const site = headers["sec-fetch-site"]
    if (origin !== undefined && originHost(origin) !== host.toLowerCase()) return wrongOrigin
    if (site !== undefined && site !== "same-origin" && site !== "none") return wrongOrigin
    return headers[actionHeader.name.toLowerCase()] === actionHeader.value ? null : noActionHeader
  }

  /** Whether the request may read and act. */
  isSignedIn({ headers }: AccessRequest, now: number): boolean {
    if (this.tokenHash === null) return true
    const bearer = /^Bearer ([^\s]+)$/i.exec(headers["authorization"] ?? "")?.[1]
    if (bearer !== undefined) return this.isToken(bearer, now)
    const cookie = cookieOf(headers)
    return cookie !== null && this.isSession(cookie, now)
  }

  /** Whether a session of this cookie is still open. */
  isSession(cookie: string, now: number): boolean {
    const end = this.sessions.get(nameOf(cookie))
    return end !== undefined && end > now
  }

  /** A new session's cookie; null where the token is wrong, `locked` where too many were. */
  signIn(token: string, now: number): { readonly cookie: string } | "locked" | null {
    this.failures = this.failures.filter((at) => now - at < failureMillis)
    if (this.failures.length >= failuresMax) return "locked"
    if (!this.isToken(token, now)) return null
    const cookie = randomBytes(32).toString("base64url")
    this.sessions.set(nameOf(cookie), now + sessionMillis)
    for (const [oldest, end] of this.sessions) {
      if (this.sessions.size <= sessionsMax && end > now) break
      this.sessions.delete(oldest)
    }
    return { cookie }
  }

  signOut({ headers }: AccessRequest): void {
    const cookie = cookieOf(headers)
    if (cookie !== null) this.sessions.delete(nameOf(cookie))
  }

  /** In a time that does not depend on the texts. */
  private isToken(given: string, now: number): boolean {
    if (this.failures.filter((at) => now - at < failureMillis).length >= failuresMax) return false
    const isRight = this.tokenHash !== null && timingSafeEqual(sha256(given), this.tokenHash)
    if (!isRight) this.failures = [...this.failures, now].slice(-failuresMax)
    return isRight
  }
}

/** A browser sends a host's cookies to all of its ports: consoles on two of them, such as forwarded ones, must not end each other's sessions. */
const cookieName = ({ host = "" }: AccessRequest["headers"]): string => {
  const port = /:(\d+)$/.exec(host)?.[1]
  return port === undefined ? "capi_console" : `capi_console_${port}`
}

/** The value of the session's cookie; null where the request has no cookie of ours. */
export const cookieOf = (headers: AccessRequest["headers"]): string | null => {
  const ours = cookieName(headers)
  for (const pair of (headers["cookie"] ?? "").split(";")) {
    const [name, value] = pair.trim().split("=", 2)
    if (name === ours && value !== undefined && /^[A-Za-z0-9_-]{43}$/.test(value)) return value
  }
  return null
}

/** For who sent these headers. `isSecure`: the browser came by HTTPS. */
export const setCookie = (
  headers: AccessRequest["headers"],
  value: string,
  isSecure: boolean,
  maxAgeMillis: number
): string =>
  [
    `${cookieName(headers)}=${value}`,
    `Path=/; HttpOnly; SameSite=Strict; Max-Age=${Math.round(maxAgeMillis / 1_000)}`,
    ...(isSecure ? ["Secure"] : [])
  ].join("; ")

const sha256 = (text: string): Buffer => createHash("sha256").update(text).digest()
const nameOf = (cookie: string): string => sha256(cookie).toString("base64")

/** Without its port. */
const hostName = (host: string): string => host.toLowerCase().replace(/:\d+$/, "")

const originHost = (origin: string): string | null => (URL.canParse(origin) ? new URL(origin).host.toLowerCase() : null)

const refusal = (status: Refusal["status"], code: Refusal["code"], message: string, nextStep: string): Refusal => ({
  status,
  code,
  message,
  nextStep
})

const wrongHost = refusal(
  403,
  "wrong_host",
  "Without CAPI_CONSOLE_TOKEN the console answers to localhost and 127.0.0.1 alone.",
  "Open it by one of these names, or set CAPI_CONSOLE_TOKEN."
)
const wrongOrigin = refusal(403, "wrong_origin", "The request comes from another site.", "Use the console's page.")
const noActionHeader = refusal(
  403,
  "no_action_header",
  `A request that acts needs the header ${actionHeader.name}: ${actionHeader.value}.`,
  "Use the console's page, or add the header."
)
export const notSignedIn = refusal(
  401,
  "unauthorized",
  "This needs the console's token.",
  "Sign in with CAPI_CONSOLE_TOKEN."
)
