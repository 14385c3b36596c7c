/** Every view in light, dark and at a phone's width: it shows what it must, nothing is broken, and axe-core finds nothing. */
import { mkdirSync, writeFileSync } from "node:fs"
import path from "node:path"
import type { Browser, BrowserContextOptions } from "playwright-core"
import { layoutShift, screenshot, type WatchedPage, watchedPage } from "./chromium.ts"
import type { WalkedView } from "./views.ts"

export const forms: Readonly<Record<"light" | "dark" | "phone", BrowserContextOptions>> = {
  light: { viewport: { width: 1_280, height: 800 }, colorScheme: "light" },
  dark: { viewport: { width: 1_280, height: 800 }, colorScheme: "dark" },
  phone: { viewport: { width: 390, height: 844 }, colorScheme: "light", hasTouch: true }
}

/** Above this, things move under a reader's eyes ("good" by web.dev's definition). */
const shiftMax = 0.1

/** Gives what is wrong; writes a screenshot of each view to the folder. */
export const walkViews = async (
  browser: Browser,
  url: string,
  views: ReadonlyArray<WalkedView>,
  folder: string,
  print: (line: string) => void
): Promise<ReadonlyArray<string>> => {
  mkdirSync(folder, { recursive: true })
  const found: Array<string> = []
  for (const [form, options] of Object.entries(forms)) {
    const watched = await watchedPage(browser, url, options)
    for (const view of views) {
      const problems = await walkView(watched, view)
      found.push(...problems.map((one) => `${view.name} (${form}): ${one}`))
      writeFileSync(path.join(folder, `${view.name}-${form}.webp`), await screenshot(watched.page))
    }
    print(`${form}: ${views.length} views`)
    await watched.close()
  }
  return found
}

const walkView = async (watched: WatchedPage, { address, shows }: WalkedView): Promise<ReadonlyArray<string>> => {
  const { page, problems } = watched
  problems.length = 0
  await page.goto(`/${address}`)
  try {
    await shows(page)
  } catch (error) {
    return [`does not show what it must: ${String(error).split("\n")[0]}`, ...problems]
  }
  const [width, content] = await page.evaluate<readonly [number, number]>(
    "[innerWidth, document.documentElement.scrollWidth]"
  )
  const shift = await layoutShift(page)
  return [
    ...problems,
    ...(await watched.axe()),
    ...(content > width ? [`is ${content - width} px wider than the window`] : []),
    ...(shift > shiftMax ? [`moves by itself: layout shift ${shift.toFixed(3)}`] : [])
  ]
}
