/** The stream of `/api/live`. */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import * as Queue from "effect/Queue"
import * as Stream from "effect/Stream"
import { monotonicMillisUnsafe } from "../../../shared/model/monotonic.ts"
import type { ConsoleState } from "../state/console-state.ts"
import { eventText, type LiveFilter, subscribersMax } from "../state/live-hub.ts"
import { RequestError } from "./request.ts"

/** Events that wait for a slow socket; what comes beyond that is left out, since the next picture has it. */
const waitingMax = 16

/** `isAllowed` is asked for each event: a stream ends with its session. */
export const liveResponse = (state: ConsoleState, query: URLSearchParams, isAllowed: (now: number) => boolean) =>
  Effect.gen(function* () {
    const clock = yield* Clock.Clock
    const filter = filterOf(query)
    if (state.hub.count >= subscribersMax)
      return yield* new RequestError({
        status: 429,
        code: "too_many_streams",
        message: `${subscribersMax} live views are open.`,
        nextStep: "Close some of them."
      })
    // It subscribes when the stream begins: a client that has gone by then leaves nothing behind.
    const events = Stream.callback<string>(
      (queue) =>
        Effect.acquireRelease(
          Effect.sync(() => {
            const send = (text: string): boolean => {
              if (isAllowed(monotonicMillisUnsafe(clock))) return Queue.offerUnsafe(queue, text)
              Queue.offerUnsafe(queue, eventText("bye", { reason: "signed_out" }))
              Queue.endUnsafe(queue)
              return false
            }
            const end = state.hub.subscribe(send, filter, clock.currentTimeMillisUnsafe())
            if (end === null) Queue.endUnsafe(queue)
            return end
          }),
          (end) => Effect.sync(() => end?.())
        ),
      { bufferSize: waitingMax, strategy: "dropping" }
    )
    return HttpServerResponse.stream(Stream.encodeText(events), {
      contentType: "text/event-stream",
      headers: { "cache-control": "no-store", "x-accel-buffering": "no" }
    })
  })

/** Null where no results are wanted. */
const filterOf = (query: URLSearchParams): LiveFilter | null => {
  if (query.get("results") === "0") return null
  const list = (name: string): ReadonlyArray<string> | null => {
    const values = (query.get(name) ?? "").split(",").map((value) => value.trim())
    const given = values.filter((value) => value !== "").slice(0, valuesMax)
    return given.length === 0 ? null : given
  }
  const set = (values: ReadonlyArray<string> | null) => (values === null ? null : new Set(values))
  return {
    connections: set(list("connection")),
    outcomes: set(list("outcome")),
    reasons: list("reason"),
    event: query.get("event")?.trim() || null
  }
}
const valuesMax = 500
