/** The system's Chromium, driven by playwright-core, and what goes wrong in a page while it is used. */
import { existsSync, readFileSync } from "node:fs"
import { createRequire } from "node:module"
import process from "node:process"
import type { AxeResults } from "axe-core"
import * as Effect from "effect/Effect"
import { type Browser, type BrowserContextOptions, chromium, type Page } from "playwright-core"

/** A page, and everything that a user would call broken in it so far. */
export interface WatchedPage {
  readonly page: Page
  readonly problems: Array<string>
  /** Durations of tasks over 50 ms, in milliseconds, in this document. */
  readonly longTasks: () => Promise<ReadonlyArray<number>>
  /** What axe-core finds, a line for each element. */
  readonly axe: () => Promise<ReadonlyArray<string>>
  readonly close: () => Promise<void>
}

const candidates = [
  "/usr/bin/chromium",
  "/usr/bin/chromium-browser",
  "/usr/bin/google-chrome",
  "/Applications/Chromium.app/Contents/MacOS/Chromium",
  "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome"
]

/** Its path: what `CAPI_CHROMIUM` names, or where systems put it; null where no file is there. */
export const findChromium = (): string | null => {
  const named = process.env["CAPI_CHROMIUM"]
  return [...(named === undefined || named === "" ? candidates : [named])].find((file) => existsSync(file)) ?? null
}

/** With a new profile, which ends with the scope, as the browser does. It asks nothing of the network by itself. */
export const startChromium = (executablePath: string) =>
  Effect.acquireRelease(
    Effect.promise(() =>
      chromium.launch({
        executablePath,
        headless: true,
        args: [
          "--no-sandbox",
          "--disable-gpu",
          "--disable-quic",
          "--no-first-run",
          "--disable-background-networking",
          "--disable-component-update",
          "--disable-sync"
        ]
      })
    ),
    (browser) => Effect.promise(() => browser.close())
  )

/** A page of its context, so that nothing is kept from another one. `expected` are console errors that the test causes itself. */
export const watchedPage = async (
  browser: Browser,
  url: string,
  options: BrowserContextOptions,
  expected: (text: string) => boolean = () => false
): Promise<WatchedPage> => {
  const context = await browser.newContext({ baseURL: url, reducedMotion: "reduce", ...options })
  const page = await context.newPage()
  const problems: Array<string> = []
  const report = (text: string) => void (expected(text) || problems.includes(text) || problems.push(text))
  page.on("console", (message) => {
    if (message.type() === "error" || message.type() === "warning") report(`console: ${message.text()}`)
  })
  page.on("pageerror", (error) => report(`error: ${error.message}`))
  page.on("request", (request) => {
    const asked = new URL(request.url())
    if (asked.protocol !== "data:" && asked.host !== new URL(url).host) report(`request to another host: ${asked.host}`)
  })
  await page.exposeFunction("reportViolation", (text: string) => report(`content security policy: ${text}`))
  await page.addInitScript(watchDocument)
  return {
    page,
    problems,
    longTasks: () => page.evaluate<ReadonlyArray<number>>("longTasks"),
    axe: () => axeFindings(page),
    close: () => context.close()
  }
}

/** Runs in the page, before its scripts. */
const watchDocument = `
  globalThis.longTasks = []
  globalThis.shifts = 0
  new PerformanceObserver((list) => {
    for (const { duration } of list.getEntries()) longTasks.push(Math.round(duration))
  }).observe({ type: "longtask", buffered: true })
  new PerformanceObserver((list) => {
    for (const { value, hadRecentInput } of list.getEntries()) if (!hadRecentInput) shifts += value
  }).observe({ type: "layout-shift", buffered: true })
  addEventListener("securitypolicyviolation", ({ violatedDirective, blockedURI }) => reportViolation(violatedDirective + " " + blockedURI))
`

/** How far things moved without being asked to (cumulative layout shift). */
export const layoutShift = (page: Page): Promise<number> => page.evaluate<number>("shifts")

const axeSource = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8")

const axeFindings = async (page: Page): Promise<ReadonlyArray<string>> => {
  await page.evaluate(axeSource)
  const { violations } = await page.evaluate<AxeResults>('axe.run(document, { resultTypes: ["violations"] })')
  return violations.flatMap(({ id, help, nodes }) =>
    nodes.slice(0, 5).map(({ target }) => `axe ${id}: ${help}: ${target.join(" ")}`)
  )
}

/** Writes what is seen as WebP, which is a third of a PNG's size for such pages. */
export const screenshot = async (page: Page): Promise<Buffer> => {
  const client = await page.context().newCDPSession(page)
  const { data } = await client.send("Page.captureScreenshot", { format: "webp", quality: 82 })
  await client.detach()
  return Buffer.from(data, "base64")
}
