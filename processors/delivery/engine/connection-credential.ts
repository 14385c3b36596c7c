/** A connection's credential as requests need it: resolved, exchanged for an access token where needed, and cached; and when it expires. */
import * as Clock from "effect/Clock"
import * as Data from "effect/Data"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as Semaphore from "effect/Semaphore"
import type { Connection } from "../../../shared/connections/connection.ts"
import type { Connector, EventVerdict, RequestContext, Secret } from "../../../shared/connectors/connector.ts"
import { failureVerdict } from "../../../shared/connectors/http/http-failure.ts"
import { monotonicMillisUnsafe } from "../../../shared/model/monotonic.ts"
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
  readonly context: RequestContext
  /** In monotonic milliseconds. */
  readonly until: number
  /** By the wall clock as well: while a machine is suspended the other one stands, and the platform's does not. */
  readonly wallUntil: number
}

export const makeConnectionCredential = (
  connector: Connector,
  connection: Connection,
  services: DeliveryServicesShape,
  settings: DeliverySettings
): ConnectionCredential => new CachedCredential(connector, connection, services, settings)

class CachedCredential implements ConnectionCredential {
  private readonly connector: Connector
  private readonly connection: Connection
  private readonly services: DeliveryServicesShape
  private readonly settings: DeliverySettings
  private held: Held | null = null
  private readonly one = Semaphore.makeUnsafe(1)

  constructor(
    connector: Connector,
    connection: Connection,
    services: DeliveryServicesShape,
    settings: DeliverySettings
  ) {
    this.connector = connector
    this.connection = connection
    this.services = services
    this.settings = settings
  }

  get context(): Effect.Effect<RequestContext, CredentialFailure> {
    return Effect.clockWith((clock) => {
      const { held } = this
      return isUsable(held, clock) ? Effect.succeed(held.context) : this.obtainOnce()
    })
  }

  get invalidate(): Effect.Effect<void> {
    return Effect.sync(() => {
      this.held = null
    })
  }

  /** One at a time: requests that find the token gone wait for one exchange. */
  private obtainOnce(): Effect.Effect<RequestContext, CredentialFailure> {
    return this.one.withPermits(1)(
      Effect.gen({ self: this }, function* () {
        const { held } = this
        if (isUsable(held, yield* Clock.Clock)) return held.context
        const obtained = yield* this.obtain()
        this.held = obtained
        return obtained.context
      })
    )
  }

  private obtain(): Effect.Effect<Held, CredentialFailure> {
    return Effect.gen({ self: this }, function* () {
      const { connector, services, settings } = this
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
      const clock = yield* Clock.Clock
      const [begun, wallBegun] = [monotonicMillisUnsafe(clock), clock.currentTimeMillisUnsafe()]
      const held = (context: RequestContext, life: number): Held => ({
        context,
        until: begun + life,
        wallUntil: wallBegun + life
      })
      const context = this.contextOf(secret)
      if (connector.refresh === undefined) return held(context, Duration.toMillis(settings.secretLife))
      const response = yield* Effect.mapError(
        services.execute(connector.refresh.request(context)),
        (failure) => new CredentialFailure({ verdict: verdictOf(failureVerdict(failure)) })
      )
      const result = connector.refresh.read(response)
      if (result._tag === "Refused") return yield* new CredentialFailure({ verdict: result.verdict })
      const life = Duration.toMillis(result.expiresIn) - Duration.toMillis(settings.tokenMargin)
      return held(this.contextOf({ ...secret, access_token: result.accessToken }), Math.max(0, life))
    })
  }

  private contextOf(secret: Secret): RequestContext {
    return { connection: this.connection, secret, open: this.services.open }
  }
}

const isUsable = (held: Held | null, clock: Clock.Clock): held is Held =>
  held !== null && monotonicMillisUnsafe(clock) < held.until && clock.currentTimeMillisUnsafe() < held.wallUntil

const verdictOf = (verdict: ReturnType<typeof failureVerdict>): EventVerdict =>
  verdict._tag === "All" ? verdict.verdict : { errorClass: "transient", reasonCode: null, message: null }

/**
 * When the credential expires, as its platform says it (Meta's debug_token) or as the secret has it in a field `expires_at`; and when
 * it was set. In milliseconds since the epoch; null where nothing says so.
 */
export interface CredentialTimes {
  readonly expiresAt: number | null
  readonly storedAt: number | null
}

export const unknownTimes: CredentialTimes = { expiresAt: null, storedAt: null }

/** A credential that was changed shows its new end after at most so long. */
const every = Duration.minutes(15)

/**
 * Asks at the start and from time to time, as a new credential has other times, and reports them whenever one is another. A question that
 * fails changes nothing.
 */
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
  return Effect.forever(Effect.andThen(ask, Effect.sleep(every)))
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
