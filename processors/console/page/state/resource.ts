/** What a route answers, kept fresh while a view shows it. */
import { useEffect, useRef, useState } from "preact/hooks"
import type { LiveChanged } from "../../api.ts"
import { getJson, RequestFailed } from "./api.ts"
import { changes } from "./live.ts"

export interface Resource<Answer> {
  /** The last answer, also while another one is asked for; of another path it stays until the new one is there. */
  readonly data: Answer | null
  /** The path that `data` is the answer of. */
  readonly of: string | null
  readonly error: RequestFailed | null
  readonly reload: () => void
}

export interface Freshness {
  /** Asked again when the server says that this changed, at most every `everyMillis`. */
  readonly on?: LiveChanged["what"][number]
  readonly everyMillis?: number
  /** Asked again after so long in any case. */
  readonly atLeastMillis?: number
}

/** Answers are kept for as long as the page lives, so that the way back to a view shows it at once. */
const kept = new Map<string, unknown>()
const keptMax = 60

export const useResource = <Answer>(path: string | null, freshness: Freshness = {}): Resource<Answer> => {
  const { on, everyMillis = 1_000, atLeastMillis } = freshness
  const [state, setState] = useState<{ data: Answer | null; of: string | null; error: RequestFailed | null }>(() =>
    initial<Answer>(path)
  )
  const [asked, setAsked] = useState(0)
  const askedAt = useRef(0)
  const version = on === undefined ? 0 : (changes.value[on] ?? 0)

  useEffect(() => {
    if (path === null) {
      setState({ data: null, of: null, error: null })
      return
    }
    const known = kept.get(path) as Answer | undefined
    if (known !== undefined) setState({ data: known, of: path, error: null })
    askedAt.current = 0
  }, [path])

  useEffect(() => {
    if (path === null) return
    const controller = new AbortController()
    const load = async () => {
      askedAt.current = performance.now()
      try {
        const data = await getJson<Answer>(path, controller.signal)
        keep(path, data)
        setState({ data, of: path, error: null })
      } catch (error) {
        if (!(error instanceof RequestFailed)) return
        setState((before) => ({ ...(before.of === path ? before : { data: null, of: null }), error }))
        timer = setTimeout(load, retryMillis)
      }
    }
    const due = askedAt.current === 0 ? 0 : Math.max(0, askedAt.current + everyMillis - performance.now())
    let timer = setTimeout(load, due)
    const again = atLeastMillis === undefined ? undefined : setInterval(load, atLeastMillis)
    return () => {
      controller.abort()
      clearTimeout(timer)
      clearInterval(again)
    }
  }, [path, asked, version])

  const reload = () => {
    askedAt.current = 0
    setAsked((count) => count + 1)
  }
  return { ...state, reload }
}

const retryMillis = 3_000

const initial = <Answer>(path: string | null) => {
  const known = path === null ? undefined : (kept.get(path) as Answer | undefined)
  return { data: known ?? null, of: known === undefined ? null : path, error: null }
}

const keep = (path: string, data: unknown): void => {
  kept.delete(path)
  kept.set(path, data)
  const [oldest] = kept.keys()
  if (kept.size > keptMax && oldest !== undefined) kept.delete(oldest)
}
