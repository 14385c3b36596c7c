/** One request over a pool, and its answer's bytes, without streams: bodies are whole on the way out and bounded on the way in. */
import type * as Undici from "@effect/platform-node/Undici"
import * as Effect from "effect/Effect"
import type { HttpConnection } from "./http-connections.ts"
import type { ConnectionPool } from "./http-pool.ts"

/** What is needed of a URL. */
export interface Address {
  readonly origin: string
  readonly host: string
  readonly path: string
}

export interface WireRequest {
  readonly method: "GET" | "POST"
  readonly address: Address
  readonly headers: Record<string, string>
  readonly body: Buffer | string | null
  readonly timeoutMillis: number
}

/** How far a request has come. */
export interface RequestProgress {
  /** It was given to a connection, so that bytes of it may have been written; false while it waits for one. */
  started: boolean
  /** Null while it waits. */
  connection: HttpConnection | null
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
  pool: ConnectionPool,
  { method, address, headers, body, timeoutMillis }: WireRequest,
  bytesMax: number,
  progress: RequestProgress
): Effect.Effect<WireAnswer, unknown> =>
  Effect.callback((resume) => {
    let hasEnded = false
    let leave = (): void => undefined
    const end = (answer: Effect.Effect<WireAnswer, unknown>) => {
      hasEnded = true
      clearTimeout(timer)
      leave()
      resume(answer)
    }
    const reader = new AnswerReader(bytesMax, end, progress)
    // One timer for all of it, and no fiber that waits: a request is most of what a small batch costs.
    const timer = setTimeout(() => {
      end(Effect.fail(tooLate))
      reader.abort()
    }, timeoutMillis)
    leave = pool.enter(() => {
      progress.connection = pool.connections.take(address.origin)
      const options = { path: address.path, method, headers, body, headersTimeout: 0, bodyTimeout: 0 }
      progress.connection.client.dispatch(options, reader)
    })
    // It failed at once.
    if (hasEnded) leave()
    return Effect.sync(() => {
      clearTimeout(timer)
      leave()
      reader.abort()
    })
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
    for (const name of Object.keys(headers)) {
      const value = headers[name]
      if (value !== undefined) this.#headers[name] = typeof value === "string" ? value : value.join(", ")
    }
  }

  onResponseData(_: Undici.Dispatcher.DispatchController, chunk: Buffer): void {
    this.#chunks.push(chunk)
    this.#size += chunk.length
    if (this.#size < this.#bytesMax) return
    this.#answer()
    this.abort()
  }

  onResponseEnd(): void {
    this.#progress.connection?.complete()
    this.#answer()
  }

  #answer(): void {
    const whole = this.#chunks.length === 1 ? this.#chunks[0]! : Buffer.concat(this.#chunks)
    const body = whole.length <= this.#bytesMax ? whole : whole.subarray(0, this.#bytesMax)
    this.#resume(Effect.succeed({ status: this.#status, headers: this.#headers, body }))
  }

  onResponseError(_: Undici.Dispatcher.DispatchController | null, error: Error): void {
    this.#progress.connection?.drop()
    this.#resume(Effect.fail(error))
  }
}

/** Never seen: whoever aborts has its answer already, or waits no more. Made once, since a stack trace costs. */
const ended = new Error("The request was ended.")
const tooLate = Object.assign(new Error("The answer did not come in time."), { code: "UND_ERR_BODY_TIMEOUT" })
