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
  const [state, setState] = useState<State<Answer>>(() => initial<Answer>(path))
  const loader = useRef<Loader | null>(null)
  const version = on === undefined ? 0 : (changes.value[on] ?? 0)

  useEffect(() => {
    const known = initial<Answer>(path)
    if (path === null || known.of !== null) setState(known)
    if (path === null) return
    const started = startLoading<Answer>(path, everyMillis, setState)
    loader.current = started
    const again = atLeastMillis === undefined ? undefined : setInterval(() => started.ask(), atLeastMillis)
    return () => {
      clearInterval(again)
      started.end()
      loader.current = null
    }
  }, [path, everyMillis, atLeastMillis])

  useEffect(() => {
    if (version > 0) loader.current?.ask()
  }, [version])

  return { ...state, reload: () => loader.current?.ask(true) }
}

interface State<Answer> {
  readonly data: Answer | null
  readonly of: string | null
  readonly error: RequestFailed | null
}

interface Loader {
  /** Asks again as soon as it may; while an answer is awaited, after it. */
  readonly ask: (atOnce?: boolean) => void
  readonly end: () => void
}

/** One request at a time, and the next one `everyMillis` after the last at the earliest: however often something changes. */
const startLoading = <Answer>(
  path: string,
  everyMillis: number,
  setState: (change: (before: State<Answer>) => State<Answer>) => void
): Loader => {
  const controller = new AbortController()
  let askedAt = Number.NEGATIVE_INFINITY
  let isLoading = false
  let isDue = false
  let timer: ReturnType<typeof setTimeout> | undefined
  const load = async () => {
    timer = undefined
    askedAt = performance.now()
    isLoading = true
    isDue = false
    try {
      const data = await getJson<Answer>(path, controller.signal)
      keep(path, data)
      setState(() => ({ data, of: path, error: null }))
    } catch (error) {
      if (controller.signal.aborted) return
      const failed = error instanceof RequestFailed ? error : null
      setState((before) => ({ ...(before.of === path ? before : { data: null, of: null }), error: failed }))
      timer = setTimeout(load, retryMillis)
    } finally {
      isLoading = false
      if (isDue && timer === undefined && !controller.signal.aborted) ask()
    }
  }
  const ask = (atOnce = false) => {
    if (isLoading) isDue = true
    else if (atOnce || timer === undefined) {
      clearTimeout(timer)
      timer = setTimeout(load, atOnce ? 0 : Math.max(0, askedAt + everyMillis - performance.now()))
    }
  }
  void load()
  return {
    ask: (atOnce) => ask(atOnce),
    end: () => {
      controller.abort()
      clearTimeout(timer)
    }
  }
}

const retryMillis = 3_000

const initial = <Answer>(path: string | null): State<Answer> => {
  const known = path === null ? undefined : (kept.get(path) as Answer | undefined)
  return { data: known ?? null, of: known === undefined ? null : path, error: null }
}

const keep = (path: string, data: unknown): void => {
  kept.delete(path)
  kept.set(path, data)
  const [oldest] = kept.keys()
  if (kept.size > keptMax && oldest !== undefined) kept.delete(oldest)
}
