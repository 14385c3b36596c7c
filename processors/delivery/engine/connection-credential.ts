/** A connection's credential as requests need it: resolved, exchanged for an access token where needed, and cached. */
import * as Clock from "effect/Clock"
import * as Data from "effect/Data"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Semaphore from "effect/Semaphore"
import type { Connection } from "../../../shared/connections/connection.ts"
import type { Connector, EventVerdict, RequestContext, Secret } from "../../../shared/connectors/connector.ts"
import { failureVerdict } from "../../../shared/connectors/http/http-failure.ts"
import type { DeliveryServicesShape } from "./delivery-services.ts"
import type { DeliverySettings } from "./settings.ts"

/** No usable credential; the verdict's class says what to do: auth, configuration, throttled or transient. */
class CredentialFailure extends Data.TaggedError("CredentialFailure")<{ readonly verdict: EventVerdict }> {}

export interface ConnectionCredential {
  /** What a connector needs to build a request. */
  readonly context: Effect.Effect<RequestContext, CredentialFailure>
  /** Forgets secret and token, so that the next request reads and exchanges them again. */
  readonly invalidate: Effect.Effect<void>
}

interface Held {
  readonly secret: Secret
  /** `Clock`, in milliseconds. */
  readonly until: number
}

export const makeConnectionCredential = (
  connector: Connector,
  connection: Connection,
  services: DeliveryServicesShape,
  settings: DeliverySettings
): ConnectionCredential => {
  let held: Held | null = null
  const one = Semaphore.makeUnsafe(1)
  const contextOf = (secret: Secret): RequestContext => ({ connection, secret, open: services.open })

  const obtain = Effect.gen(function* () {
    const secret = yield* Effect.mapError(
      services.secret,
      (error) =>
        new CredentialFailure({
          verdict: {
            errorClass: "auth",
            reasonCode: `credential_${error.code}`,
            message: error.message,
            nextStep: error.nextStep
          }
        })
    )
    const now = yield* Clock.currentTimeMillis
    if (connector.refresh === undefined) return { secret, until: now + Duration.toMillis(settings.secretLife) }
    const response = yield* Effect.mapError(
      services.execute(connector.refresh.request(contextOf(secret))),
      (failure) => new CredentialFailure({ verdict: verdictOf(failureVerdict(failure)) })
    )
    const result = connector.refresh.read(response)
    if (result._tag === "Refused") return yield* new CredentialFailure({ verdict: result.verdict })
    const life = Duration.toMillis(result.expiresIn) - Duration.toMillis(settings.tokenMargin)
    return { secret: { ...secret, access_token: result.accessToken }, until: now + Math.max(0, life) }
  })

  return {
    // One at a time: requests that find the token gone wait for one exchange.
    context: one.withPermits(1)(
      Effect.gen(function* () {
        const now = yield* Clock.currentTimeMillis
        if (held === null || now >= held.until) held = yield* obtain
        return contextOf(held.secret)
      })
    ),
    invalidate: Effect.sync(() => {
      held = null
    })
  }
}

const verdictOf = (verdict: ReturnType<typeof failureVerdict>): EventVerdict =>
  verdict._tag === "All" ? verdict.verdict : { errorClass: "transient", reasonCode: null, message: null }
