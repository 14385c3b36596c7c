/** Whether the page is in sight: not in a tab behind another one. */
import { signal } from "@preact/signals"

const isVisible = (): boolean => document.visibilityState !== "hidden"

export const visible = signal(isVisible())

document.addEventListener("visibilitychange", () => {
  visible.value = isVisible()
})
