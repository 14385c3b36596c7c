/** The console goes away while a page is open, and comes back with a token. */
import * as Effect from "effect/Effect"
import type { Browser } from "playwright-core"
import type { Chain } from "../harness/chain.ts"
import { watchedPage } from "./chromium.ts"
import { forms } from "./walk.ts"

const token = "the-token-of-the-browser-run"

/** Gives what is wrong. */
export const loseAndSignIn = Effect.fnUntraced(function* (browser: Browser, url: string, chain: Chain) {
  // What a browser reports of requests that are refused, on purpose here.
  const isExpected = (text: string) => /Failed to load resource|ERR_|EventSource/.test(text)
  const watched = yield* Effect.promise(() => watchedPage(browser, url, forms.light, isExpected))
  const { page } = watched
  const walk = Effect.gen(function* () {
    yield* Effect.promise(() => page.goto("/?view=overview&period=15m"))
    yield* Effect.promise(() => page.locator(".steps-row .name").first().waitFor({ timeout: 30_000 }))
    yield* chain.programs.stop(["console"])
    yield* Effect.promise(() => page.getByText("Disconnected from the console").waitFor({ timeout: 30_000 }))
    yield* chain.programs.launch("console", { CAPI_CONSOLE_TOKEN: token })
    const field = page.getByLabel("Token")
    yield* Effect.promise(() => field.waitFor({ timeout: 120_000 }))
    const lockedOut = yield* Effect.promise(() => watched.axe())
    yield* Effect.promise(() => field.fill("not-the-token-of-the-run"))
    yield* Effect.promise(() => page.getByRole("button", { name: "Sign in" }).click())
    yield* Effect.promise(() => page.getByRole("alert").waitFor({ timeout: 30_000 }))
    yield* Effect.promise(() => field.fill(token))
    yield* Effect.promise(() => page.getByRole("button", { name: "Sign in" }).click())
    yield* Effect.promise(() => page.getByRole("heading", { name: "Overview" }).waitFor({ timeout: 30_000 }))
    const kept = yield* Effect.promise(() =>
      page.evaluate<string>("document.cookie + JSON.stringify({ ...localStorage, ...sessionStorage })")
    )
    return [...lockedOut, ...(kept.includes(token) ? ["the token can be read by scripts"] : [])]
  })
  const found = yield* Effect.catchDefect(walk, (error) => Effect.succeed([String(error).split("\n")[0]!]))
  yield* Effect.promise(() => watched.close())
  return [...found, ...watched.problems].map((one) => `a console that goes away: ${one}`)
})
