/** The health processor as a program. */
import { Effect } from "effect"
import { type Program, processorsProgram } from "../../shared/program/program.ts"
import { health } from "./health.ts"

export const healthProgram: Program = processorsProgram(
  "health",
  Effect.sync(() => [health()])
)
