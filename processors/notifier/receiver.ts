/** A receiver at run time: how it is reached, and how it does. */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type * as Redacted from "effect/Redacted"
import type { HttpRequestSpec, HttpResponseSpec } from "../../shared/connectors/connector.ts"
import type { HttpFailure } from "../../shared/connectors/http/http-failure.ts"
import type { CredentialsError } from "../../shared/credentials/credential.ts"
import { monotonicMillis } from "../../shared/model/monotonic.ts"
import type { Receiver } from "./notifications-file.ts"

/** A receiver, and how it is reached. */
export interface ReceiverService {
  readonly receiver: Receiver
  readonly url: Effect.Effect<Redacted.Redacted, CredentialsError>
  readonly secret: Effect.Effect<Redacted.Redacted | null, CredentialsError>
  readonly execute: (request: HttpRequestSpec) => Effect.Effect<HttpResponseSpec, HttpFailure>
}

/** The time by two clocks. */
export interface Reading {
  /** In milliseconds since the epoch. */
  readonly at: number
  /** In monotonic milliseconds. */
  readonly elapsed: number
}

export const readClocks: Effect.Effect<Reading> = Effect.all({ at: Clock.currentTimeMillis, elapsed: monotonicMillis })

/** How a receiver does. It outlives the partition, so that a failed commit sends nothing again. */
export interface ReceiverHealth {
  /** Since when it takes nothing; null where it works. */
  failingSince: Reading | null
  /** Whether it took the last request of this process. */
  works: boolean
  /** Why, for people. */
  reason: string | null
  /** Nothing is sent before, in monotonic milliseconds: its Retry-After. */
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

/** Why a receiver could not be reached, for people: its address is in the file of notifications, and no platform's. */
export const failureText = ({ message }: Pick<HttpFailure, "message">): string =>
  `${message.replace(/^The platform/, "The receiver")} Check its url in the file of notifications, and the network and proxy on the way.`
