/** The address as a signal, and how it changes. */
import { computed, signal } from "@preact/signals"
import { type Changes, changedHref, parseRoute } from "./route.ts"

export const route = signal(parseRoute(location.search))

export const view = computed(() => route.value.view)

/** A parameter of the address, or a default. */
export const param = (name: string, otherwise = ""): string => route.value.params[name] ?? otherwise

export const openHref = (href: string, how: "push" | "replace" = "push"): void => {
  const before = route.value.view
  if (how === "push") history.pushState(null, "", href)
  else history.replaceState(null, "", href)
  route.value = parseRoute(location.search)
  if (route.value.view !== before) {
    scrollTo(0, 0)
    // A new view is announced, and the next Tab goes into it.
    requestAnimationFrame(() => document.querySelector<HTMLElement>("h1")?.focus({ preventScroll: true }))
  }
}

/** Changes parameters of the view. What is typed or switched replaces the address; what is opened is a step back. */
export const setParams = (changes: Changes, how: "push" | "replace" = "replace"): void =>
  openHref(changedHref(route.value, changes), how)

/** Links of the page open in it; with Ctrl, Shift or the middle button the browser does what it always does. */
export const followLinks = (): void => {
  addEventListener("popstate", () => {
    route.value = parseRoute(location.search)
  })
  document.addEventListener("click", (event) => {
    if (
      event.defaultPrevented ||
      event.button !== 0 ||
      event.ctrlKey ||
      event.metaKey ||
      event.shiftKey ||
      event.altKey
    )
      return
    const link = event.target instanceof Element ? event.target.closest("a") : null
    const href = link?.getAttribute("href")
    if (!href?.startsWith("?")) return
    event.preventDefault()
    openHref(href)
  })
}
