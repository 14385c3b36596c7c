/**
 * Changes that a test must notice. The text of each stands exactly once in its file, so that a refactoring moves it along; every
 * test of its list must fail.
 */
import { ledgerMutants } from "./ledger-mutants.ts"
import type { Mutant } from "./mutant.ts"
import { processorsMutants } from "./processors-mutants.ts"
import { sharedMutants } from "./shared-mutants.ts"

export const mutants: ReadonlyArray<Mutant> = [...ledgerMutants, ...processorsMutants, ...sharedMutants]
