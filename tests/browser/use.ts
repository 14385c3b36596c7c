/** The page in use: keyboard, filters, links and the way back, theme, a redrive from its plan to its end, and one that is cancelled. */
import type { Browser, Locator, Page } from "playwright-core"
import { watchedPage } from "./chromium.ts"
import type { Story } from "./views.ts"
import { forms } from "./walk.ts"

interface Check {
  readonly what: string
  readonly run: (page: Page, story: Story) => Promise<void>
}

/** Gives what is wrong. Each check begins at the overview. */
export const usePage = async (
  browser: Browser,
  url: string,
  story: Story,
  print: (line: string) => void
): Promise<ReadonlyArray<string>> => {
  const found: Array<string> = []
  for (const { what, run } of checks) {
    const watched = await watchedPage(browser, url, forms.light)
    try {
      await watched.page.goto("/?view=overview&period=15m")
      await watched.page.locator(".steps-row .name").first().waitFor({ timeout: 30_000 })
      await run(watched.page, story)
      found.push(...(await watched.axe()).map((one) => `${what}: ${one}`))
    } catch (error) {
      found.push(`${what}: ${String(error).split("\n")[0]}`)
    }
    found.push(...watched.problems.map((one) => `${what}: ${one}`))
    await watched.close()
    print(`used: ${what}`)
  }
  return found
}

const expect = (isSo: boolean, what: string): void => {
  if (!isSo) throw new Error(what)
}

const heading = (page: Page, name: string) => page.getByRole("heading", { level: 1, name, exact: true }).waitFor()

const keyboard: Check = {
  what: "the keyboard alone",
  run: async (page, { eventId }) => {
    const keys = page.keyboard
    for (const [key, name] of [
      ["c", "Connections"],
      ["l", "Live"],
      ["d", "Dead letters"],
      ["a", "Alerts"],
      ["r", "Replays"],
      ["o", "Overview"]
    ] as const) {
      await keys.press("g")
      await keys.press(key)
      await heading(page, name)
    }
    await keys.press("?")
    const dialog = page.getByRole("dialog", { name: "Keyboard" })
    await dialog.waitFor()
    await keys.press("Escape")
    await dialog.waitFor({ state: "detached" })
    await keys.press("/")
    await keys.type(eventId)
    await keys.press("Enter")
    await page.locator(".hop").first().waitFor({ timeout: 60_000 })
    // What is typed next takes its place.
    await keys.press("/")
    await keys.type("no-such-id")
    await keys.press("Enter")
    await page.getByText("Nothing is known of “no-such-id”").waitFor({ timeout: 60_000 })
    // A step is opened by Tab and Enter, and closed by Escape.
    await keys.press("Escape")
    await page.goto("/?view=overview&period=15m")
    const step = page.locator("a.step").first()
    await step.waitFor({ timeout: 30_000 })
    for (let presses = 0; presses < 60; presses++) {
      await keys.press("Tab")
      if (await page.evaluate<boolean>('document.activeElement.classList.contains("step")')) break
    }
    await keys.press("Enter")
    await page.locator(".side").waitFor()
    await keys.press("Escape")
    await page.locator(".side").waitFor({ state: "detached" })
  }
}

const links: Check = {
  what: "links and the way back",
  run: async (page, { connection }) => {
    await page
      .locator("a.step-skipped", { hasText: `${connection}:` })
      .first()
      .click()
    await page.locator(".side .reason").first().click()
    await page.locator(".side .sample").first().waitFor({ timeout: 30_000 })
    const address = page.url()
    expect(
      /step=skipped/.test(address) && /reason=/.test(address),
      `the address does not hold the selection: ${address}`
    )
    await page.reload()
    await page.locator(".side .sample").first().waitFor({ timeout: 30_000 })
    await page.goBack()
    await page.goBack()
    await page.locator(".side").waitFor({ state: "detached" })
  }
}

const theme: Check = {
  what: "the theme",
  run: async (page) => {
    const shown = () => page.evaluate<string>("document.documentElement.dataset.theme")
    expect((await shown()) === "light", "the system's light theme is not shown")
    const button = page.getByRole("button", { name: /^Theme/ })
    await button.click()
    await button.click()
    expect((await shown()) === "dark", "dark was chosen and is not shown")
    await page.reload()
    await page.locator(".steps-row .name").first().waitFor({ timeout: 30_000 })
    expect((await shown()) === "dark", "the choice does not outlive a reload")
  }
}

const live: Check = {
  what: "live results with a filter and a pause",
  run: async (page, { connection }) => {
    await page.keyboard.press("g")
    await page.keyboard.press("l")
    await page.getByLabel("Connection", { exact: true }).selectOption(connection)
    const line = page.locator(".result-line").first()
    await line.waitFor({ timeout: 30_000 })
    const others = await page
      .locator(".result-line")
      .evaluateAll((lines, id) => lines.filter((one) => !one.textContent?.includes(id)).length, connection)
    expect(others === 0, `${others} results of other connections are shown`)
    await page.keyboard.press("p")
    await page.getByRole("button", { name: /newer/ }).waitFor()
    await line.click()
    await page.locator(".side").getByText("The whole story of this event").waitFor()
  }
}

/** Opens the reason, plans, and gives how many would be sent. */
const plan = async (page: Page, reason: string): Promise<number> => {
  await page.goto("/?view=dead-letters")
  await page.locator(".groups a", { hasText: reason }).first().click()
  await page.locator(".side").getByRole("button", { name: "Plan a redrive" }).click()
  const count = page.locator(".plan-count")
  await count.waitFor({ timeout: 30_000 })
  return Number((await count.textContent())?.replaceAll(/\D/g, ""))
}

const redrive: Check = {
  what: "a redrive",
  run: async (page) => {
    const count = await plan(page, "undecodable")
    expect(count > 0, "the plan is empty")
    await page.getByRole("button", { name: "Do not send" }).click()
    expect((await page.locator(".redrive-row").count()) === 0, "a plan that was not confirmed was sent")
    await plan(page, "undecodable")
    await page.getByRole("button", { name: /^Redrive [\d,]+$/ }).click()
    const dialog = page.locator("dialog")
    await dialog.getByRole("button", { name: "Cancel" }).click({ timeout: 30_000 })
    await dialog.getByText("Cancelled").waitFor({ timeout: 60_000 })
    const sent = await sentBy(dialog)
    await page.getByRole("dialog").getByRole("button", { name: "Close" }).click()
    // What was redriven is undecodable again, and so in the plan under another id.
    const left = await plan(page, "undecodable")
    expect(sent < count && left >= count - sent, `a cancelled redrive of ${count} sent ${sent} and left ${left}`)
    await page.getByRole("button", { name: /^Redrive [\d,]+$/ }).click()
    await dialog.getByText("Done", { exact: true }).waitFor({ timeout: 120_000 })
    expect((await sentBy(dialog)) === left, `a redrive of ${left} sent ${await sentBy(dialog)}`)
  }
}

/** `1,234 of 5,678 sent`. */
const sentBy = async (dialog: Locator): Promise<number> => {
  const text = (await dialog.locator(".redrive-row [role=status]").textContent()) ?? ""
  return Number(text.slice(0, text.indexOf(" of ")).replaceAll(",", ""))
}

/** Of a browser's six connections to a host a tab that is not in sight holds none. */
const tabs: Check = {
  what: "many tabs",
  run: async (page) => {
    for (let opened = 0; opened < 7; opened++) {
      const tab = await page.context().newPage()
      await tab.goto("/?view=alerts", { timeout: 30_000 })
      await heading(tab, "Alerts")
      await tab.evaluate(`
        Object.defineProperty(document, "visibilityState", { value: "hidden" })
        document.dispatchEvent(new Event("visibilitychange"))
      `)
    }
    await page.goto("/?view=connections")
    await heading(page, "Connections")
  }
}

const checks: ReadonlyArray<Check> = [keyboard, links, theme, live, redrive, tabs]
