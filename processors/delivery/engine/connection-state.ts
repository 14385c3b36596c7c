/** A connection's state on `connector-state`, and in the log. */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import type { Codecs } from "../../../shared/codec/codecs.ts"
import type { Connection } from "../../../shared/connections/connection.ts"
import type { EventVerdict } from "../../../shared/connectors/connector.ts"
import { topicNames } from "../../../shared/model/topics.ts"
import type { CircuitState } from "../resilience/circuit-breaker.ts"
import type { DeliveryServicesShape } from "./delivery-services.ts"

export interface StateOptions {
  readonly connection: Connection
  readonly codecs: Codecs["Service"]
  readonly services: Pick<DeliveryServicesShape, "publish">
}

/** Writes the state at once, since a step that waits for hours commits nothing. `paused` is the reason of a pause. Cannot fail. */
export const publishState =
  ({ connection, services, codecs }: StateOptions) =>
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
        paused: paused !== null || circuit === "OPEN"
      })
      yield* logState(connection, circuit, paused)
      yield* services.publish([{ topic: topicNames.state, key: connection.id, value }])
    }).pipe(
      Effect.retry(Schedule.max([Schedule.exponential("500 millis"), Schedule.recurs(4)])),
      Effect.catchCause((cause) => Effect.logWarning("A connection's state could not be published.", cause))
    )

const logState = (connection: Connection, circuit: CircuitState, paused: EventVerdict | null) => {
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
