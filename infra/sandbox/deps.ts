/** What every fake platform is made from. */
import type { SandboxOptions } from "./options.ts"
import type { Random } from "./random.ts"
import type { Store } from "./store.ts"

export interface Deps {
  readonly options: SandboxOptions
  readonly store: Store
  readonly random: Random
}
