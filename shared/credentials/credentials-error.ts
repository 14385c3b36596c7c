import * as Data from "effect/Data"

/** A credential could not be had. Neither text ever holds any part of a secret. */
export class CredentialsError extends Data.TaggedError("CredentialsError")<{
  readonly code:
    | "reference_invalid"
    | "not_found"
    | "missing_fields"
    | "no_master_key"
    | "wrong_key"
    | "store_corrupt"
    | "store_unreadable"
    | "store_locked"
    | "value_invalid"
  readonly message: string
  readonly nextStep: string
  readonly cause: unknown
}> {}
