/** Warnings that a platform gives beside a success: logged once an hour each, since every answer may repeat them. */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"

/** Takes an answer's warnings; empty ones cost nothing. */
export type LogOnce = (warnings: ReadonlyArray<string>, requestId: string | null) => Effect.Effect<void>

export const makeLogOnce = (connection: string): LogOnce => {
  /** When each was conclusions; the oldest first. */
  const conclusions = new Map<string, number>()
  const isNews = (warning: string, now: number): boolean => {
    for (const [text, at] of conclusions) {
      if (now - at < repeatMillis) break
      conclusions.delete(text)
    }
    if (conclusions.has(warning) || conclusions.size >= textsMax) return false
    conclusions.set(warning, now)
    return true
  }
  return (warnings, requestId) =>
    warnings.length === 0
      ? Effect.void
      : Effect.flatMap(Clock.currentTimeMillis, (now) => {
          const news = warnings.filter((warning) => isNews(warning, now))
          return news.length === 0
            ? Effect.void
            : Effect.logWarning("The platform warns.").pipe(
                Effect.annotateLogs({ connection, warnings: news, request_id: requestId })
              )
        })
}

const repeatMillis = 3_600_000
/** A platform's warnings are few, but one may hold a number that differs each time. */
const textsMax = 50
