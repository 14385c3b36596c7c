/** Light, dark, or what the system says. */
import { effect, signal } from "@preact/signals"

const themes = ["system", "light", "dark"] as const
export type Theme = (typeof themes)[number]

const key = "capi-theme"

const stored = (): Theme => {
  try {
    return themes.find((name) => name === localStorage.getItem(key)) ?? "system"
  } catch {
    // Storage may be refused; the choice then lasts as long as the page.
    return "system"
  }
}

export const theme = signal<Theme>(stored())

const systemIsDark = matchMedia("(prefers-color-scheme: dark)")
const systemDark = signal(systemIsDark.matches)
systemIsDark.addEventListener("change", ({ matches }) => {
  systemDark.value = matches
})

export const isDark = (): boolean => theme.value === "dark" || (theme.value === "system" && systemDark.value)

export const applyTheme = (): void => {
  effect(() => {
    document.documentElement.dataset["theme"] = isDark() ? "dark" : "light"
    try {
      localStorage.setItem(key, theme.value)
    } catch {
      // See above.
    }
  })
}

export const nextTheme = (): void => {
  theme.value = themes[(themes.indexOf(theme.value) + 1) % themes.length]!
}
