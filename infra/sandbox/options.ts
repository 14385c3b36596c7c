/** What can be set at the sandbox's start. */
import { type PlatformOptions, platformDefaults } from "./registry.ts"
import type { StoreOptions } from "./store.ts"

interface ServerOptions {
  readonly host: string
  /** The first port; the servers take the ones after it. 0: free ones. */
  readonly port: number
  readonly seed: number
  /** `off` counts event ids without parsing, for benchmarks. */
  readonly validation: "documented" | "off"
  readonly store: StoreOptions
  readonly bodyBytesMax: number
}

export type SandboxOptions = ServerOptions & PlatformOptions

export const sandboxDefaults: SandboxOptions = {
  host: "127.0.0.1",
  port: 0,
  seed: 1,
  validation: "documented",
  store: { bodiesMax: 10_000, idsMax: 200_000 },
  bodyBytesMax: 64 * 1024 * 1024,
  ...platformDefaults
}

/** Options with some left out, two levels deep. */
export type PartialSandboxOptions = {
  readonly [K in keyof SandboxOptions]?: SandboxOptions[K] extends string | number
    ? SandboxOptions[K]
    : Partial<SandboxOptions[K]>
}

/** Completes what was given with the defaults. */
export const withDefaults = (given: PartialSandboxOptions): SandboxOptions => {
  const merged = Object.entries({ ...sandboxDefaults, ...given }).map(([key, value]) => {
    const defaults: unknown = sandboxDefaults[key as keyof SandboxOptions]
    return [key, typeof defaults === "object" ? { ...defaults, ...(value as object) } : value]
  })
  return Object.fromEntries(merged) as SandboxOptions
}
