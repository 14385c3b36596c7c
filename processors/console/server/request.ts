/** What routes ask of a request, and how they answer. */
import * as Cause from "effect/Cause"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import type { HttpServerRequest } from "effect/http/HttpServerRequest"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import { describeFailure, exitCodes } from "../../../shared/runtime/exit.ts"
import { visibleJson } from "../../../shared/telemetry/printable.ts"
import { type ApiError, bodyBytesMax } from "../api.ts"
import type { AccessRequest } from "./access.ts"

export class RequestError extends Data.TaggedError("RequestError")<{
  readonly status: number
  readonly code: string
  readonly message: string
  readonly nextStep: string
}> {}

/** A body as JSON: an object, whose fields are checked by who reads them. */
export type Body = Readonly<Record<string, unknown>>

export const accessOf = ({ method, url, headers }: HttpServerRequest): AccessRequest => ({ method, url, headers })

export const queryOf = ({ url }: HttpServerRequest): URLSearchParams =>
  new URLSearchParams(url.includes("?") ? url.slice(url.indexOf("?")) : "")

export const checkedBody = <A>(bytes: Buffer): Effect.Effect<A, RequestError> => {
  if (bytes.length > bodyBytesMax)
    return new RequestError({
      status: 413,
      code: "too_large",
      message: `The body has more than ${bodyBytesMax} bytes.`,
      nextStep: "Send less."
    })
  return Effect.try({
    try: (): unknown => JSON.parse(bytes.toString("utf8")),
    catch: () => invalid("body", "it is not JSON", "Send a JSON object.")
  }).pipe(
    Effect.flatMap((body) =>
      typeof body === "object" && body !== null && !Array.isArray(body)
        ? Effect.succeed(body as A)
        : invalid("body", "it is not an object", "Send a JSON object.")
    )
  )
}

export const invalid = (name: string, why: string, nextStep: string): RequestError =>
  new RequestError({ status: 400, code: "invalid_request", message: `${name}: ${why}.`, nextStep })

/** A parameter that must be there. */
export const needed = (query: URLSearchParams, name: string): Effect.Effect<string, RequestError> => {
  const value = query.get(name)?.trim() ?? ""
  if (value === "") return invalid(name, "it is missing", `Give ${name} in the query.`)
  return value.length > textMax ? invalid(name, "it is too long", "Give a shorter text.") : Effect.succeed(value)
}
const textMax = 1_024

export const oneOf = (
  name: string,
  value: string,
  known: ReadonlyArray<string>
): Effect.Effect<string, RequestError> =>
  known.includes(value) ? Effect.succeed(value) : invalid(name, "it is not known", `Give one of ${known.join(", ")}.`)

/** Null where it is absent or no number. */
export const numberOf = (query: URLSearchParams, name: string): number | null => {
  const value = Number(query.get(name) ?? Number.NaN)
  return Number.isFinite(value) ? value : null
}

export const json = (value: unknown, status = 200): HttpServerResponse.HttpServerResponse =>
  HttpServerResponse.text(visibleJson(value), {
    status,
    contentType: "application/json",
    headers: { "cache-control": "no-store" }
  })

export const errorResponse = (
  status: number,
  { code, message, nextStep }: { readonly code: string; readonly message: string; readonly nextStep: string }
): HttpServerResponse.HttpServerResponse =>
  json({ error: { code, message, next_step: nextStep } } satisfies ApiError, status)

/** A failure as its answer; one that is a bug says no more than that. */
export const failureResponse = (cause: Cause.Cause<unknown>): HttpServerResponse.HttpServerResponse => {
  const failure = describeFailure(cause)
  if (failure === null) return errorResponse(503, stopping)
  if (failure.code === "bug") return errorResponse(500, bug)
  const error = Cause.squash(cause)
  const given = typeof error === "object" && error !== null && "status" in error ? error.status : null
  const status = typeof given === "number" ? given : failure.exitCode === exitCodes.unreachable ? 503 : 409
  return errorResponse(status, { code: failure.code, message: failure.message, nextStep: failure.nextStep ?? "" })
}

/** Only bugs: what is wrong with a request or with Kafka is the client's to see. */
export const logUnexpected = (cause: Cause.Cause<unknown>): Effect.Effect<void> =>
  describeFailure(cause)?.code === "bug" ? Effect.logError("A route of the console failed.", cause) : Effect.void

const stopping = { code: "stopping", message: "The console stops.", nextStep: "Try again in a while." }
const bug = { code: "bug", message: "The console failed.", nextStep: "Its log says why." }
