/** A redrive could not do what it was asked; `code` is stable, `nextStep` is for people. */
import * as Data from "effect/Data"

export class RedriveError extends Data.TaggedError("RedriveError")<{
  readonly code: "redrive_running" | "no_master_key"
  readonly message: string
  readonly nextStep: string
  readonly cause?: unknown
}> {}
