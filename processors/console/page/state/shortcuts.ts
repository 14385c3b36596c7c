/** Keys that work everywhere but in fields. */
import { signal } from "@preact/signals"
import { openHref } from "./location.ts"
import { hrefOf, type ViewName } from "./route.ts"
import { nextTheme } from "./theme.ts"

export const helpIsOpen = signal(false)

const views: Readonly<Record<string, ViewName>> = {
  o: "overview",
  c: "connections",
  l: "live",
  e: "event",
  d: "dead-letters",
  a: "alerts",
  r: "replays"
}

/** As the help lists them. */
export const shortcuts: ReadonlyArray<readonly [keys: ReadonlyArray<string>, words: string]> = [
  [["/"], "Search an event, order or click id"],
  [["g", "o"], "Overview"],
  [["g", "c"], "Connections"],
  [["g", "l"], "Live"],
  [["g", "e"], "Event"],
  [["g", "d"], "Dead letters"],
  [["g", "a"], "Alerts"],
  [["g", "r"], "Replays"],
  [["j"], "Next record of an event"],
  [["k"], "Previous record of an event"],
  [["p"], "Pause or go on, in the live view"],
  [["t"], "Theme: system, light, dark"],
  [["Esc"], "Close what is open"],
  [["?"], "This list"]
]

/** What views do on a key, such as Escape, while they are shown. The one that was added last comes first. */
const listeners: Array<readonly [key: string, run: () => void]> = []

/** Gives the function that ends it. */
export const onKey = (key: string, run: () => void): (() => void) => {
  const entry = [key, run] as const
  listeners.push(entry)
  return () => {
    listeners.splice(listeners.indexOf(entry), 1)
  }
}

/** What is typed takes the place of what was searched before. */
const toSearch = (): void => document.querySelector<HTMLInputElement>("#search")?.select()

export const listenToKeys = (): void => {
  let waitsForView = false
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return
    const inField = event.target instanceof Element && event.target.matches("input, textarea, select")
    if (document.querySelector("dialog[open]") !== null) return
    if (inField && event.key !== "Escape") return
    if (inField && event.target instanceof HTMLElement) event.target.blur()
    const follows = waitsForView
    waitsForView = event.key === "g"
    const to = follows ? views[event.key] : undefined
    const listener = listeners.findLast(([key]) => key === event.key)
    if (to !== undefined) openHref(hrefOf(to))
    else if (listener !== undefined) listener[1]()
    else if (event.key === "/") toSearch()
    else if (event.key === "?") helpIsOpen.value = true
    else if (event.key === "t") nextTheme()
    else return
    event.preventDefault()
  })
}
