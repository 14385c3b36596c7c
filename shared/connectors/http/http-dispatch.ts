/** One request over a pool, and its answer's bytes, without streams: bodies are whole on the way out and bounded on the way in. */

import { promisify } from "node:util"
import { brotliDecompress, constants, gunzip, inflate } from "node:zlib"
import type * as Undici from "@effect/platform-node/Undici"
import * as Effect from "effect/Effect"
import { type HttpFailure, httpFailure } from "./http-failure.ts"

export interface WireRequest {
  readonly method: "GET" | "POST"
  readonly url: URL
  readonly headers: Readonly<Record<string, string>>
  readonly body: Buffer | string | null
}

/** How far a request has come. */
export interface RequestProgress {
  /** It was given to a connection, so that bytes of it may have been written; false while it waits for one. */
  started: boolean
}

export interface WireAnswer {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  /** At most as many bytes as allowed, cut beyond. */
  readonly body: Buffer
}

/**
 * Sends a request and reads the answer, whatever its status. Fails with the error of the HTTP layer. What is still under way
 * when it is interrupted, or when the answer is cut, is aborted, so that its connection is free again.
 */
export const dispatch = (
  dispatcher: Undici.Dispatcher,
  { method, url, headers, body }: WireRequest,
  bytesMax: number,
  progress: RequestProgress
): Effect.Effect<WireAnswer, unknown> =>
  Effect.callback((resume) => {
    const reader = new AnswerReader(bytesMax, resume, progress)
    // The time is bounded by whoever asks.
    const timeouts = { headersTimeout: 0, bodyTimeout: 0 }
    dispatcher.dispatch(
      { origin: url.origin, path: url.pathname + url.search, method, headers: { ...headers }, body, ...timeouts },
      reader
    )
    return Effect.sync(() => reader.abort())
  })

class AnswerReader implements Undici.Dispatcher.DispatchHandler {
  readonly #bytesMax: number
  readonly #resume: (answer: Effect.Effect<WireAnswer, unknown>) => void
  readonly #progress: RequestProgress
  #controller: Undici.Dispatcher.DispatchController | null = null
  #aborted = false
  #status = 0
  #headers: Record<string, string> = {}
  readonly #chunks: Array<Buffer> = []
  #size = 0

  constructor(
    bytesMax: number,
    resume: (answer: Effect.Effect<WireAnswer, unknown>) => void,
    progress: RequestProgress
  ) {
    this.#bytesMax = bytesMax
    this.#resume = resume
    this.#progress = progress
  }

  abort(): void {
    this.#aborted = true
    this.#controller?.abort(ended)
  }

  onRequestStart(controller: Undici.Dispatcher.DispatchController): void {
    this.#controller = controller
    // An aborted one is not written any more.
    if (this.#aborted) controller.abort(ended)
    else this.#progress.started = true
  }

  onResponseStart(
    _: Undici.Dispatcher.DispatchController,
    status: number,
    headers: Readonly<Record<string, string | ReadonlyArray<string> | undefined>>
  ): void {
    // An interim answer (103) comes before the answer.
    if (status < 200) return
    this.#status = status
    for (const [name, value] of Object.entries(headers))
      if (value !== undefined) this.#headers[name] = typeof value === "string" ? value : value.join(", ")
  }

  onResponseData(_: Undici.Dispatcher.DispatchController, chunk: Buffer): void {
    this.#chunks.push(chunk)
    this.#size += chunk.length
    if (this.#size < this.#bytesMax) return
    this.onResponseEnd()
    this.abort()
  }

  onResponseEnd(): void {
    const whole = this.#chunks.length === 1 ? this.#chunks[0]! : Buffer.concat(this.#chunks)
    const body = whole.length <= this.#bytesMax ? whole : whole.subarray(0, this.#bytesMax)
    this.#resume(Effect.succeed({ status: this.#status, headers: this.#headers, body }))
  }

  onResponseError(_: Undici.Dispatcher.DispatchController | null, error: Error): void {
    this.#resume(Effect.fail(error))
  }
}

/** Never seen: whoever aborts has its answer already, or waits no more. Made once, since a stack trace costs. */
const ended = new Error("The request was ended.")

/**
 * The text of a body, at most `bytesMax` bytes before and after decompression (a small body may be a bomb). Bytes that
 * are no UTF-8 become replacement characters. A compressed body that was cut gives what could be read of it.
 */
export const decodeBody = (
  bytes: Buffer,
  encoding: string | undefined,
  bytesMax: number,
  host: string
): Effect.Effect<string, HttpFailure> => {
  const decompress = decompressors[encoding?.trim().toLowerCase() ?? "identity"]
  if (bytes.length === 0 || decompress === undefined) return Effect.succeed(bytes.toString("utf8"))
  return Effect.tryPromise({
    try: () => decompress(bytes, bytesMax),
    catch: (error) => httpFailure(isTooLarge(error) ? "body_too_large" : "invalid_encoding", host)
  }).pipe(Effect.map((plain) => plain.toString("utf8")))
}

type Decompress = (bytes: Buffer, bytesMax: number) => Promise<Buffer>

const gunzipAsync = promisify(gunzip)
const inflateAsync = promisify(inflate)
const brotliAsync = promisify<Buffer, object, Buffer>(brotliDecompress)

const zlibOptions = (maxOutputLength: number) => ({ maxOutputLength, finishFlush: constants.Z_SYNC_FLUSH })
const unzip: Decompress = (bytes, bytesMax) => gunzipAsync(bytes, zlibOptions(bytesMax))

const decompressors: Record<string, Decompress | undefined> = {
  gzip: unzip,
  "x-gzip": unzip,
  deflate: (bytes, bytesMax) => inflateAsync(bytes, zlibOptions(bytesMax)),
  br: (bytes, bytesMax) => brotliAsync(bytes, { maxOutputLength: bytesMax })
}

const isTooLarge = (error: unknown): boolean =>
  typeof error === "object" && error !== null && "code" in error && error.code === "ERR_BUFFER_TOO_LARGE"
