/** What the engine needs of the world for one connection; tests play it. */
import type * as Effect from "effect/Effect"
import type { HttpRequestSpec, HttpResponseSpec, OpenRecipient, Secret } from "../../../shared/connectors/connector.ts"
import type { HttpFailure } from "../../../shared/connectors/http/http-failure.ts"
import type { CredentialsError } from "../../../shared/credentials/credential.ts"
import type { KafkaError } from "../../../shared/kafka/client.ts"
import type { Outbound } from "../../../shared/runtime/contract.ts"
import type { RecipientKey } from "./recipient-key.ts"

export interface DeliveryServices {
  readonly execute: (request: HttpRequestSpec) => Effect.Effect<HttpResponseSpec, HttpFailure>
  /** The connection's credential, read anew each time. */
  readonly secret: Effect.Effect<Secret, CredentialsError>
  readonly open: OpenRecipient
  /** Whether recipients can be opened, for connections whose events carry one. */
  readonly recipientKey?: RecipientKey
  /** Writes at once, services any step's transaction: what must be conclusions while a step still waits. */
  readonly publish: (records: ReadonlyArray<Outbound>) => Effect.Effect<void, KafkaError>
  /** Partitions of all input topics of the connection: what its share of the rate is reckoned by. */
  readonly partitionsTotal: Effect.Effect<number>
}
