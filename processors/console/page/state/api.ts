/** Requests to the server that the page came from. */
import { type ApiError, actionHeader } from "../../api.ts"
import { learnServerTime } from "./clock.ts"

/** The server refused, or did not answer. */
export class RequestFailed extends Error {
  /** 0 where there was no answer. */
  readonly status: number
  readonly code: string
  readonly nextStep: string

  constructor(status: number, { code, message, next_step }: ApiError["error"]) {
    super(message)
    this.status = status
    this.code = code
    this.nextStep = next_step
  }
}

export type Query = Readonly<Record<string, string | number | null | undefined>>

/** A path with its query; what is empty is left out. */
export const apiPath = (path: string, query: Query = {}): string => {
  const params = new URLSearchParams()
  for (const [name, value] of Object.entries(query)) {
    if (value !== null && value !== undefined && value !== "") params.set(name, String(value))
  }
  const text = params.toString()
  return text === "" ? path : `${path}?${text}`
}

export const getJson = <Answer>(path: string, signal?: AbortSignal): Promise<Answer> =>
  request<Answer>(path, signal === undefined ? {} : { signal })

/** A request that acts. */
export const act = <Answer>(method: "POST" | "DELETE", path: string, body?: unknown): Promise<Answer> =>
  request<Answer>(path, {
    method,
    headers: {
      [actionHeader.name]: actionHeader.value,
      ...(body === undefined ? {} : { "Content-Type": "application/json" })
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) })
  })

/** Called where a request needs a session that is not there. */
export const onSignedOut: { call: () => void } = { call: () => undefined }

const request = async <Answer>(path: string, init: RequestInit): Promise<Answer> => {
  let response: Response
  try {
    response = await fetch(path, { ...init, credentials: "same-origin", cache: "no-store" })
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error
    throw unreachable
  }
  const date = Date.parse(response.headers.get("date") ?? "")
  if (!Number.isNaN(date)) learnServerTime(date)
  if (response.ok) return (await response.json()) as Answer
  const { error } = ((await response.json().catch(() => null)) as ApiError | null) ?? unexpected(response.status)
  if (response.status === 401 && path !== "/api/session") onSignedOut.call()
  throw new RequestFailed(response.status, error)
}

const unreachable = new RequestFailed(0, {
  code: "unreachable",
  message: "The console does not answer.",
  next_step: "Is its program running? The page asks again by itself."
})

const unexpected = (status: number): ApiError => ({
  error: { code: "unexpected", message: `The console answered ${status}.`, next_step: "Its log says why." }
})
