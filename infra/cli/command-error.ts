import * as Data from "effect/Data"

/** A command could not do what it was asked. `exitCode` where it is not 1. */
export class CommandError extends Data.TaggedError("CommandError")<{
  readonly code: string
  readonly message: string
  readonly nextStep: string
  readonly cause?: unknown
  readonly exitCode?: number
}> {}
