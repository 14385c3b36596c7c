/** What the engine needs for one connection beside its own state: HTTP, credential, Kafka. Tests provide a fake platform. */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type { HttpRequestSpec, HttpResponseSpec, OpenRecipient, Secret } from "../../../shared/connectors/connector.ts"
import type { HttpFailure } from "../../../shared/connectors/http/http-failure.ts"
import type { CredentialsError } from "../../../shared/credentials/credential.ts"
import type { SealerShape } from "../../../shared/credentials/sealer.ts"
import type { KafkaError } from "../../../shared/kafka/client.ts"
import type { Outbound } from "../../../shared/runtime/contract.ts"
import type { Suppressions } from "../../../shared/suppression/suppressions.ts"
import type { RecipientKey } from "./recipient-key.ts"

export interface DeliveryServicesShape {
  readonly execute: (request: HttpRequestSpec) => Effect.Effect<HttpResponseSpec, HttpFailure>
  /** The connection's credential; read again each time. */
  readonly secret: Effect.Effect<Secret, CredentialsError>
  /** When it was set, in milliseconds since the epoch; null where nothing says so. */
  readonly secretStoredAt?: Effect.Effect<number | null, CredentialsError>
  readonly open: OpenRecipient
  /** Whether recipients can be opened, for connections whose events carry one. */
  readonly recipientKey?: RecipientKey
  /** Seals the originals of dead letters; without a master key (messages wait for it) these hold no original. */
  readonly sealer: SealerShape | null
  /** Writes at once, in no step's transaction: what must be known while a step still waits. */
  readonly publish: (records: ReadonlyArray<Outbound>) => Effect.Effect<void, KafkaError>
  /** Partitions of all input topics of the connection: its share of the rate is computed from it. */
  readonly partitionsTotal: Effect.Effect<number>
  /** Whose events are not sent any more. */
  readonly suppressions: Suppressions
}

export class DeliveryServices extends Context.Service<DeliveryServices, DeliveryServicesShape>()(
  "delivery/DeliveryServices"
) {}
