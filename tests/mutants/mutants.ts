/** Changes that a test must notice. The text of each stands once in its file: a refactoring moves it along. */
import type { Mutant } from "./mutant.ts"

export const mutants: ReadonlyArray<Mutant> = [
  {
    wrong: "A buffer that is released once too often returns to its pool again.",
    file: "shared/kafka/wire/buffer-pool.ts",
    from: "if (--this.#users !== 0) return",
    to: "if (--this.#users > 0) return",
    test: "shared/kafka/wire/buffer-pool.test.ts"
  }
]
