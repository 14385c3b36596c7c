/** Answers which records an id is found in, by HTTP: on loopback to everyone on this machine, elsewhere to who has the token. */
import { timingSafeEqual } from "node:crypto"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as HttpRouter from "effect/http/HttpRouter"
import * as HttpServerRequest from "effect/http/HttpServerRequest"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import { type IndexAnswer, indexPath, newestPositions, parseIndexQuestion } from "../../shared/event-story/ask-index.ts"
import { monotonicMillis } from "../../shared/model/monotonic.ts"
import { type Route, serve, withBody } from "../../shared/runtime/http-server.ts"
import type { Progress } from "./follower.ts"
import type { IndexStore } from "./index-store.ts"
import { observeLookup } from "./telemetry.ts"
import type { TermHasher } from "./terms.ts"

export interface LookupServerOptions {
  readonly host: string
  /** 0 takes a free one, which is logged. */
  readonly port: number
  /** Null on loopback alone. */
  readonly token: Redacted.Redacted | null
  readonly store: IndexStore
  readonly hasher: TermHasher
  readonly progress: Progress
  readonly retentionMillis: number
}

/** Of a term in one partition at most: an id with more is a click of thousands of events. An answer has at most 1 MiB. */
const positionsMax = 300

export const serveLookups = Effect.fnUntraced(function* (options: LookupServerOptions) {
  const { host, port, token } = options
  const served = yield* serve({
    host,
    port,
    settings: { host: "CAPI_INDEXER_HOST", port: "CAPI_INDEXER_PORT" },
    routes: [route(options)],
    admit: ({ headers }) =>
      // A page in a browser can send neither: the type needs the server's consent, the host is the page's.
      headers["content-type"] === "application/json" &&
      (token === null ? isLoopback(hostOf(headers["host"] ?? "")) : hasToken(headers["authorization"], token))
  })
  yield* Effect.log("Lookups in the index are served.").pipe(
    Effect.annotateLogs({ host, port: served.port, path: indexPath })
  )
  return served
})

/** What was written right before the question is to be in its answer, unless the index is far behind. */
const newest = Effect.fnUntraced(function* (progress: Progress) {
  const { rounds } = progress
  progress.wake.openUnsafe()
  for (let waited = 0; waited < freshMillisMax && progress.rounds < rounds + 1; waited += freshPollMillis)
    yield* Effect.sleep(freshPollMillis)
})

const freshMillisMax = 400
const freshPollMillis = 20

/** Names of this machine that no other one reaches. */
export const isLoopback = (host: string): boolean =>
  host === "localhost" || host === "::1" || host === "[::1]" || /^127(?:\.\d{1,3}){3}$/.test(host)

const hostOf = (header: string): string => header.replace(/:\d+$/, "")

const hasToken = (header: string | undefined, token: Redacted.Redacted): boolean => {
  const given = Buffer.from(header ?? "")
  const wanted = Buffer.from(`Bearer ${Redacted.value(token)}`)
  return given.length === wanted.length && timingSafeEqual(given, wanted)
}

const route = ({ store, hasher, progress, retentionMillis }: LookupServerOptions): Route =>
  HttpRouter.route(
    "POST",
    indexPath,
    Effect.gen(function* () {
      const request = yield* HttpServerRequest.HttpServerRequest
      return yield* withBody(request, (body) =>
        Effect.gen(function* () {
          const question = parseIndexQuestion(body.toString("utf8"))
          if (question === null) return HttpServerResponse.empty({ status: 400 })
          yield* newest(progress)
          const begun = yield* monotonicMillis
          const found = Result.try(() =>
            question.terms.map(({ kind, text }) => store.find(hasher.termsOf(kind, [text])[0]!))
          )
          yield* observeLookup((yield* monotonicMillis) - begun)
          if (Result.isFailure(found)) {
            yield* Effect.logError("A lookup in the index failed.").pipe(
              Effect.annotateLogs({ reason: String(found.failure) })
            )
            return HttpServerResponse.empty({ status: 503 })
          }
          const answer: IndexAnswer = {
            positions: found.success.map((positions) => newestPositions(positions, positionsMax)),
            behind: progress.behind,
            since: (yield* Clock.currentTimeMillis) - retentionMillis
          }
          return HttpServerResponse.jsonUnsafe(answer)
        })
      )
    })
  )
