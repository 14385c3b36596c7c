/** What is said of a connection's state, to the topic `connector-state` and the log; several instances say it of one connection. */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import type { Codecs } from "../../../shared/codec/codecs.ts"
import type { Connection } from "../../../shared/connections/connection.ts"
import type { EventVerdict } from "../../../shared/connectors/connector.ts"
import { topicNames } from "../../../shared/model/topics.ts"
import type { CircuitState } from "../resilience/circuit-breaker.ts"
import type { CredentialTimes } from "./connection-credential.ts"
import type { DeliveryServicesShape } from "./delivery-services.ts"

interface StateOptions {
  readonly connection: Connection
  readonly codecs: Codecs["Service"]
  readonly services: Pick<DeliveryServicesShape, "publish">
  readonly times: () => CredentialTimes
}

/** Writes the state at once, since a step that waits for hours commits nothing. `paused` is the reason of a pause. Cannot fail. */
export const writeState =
  ({ connection, services, codecs, times }: StateOptions) =>
  (circuit: CircuitState, paused: EventVerdict | null): Effect.Effect<void> =>
    Effect.gen(function* () {
      const now = yield* Clock.currentTimeMillis
      const value = codecs.encode(topicNames.state, "connector-state", {
        connection_id: connection.id,
        platform: connection.platform,
        status: paused !== null ? "error" : statusOf[circuit],
        circuit_state: circuit,
        timestamp: now,
        cause: paused?.errorClass ?? (circuit === "CLOSED" ? null : "transient"),
        message: paused?.message ?? messageOf[circuit],
        paused: paused !== null || circuit === "OPEN",
        credential_expires_at: times().expiresAt,
        credential_stored_at: times().storedAt
      })
      yield* services.publish([{ topic: topicNames.state, key: connection.id, value }])
    }).pipe(
      Effect.retry(publishRetries),
      Effect.catchCause((cause) => Effect.logWarning("A connection's state could not be published.", cause))
    )

const publishRetries = Schedule.max([Schedule.exponential("500 millis"), Schedule.recurs(4)])

/** Says a change in the log, as loudly as it has to be. */
export const logState = (
  connection: Connection,
  circuit: CircuitState,
  paused: EventVerdict | null
): Effect.Effect<void> => {
  const annotate = Effect.annotateLogs({ connection: connection.id, circuit, reason: paused?.reasonCode ?? null })
  if (paused !== null) return Effect.logError("The connection is paused: a person may have to act.").pipe(annotate)
  if (circuit === "OPEN") return Effect.logWarning("The circuit is open: the platform does not answer.").pipe(annotate)
  return Effect.logInfo("The connection's state changed.").pipe(annotate)
}

const statusOf = { CLOSED: "connected", HALF_OPEN: "pending", OPEN: "disconnected" } as const
const messageOf = {
  CLOSED: null,
  HALF_OPEN: "The platform is tried with few events.",
  OPEN: "The platform failed repeatedly; consumption waits until it recovers."
} as const

/**
 * An instance that takes over partitions may send, while the last that was said of the connection is the trouble of an instance that is gone or has
 * nothing to send any more. So its first success after that says how it is, unless it has said so meanwhile.
 */
export class Confirmation {
  private readonly publish: () => void
  private isDue = false

  constructor(publish: () => void) {
    this.publish = publish
  }

  /** A partition was opened. */
  opened(): void {
    this.isDue = true
  }

  /** The state was published. */
  said(): void {
    this.isDue = false
  }

  /** The platform took or refused events of a request. */
  succeeded(): void {
    if (!this.isDue) return
    this.isDue = false
    this.publish()
  }
}
