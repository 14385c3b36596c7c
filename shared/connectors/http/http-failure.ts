import * as Data from "effect/Data"
import type { BatchVerdict, ErrorClass, EventVerdict } from "../exchange.ts"
import { uniformVerdict, verdictMeta } from "../verdicts.ts"

/** Why no usable answer came. Low-cardinality, fit for metrics and result records. */
export type HttpFailureCode =
  | "timeout"
  | "connect_timeout"
  | "refused"
  | "dns"
  | "reset"
  | "tls"
  | "body_too_large"
  | "invalid_encoding"
  | "invalid_response"
  | "invalid_request"
  | "closed"
  | "network"

/**
 * A request without a usable answer. It holds neither URL parameters nor headers nor the underlying error, because those
 * may hold a token; `host` is all it holds of the address.
 */
export class HttpFailure extends Data.TaggedError("HttpFailure")<{
  readonly code: HttpFailureCode
  readonly message: string
  readonly nextStep: string
  readonly host: string
  /** False where no byte of the request was written to a connection: then a repeat can't be a second delivery. */
  readonly mayHaveArrived: boolean
}> {}

/**
 * The failure of a code, in words.
 *
 * @param written whether any byte of the request may have been written; by default what is usual for the code
 */
export const httpFailure = (
  code: HttpFailureCode,
  host: string,
  written: boolean = !neverConnected.has(code)
): HttpFailure => {
  const { message, nextStep } = texts[code]
  return new HttpFailure({
    code,
    host,
    message: `${message} (${host}).`,
    nextStep,
    mayHaveArrived: written
  })
}

/**
 * The failure that an error of the HTTP layer means: by its code, or its cause's. The code alone does not say whether the request
 * arrived: a handshake may be reset, and a connection that was made may time out.
 */
export const httpFailureFrom = (error: unknown, host: string, written: boolean): HttpFailure => {
  const code = codeOf(error)
  if (code === "connect_timeout" && written) return httpFailure("timeout", host, true)
  return httpFailure(code, host, written && code !== "invalid_request")
}

/** What a failure says of each event of the request. */
export const failureVerdict = (failure: HttpFailure): BatchVerdict => uniformVerdict(verdictMeta, httpVerdict(failure))

export const httpVerdict = (failure: HttpFailure): EventVerdict => {
  const errorClass = classOf(failure.code)
  return {
    errorClass,
    reasonCode: `http_${failure.code}`,
    message: failure.message,
    nextStep: failure.nextStep,
    ...(errorClass === "unknown" ? { unreadable: true } : {})
  }
}

const classOf = (code: HttpFailureCode): ErrorClass =>
  code === "tls" || code === "invalid_request"
    ? "configuration"
    : code === "invalid_encoding" || code === "body_too_large"
      ? "unknown"
      : "transient"

const neverConnected: ReadonlySet<HttpFailureCode> = new Set<HttpFailureCode>([
  "connect_timeout",
  "refused",
  "dns",
  "tls",
  "invalid_request",
  "closed"
])

const texts: Record<HttpFailureCode, { readonly message: string; readonly nextStep: string }> = {
  timeout: {
    message: "The platform did not answer in time",
    nextStep: "It is retried; if it lasts, look at the platform's status page."
  },
  connect_timeout: {
    message: "No connection in time",
    nextStep: "Check the network, the proxy and the firewall towards the host."
  },
  refused: { message: "The host refused the connection", nextStep: "Check endpoint.host and its port." },
  dns: { message: "The host's name does not resolve", nextStep: "Check endpoint.host and the DNS of this machine." },
  reset: {
    message: "The connection broke before the answer was complete",
    nextStep: "It is retried; if it lasts, look at the network."
  },
  tls: {
    message: "The host's certificate is not accepted",
    nextStep: "Check endpoint.host, the clock, and proxies that intercept TLS."
  },
  body_too_large: {
    message: "The answer is larger than allowed",
    nextStep: "Check that endpoint.host is the platform's API."
  },
  invalid_encoding: {
    message: "The answer's compression is broken",
    nextStep: "Check proxies between here and the platform."
  },
  invalid_response: { message: "The answer is not HTTP", nextStep: "Check endpoint.host, its port and its protocol." },
  invalid_request: {
    message: "The request can't be sent",
    nextStep: "Check endpoint.host and the credential for line breaks or foreign characters."
  },
  closed: {
    message: "The connection pool is closed",
    nextStep: "The program is stopping; the events are sent after the restart."
  },
  network: { message: "The network failed", nextStep: "It is retried; if it lasts, look at the network." }
}

const codes: ReadonlyMap<string, HttpFailureCode> = new Map(
  Object.entries<HttpFailureCode>({
    ECONNREFUSED: "refused",
    ENOTFOUND: "dns",
    EAI_AGAIN: "dns",
    ECONNRESET: "reset",
    EPIPE: "reset",
    UND_ERR_SOCKET: "reset",
    UND_ERR_ABORTED: "reset",
    UND_ERR_REQ_CONTENT_LENGTH_MISMATCH: "invalid_request",
    UND_ERR_RES_CONTENT_LENGTH_MISMATCH: "invalid_response",
    UND_ERR_RES_EXCEEDED_MAX_SIZE: "body_too_large",
    UND_ERR_HEADERS_OVERFLOW: "invalid_response",
    UND_ERR_CONNECT_TIMEOUT: "connect_timeout",
    ETIMEDOUT: "connect_timeout",
    UND_ERR_HEADERS_TIMEOUT: "timeout",
    UND_ERR_BODY_TIMEOUT: "timeout",
    UND_ERR_INVALID_ARG: "invalid_request",
    UND_ERR_DESTROYED: "closed",
    UND_ERR_CLOSED: "closed",
    ERR_INVALID_URL: "invalid_request",
    CERT_HAS_EXPIRED: "tls",
    DEPTH_ZERO_SELF_SIGNED_CERT: "tls",
    SELF_SIGNED_CERT_IN_CHAIN: "tls",
    UNABLE_TO_VERIFY_LEAF_SIGNATURE: "tls",
    UNABLE_TO_GET_ISSUER_CERT_LOCALLY: "tls",
    EPROTO: "tls"
  })
)

// Errors are nested (Effect's HttpClientError, undici's, the socket's, an AggregateError of several addresses).
const codeOf = (error: unknown, depth = 0): HttpFailureCode => {
  if (depth > 5 || typeof error !== "object" || error === null) return "network"
  const { code, name, _tag, reason, cause, errors } = error as Record<string, unknown>
  // Its code says what was wrong, and not always.
  if (name === "HTTPParserError") return "invalid_response"
  if (_tag === "InvalidUrlError" || _tag === "EncodeError") return "invalid_request"
  if (typeof code === "string") {
    const known = codes.get(code)
    if (known !== undefined) return known
    if (code.startsWith("ERR_TLS") || code.startsWith("ERR_SSL") || code.startsWith("CERT_")) return "tls"
  }
  for (const inner of [reason, cause, Array.isArray(errors) ? errors[0] : undefined]) {
    const found = codeOf(inner, depth + 1)
    if (found !== "network") return found
  }
  return "network"
}
