/** The states of the page that are walked: each by its address, as a user who was sent the link. */
import type { Page } from "playwright-core"

export interface WalkedView {
  /** Of the screenshot. */
  readonly name: string
  /** After `/`. */
  readonly address: string
  /** Waits for what must be seen; fails where it does not come. */
  readonly shows: (page: Page) => Promise<void>
}

/** What the run made happen, and the views have to show. */
export interface Story {
  /** An event that was delivered. */
  readonly eventId: string
  /** A connection that delivers, and one whose token its platform refuses. */
  readonly connection: string
  readonly paused: string
}

/** The ledger is checked once a minute. */
const sees = (page: Page, text: string, timeout = 30_000) => page.getByText(text).first().waitFor({ timeout })

/** Until the page is so old: a chart needs some seconds to show. In the page, a wait would be an evaluated text, which its policy refuses. */
const secondsPass = async (page: Page, seconds: number): Promise<void> => {
  while ((await page.evaluate<number>("performance.now()")) < seconds * 1_000) await page.waitForTimeout(250)
}

export const walkedViews = ({ eventId, connection, paused }: Story): ReadonlyArray<WalkedView> => [
  {
    name: "overview",
    address: "?view=overview&period=15m",
    shows: async (page) => {
      await sees(page, "Balanced: every event is accounted for", 120_000)
      await page.locator(".steps-row .name", { hasText: connection }).first().waitFor()
    }
  },
  {
    name: "overview-reason",
    address: `?view=overview&period=15m&step=skipped&connection=${connection}&reason=consent`,
    shows: async (page) => {
      await page.locator(".side .reason[aria-expanded=true]").waitFor({ timeout: 30_000 })
      await page.locator(".side .sample").first().waitFor({ timeout: 30_000 })
      await page.locator(".side .sample summary").first().click()
    }
  },
  {
    name: "connections",
    address: "?view=connections",
    shows: async (page) => {
      await page.locator(".card", { hasText: paused }).getByText("unhealthy").waitFor({ timeout: 60_000 })
      await page.locator(".card", { hasText: connection }).first().waitFor()
    }
  },
  {
    name: "connection",
    address: `?view=connections&connection=${paused}`,
    shows: (page) => page.locator(".side .issues li").first().waitFor({ timeout: 30_000 })
  },
  {
    name: "live",
    address: "?view=live",
    shows: async (page) => {
      await page.locator(".stages tbody tr").first().waitFor({ timeout: 30_000 })
      await page.locator(".chart canvas").first().waitFor()
      await secondsPass(page, 20)
      await page.locator(".result-line").first().waitFor({ timeout: 60_000 })
    }
  },
  {
    name: "event",
    address: `?view=event&q=${encodeURIComponent(eventId)}`,
    shows: async (page) => {
      await page.locator(".hop").nth(2).waitFor({ timeout: 60_000 })
      await page.locator(".hop.tone-good").first().click()
      await page.locator(".hop-panel .json").first().waitFor()
    }
  },
  {
    name: "explain",
    address: "?view=event&mode=explain",
    shows: async (page) => {
      await page.getByRole("button", { name: "Example" }).click()
      await page.getByRole("button", { name: "Explain", exact: true }).click()
      await page.locator(".decisions li").first().waitFor({ timeout: 30_000 })
    }
  },
  {
    name: "dead-letters",
    address: "?view=dead-letters",
    shows: (page) => page.locator(".groups tbody tr").first().waitFor({ timeout: 30_000 })
  },
  {
    name: "alerts",
    address: "?view=alerts",
    shows: (page) => page.locator(".problem", { hasText: paused }).first().waitFor({ timeout: 60_000 })
  }
]

/** While one is under way. */
export const replayViews: ReadonlyArray<WalkedView> = [
  {
    name: "replays",
    address: "?view=replays",
    shows: (page) => page.locator(".replay", { hasText: "Under way" }).first().waitFor({ timeout: 30_000 })
  }
]
