/**
 * When a connection's credential expires: as its platform says it (Meta's debug_token), or as the secret has it in a field
 * `expires_at`; and when it was set. Asked at the start, and again from time to time: a new credential has other times.
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as Schedule from "effect/Schedule"
import type { Connector, Secret } from "../../../shared/connectors/connector.ts"
import type { ConnectionCredential } from "./connection-credential.ts"
import type { DeliveryServicesShape } from "./delivery-services.ts"

/** In milliseconds since the epoch; null where nothing says so. */
export interface CredentialTimes {
  readonly expiresAt: number | null
  readonly storedAt: number | null
}

export const unknownTimes: CredentialTimes = { expiresAt: null, storedAt: null }

/** A credential that was changed shows its new end after at most so long. */
const every = Duration.minutes(15)

/** Reports the times whenever one is another. A question that fails changes nothing. */
export const watchCredentialExpiry = (
  connector: Connector,
  credential: ConnectionCredential,
  services: Pick<DeliveryServicesShape, "execute" | "secretStoredAt">,
  onChange: (times: CredentialTimes) => Effect.Effect<void>
): Effect.Effect<void> => {
  let known = unknownTimes
  const ask = Effect.gen(function* () {
    const context = yield* credential.context
    const named = expiresAtOf(context.secret)
    const asked =
      connector.credentialExpiry === undefined
        ? null
        : connector.credentialExpiry.read(yield* services.execute(connector.credentialExpiry.request(context)))
    const expiresAt = named === null || asked === null ? (named ?? asked) : Math.min(named, asked)
    const storedAt = yield* services.secretStoredAt ?? Effect.succeed(null)
    if (expiresAt === known.expiresAt && storedAt === known.storedAt) return
    known = { expiresAt, storedAt }
    yield* onChange(known)
  }).pipe(
    // What refuses or lacks the credential is reported by the requests that need it.
    Effect.catch(() => Effect.logDebug("When the credential expires could not be asked for."))
  )
  return Effect.asVoid(Effect.repeat(ask, Schedule.spaced(every)))
}

/** The field `expires_at` of a secret: ISO 8601, or seconds or milliseconds since the epoch; null where it has none. */
export const expiresAtOf = (secret: Secret): number | null => {
  const field = secret["expires_at"]
  if (field === undefined) return null
  const text = Redacted.value(field)
  const number = Number(text)
  if (Number.isFinite(number)) return number <= 0 ? null : number < secondsMax ? number * 1000 : number
  const parsed = Date.parse(text)
  return Number.isNaN(parsed) ? null : parsed
}

/** In seconds the year 5138; in milliseconds the year 1973. */
const secondsMax = 100_000_000_000
