/** What every route shares: how a request is admitted, how it fails, and the session. */

/** The header of every request that acts, and its value. */
export const actionHeader = { name: "X-Capi-Console", value: "1" } as const

/** More is answered with 413. */
export const bodyBytesMax = 1_048_576

export interface ApiError {
  readonly error: {
    /** Stable, such as `unauthorized`, `invalid_query`, `unreachable`, `plan_expired`. */
    readonly code: string
    readonly message: string
    /** What to do about it. */
    readonly next_step: string
  }
}

export interface Session {
  readonly token_required: boolean
  /** Whether this request may read and act. Everything below is null or empty where it may not. */
  readonly signed_in: boolean
  /** Of the console's program. */
  readonly version: string | null
  /** `CAPI_TOPIC_PREFIX`, which names the deployment; may be empty. */
  readonly topic_prefix: string | null
  readonly event_log: "raw-events" | "sealed-events" | null
  /** The connections of the file, in its order, those that are disabled included. */
  readonly connections: ReadonlyArray<ConnectionName>
}

export interface ConnectionName {
  readonly id: string
  readonly platform: string
  readonly enabled: boolean
}

export interface SignIn {
  readonly token: string
}
