/** Asks the indexer where records are, by HTTP: the question, its answer, and a client for both. */
import * as Config from "effect/Config"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import { optional } from "../config/setting.ts"
import { decodeSettings } from "../config/settings.ts"
import { withoutTrailingSlashes } from "../config/transport.ts"
import { sendRequest } from "../http/http-request.ts"
import { isRecord } from "../model/json.ts"
import { type QueryKind, queryKinds, type RecordPosition } from "./story.ts"

export interface IndexTerm {
  readonly kind: QueryKind
  readonly text: string
}

export interface IndexQuestion {
  readonly terms: ReadonlyArray<IndexTerm>
}

export interface IndexAnswer {
  /** For each term in its order: where its records are. Of an order id or click id those of normalized events. */
  readonly positions: ReadonlyArray<ReadonlyArray<RecordPosition>>
  /** Records that the index has not read yet; null where it does not know. */
  readonly behind: number | null
  /** It holds nothing from before, in milliseconds since the epoch. */
  readonly since: number
}

export const indexPath = "/v1/positions"
const indexTermsMax = 100
const textLengthMax = 4_096

/** The newest positions of each partition, so many of each: offsets of different partitions say nothing of each other. */
export const newestPositions = (
  positions: ReadonlyArray<RecordPosition>,
  each: number
): ReadonlyArray<RecordPosition> => {
  const byPartition = new Map<string, Array<RecordPosition>>()
  for (const position of positions) {
    const name = `${position.topic}/${position.partition}`
    const known = byPartition.get(name)
    if (known === undefined) byPartition.set(name, [position])
    else known.push(position)
  }
  return [...byPartition.values()].flatMap((list) =>
    list.sort((left, right) => left.offset - right.offset).slice(-each)
  )
}

/** Null for what is no question. */
export const parseIndexQuestion = (body: string): IndexQuestion | null => {
  const parsed = Result.getOrNull(Result.try((): unknown => JSON.parse(body)))
  if (!isRecord(parsed) || !Array.isArray(parsed["terms"])) return null
  const terms = parsed["terms"].filter(isTerm)
  return terms.length === parsed["terms"].length && terms.length <= indexTermsMax ? { terms } : null
}

const isTerm = (term: unknown): term is IndexTerm =>
  isRecord(term) &&
  queryKinds.some((kind) => kind === term["kind"]) &&
  typeof term["text"] === "string" &&
  term["text"].length <= textLengthMax

/** The indexer is named by the settings and gives no answer. */
class IndexUnavailable extends Data.TaggedError("IndexUnavailable")<{
  readonly message: string
  readonly nextStep: string
  readonly cause: unknown
}> {}

export interface IndexClient {
  readonly ask: (terms: ReadonlyArray<IndexTerm>) => Effect.Effect<IndexAnswer, IndexUnavailable>
}

const settings = Config.all({
  url: optional(Config.NonEmptyString("CAPI_INDEXER_URL")),
  token: optional(Config.Redacted("CAPI_INDEXER_TOKEN"))
})

/** The client of the settings; null where CAPI_INDEXER_URL is not set. */
export const indexClient = Effect.map(decodeSettings(settings), ({ url, token }) =>
  url === null ? null : makeIndexClient(url, token)
)

export const makeIndexClient = (url: string, token: Redacted.Redacted | null): IndexClient => ({
  ask: (terms) =>
    Effect.tryPromise({
      try: () =>
        sendRequest({
          method: "POST",
          url: `${withoutTrailingSlashes(url)}${indexPath}`,
          headers: {
            "content-type": "application/json",
            ...(token === null ? {} : { authorization: `Bearer ${Redacted.value(token)}` })
          },
          body: JSON.stringify({ terms } satisfies IndexQuestion),
          timeoutMillis: 5_000
        }),
      catch: (cause) =>
        unavailable(
          "does not answer",
          "Start it, correct CAPI_INDEXER_URL, or set CAPI_INDEXER_TOKEN for both: without it no other machine reaches the indexer.",
          cause
        )
    }).pipe(
      Effect.flatMap(({ status, text }) => {
        if (status === 403)
          return Effect.fail(
            unavailable("refuses the question", "Set CAPI_INDEXER_TOKEN to the indexer's token.", null)
          )
        const answer = status === 200 ? Result.getOrNull(Result.try((): unknown => JSON.parse(text))) : null
        return isAnswer(answer)
          ? Effect.succeed(answer)
          : Effect.fail(unavailable(`answers with the status ${status}`, "Look at the indexer's log.", null))
      })
    )
})

const unavailable = (what: string, nextStep: string, cause: unknown) =>
  new IndexUnavailable({ message: `The indexer ${what}.`, nextStep, cause })

const isAnswer = (answer: unknown): answer is IndexAnswer =>
  isRecord(answer) && Array.isArray(answer["positions"]) && typeof answer["since"] === "number"
