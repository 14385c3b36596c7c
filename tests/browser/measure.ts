/** What the page costs a browser while the server is under load: long tasks, bytes, memory. */
import * as Effect from "effect/Effect"
import type { Browser } from "playwright-core"
import { startChromium, watchedPage } from "./chromium.ts"

export interface PageFigures {
  readonly view: string
  /** Tasks of the page's thread over 50 ms after the view was drawn, in milliseconds. */
  readonly longTasks: ReadonlyArray<number>
  /** Until the view was drawn, with the same measure. */
  readonly startTasks: ReadonlyArray<number>
  /** Processor time of the longest task of all, in milliseconds: what it takes where nothing else has the processor. */
  readonly longestCpu: number
  readonly bytesPerSecond: number
  readonly heapMiB: number
  /** Errors of the page, none in the normal case. */
  readonly problems: ReadonlyArray<string>
}

/** The views that follow the load, each with what says that it is drawn. */
const views = [
  ["overview", "?view=overview&period=15m", ".steps-row .name"],
  ["connections", "?view=connections", ".card"],
  ["live", "?view=live", ".result-line"]
] as const

/** Opens each view of the console at the address for so many seconds. */
export const measurePage = (chromium: string, url: string, seconds: number) =>
  Effect.scoped(
    Effect.gen(function* () {
      const browser = yield* startChromium(chromium)
      return yield* Effect.forEach(views, (view) => measureView(browser, url, view, seconds))
    })
  )

const measureView = (browser: Browser, url: string, [view, address, drawn]: (typeof views)[number], seconds: number) =>
  Effect.gen(function* () {
    const watched = yield* Effect.promise(() => watchedPage(browser, url, { viewport: { width: 1_280, height: 800 } }))
    const { page } = watched
    const session = yield* Effect.promise(() => page.context().newCDPSession(page))
    yield* Effect.promise(() => session.send("Network.enable"))
    let bytes = 0
    session.on("Network.dataReceived", ({ encodedDataLength, dataLength }) => {
      bytes += encodedDataLength > 0 ? encodedDataLength : dataLength
    })
    const trace = yield* Effect.promise(() => traceTasks(browser))
    const answer = yield* Effect.promise(() => page.goto(`/${address}`))
    if (answer?.ok() !== true) return yield* Effect.die(new Error(`The page is answered with ${answer?.status()}.`))
    yield* Effect.promise(() => page.locator(drawn).first().waitFor({ timeout: 60_000 }))
    const startTasks = yield* Effect.promise(() => watched.longTasks())
    bytes = 0
    yield* Effect.sleep(seconds * 1_000)
    const bytesPerSecond = Math.round(bytes / seconds)
    const tasks = yield* Effect.promise(() => watched.longTasks())
    const { usedSize } = yield* Effect.promise(() => session.send("Runtime.getHeapUsage"))
    const longestCpu = yield* Effect.promise(trace)
    yield* Effect.promise(() => watched.close())
    return {
      view,
      longTasks: tasks.slice(startTasks.length),
      longestCpu,
      startTasks,
      bytesPerSecond,
      heapMiB: usedSize / 1_048_576,
      problems: [...watched.problems]
    } satisfies PageFigures as PageFigures
  })

/** Begins to watch the threads of pages; the function ends it and gives the processor time of the longest task, in milliseconds. */
const traceTasks = async (browser: Browser): Promise<() => Promise<number>> => {
  const session = await browser.newBrowserCDPSession()
  const events: Array<TraceEvent> = []
  session.on(
    "Tracing.dataCollected",
    ({ value }) => void events.push(...(value as unknown as ReadonlyArray<TraceEvent>))
  )
  const ended = new Promise<void>((resolve) => void session.on("Tracing.tracingComplete", () => resolve()))
  await session.send("Tracing.start", {
    transferMode: "ReportEvents",
    traceConfig: { includedCategories: ["disabled-by-default-devtools.timeline", "__metadata"] }
  })
  return async () => {
    await session.send("Tracing.end")
    await ended
    await session.detach()
    const isPage = ({ name, args }: TraceEvent) => name === "thread_name" && args?.name === "CrRendererMain"
    const pages = new Set(events.filter(isPage).map(({ pid, tid }) => `${pid} ${tid}`))
    const tasks = events.filter(({ name, pid, tid }) => name === "RunTask" && pages.has(`${pid} ${tid}`))
    return tasks.reduce((longest, { tdur = 0 }) => Math.max(longest, tdur), 0) / 1_000
  }
}

/** Of Chromium's trace format; times in microseconds. */
interface TraceEvent {
  readonly name: string
  readonly pid: number
  readonly tid: number
  /** Processor time. */
  readonly tdur?: number
  readonly args?: { readonly name?: string }
}
