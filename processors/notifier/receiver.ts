/** A receiver at run time: how it is reached, and how it does. */
import type * as Effect from "effect/Effect"
import type * as Redacted from "effect/Redacted"
import type { HttpRequestSpec, HttpResponseSpec } from "../../shared/connectors/connector.ts"
import type { HttpFailure } from "../../shared/connectors/http/http-failure.ts"
import type { CredentialsError } from "../../shared/credentials/credential.ts"
import type { Receiver } from "./notifications-file.ts"

/** A receiver, and how it is reached. */
export interface ReceiverService {
  readonly receiver: Receiver
  readonly url: Effect.Effect<Redacted.Redacted, CredentialsError>
  readonly secret: Effect.Effect<Redacted.Redacted | null, CredentialsError>
  readonly execute: (request: HttpRequestSpec) => Effect.Effect<HttpResponseSpec, HttpFailure>
}

/** How a receiver does. It outlives the partition, so that a failed commit sends nothing again. */
export interface ReceiverHealth {
  /** Since when it takes nothing, in milliseconds since the epoch; null where it works. */
  failingSince: number | null
  /** Whether it took the last request of this process. */
  works: boolean
  /** Why, for people. */
  reason: string | null
  /** Nothing is sent before, in milliseconds since the epoch: its Retry-After. */
  notBefore: number
  pending: number
}

export const wellReceiver = (): ReceiverHealth => ({
  failingSince: null,
  works: false,
  reason: null,
  notBefore: 0,
  pending: 0
})
