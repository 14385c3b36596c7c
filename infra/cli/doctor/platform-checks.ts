/** The connections: their credentials, until when these hold, and whether each platform answers a request without events. */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import { expiresAtOf } from "../../../processors/delivery/engine/connection-credential.ts"
import type { Connection } from "../../../shared/connections/connection.ts"
import { opensNothing, type Secret } from "../../../shared/connectors/connector.ts"
import { authorize } from "../../../shared/connectors/connector-client.ts"
import { HttpTransport } from "../../../shared/connectors/http/http-client.ts"
import { connectorFor } from "../../../shared/connectors/registry.ts"
import { Credentials } from "../../../shared/credentials/credentials.ts"
import { tryConnection } from "../commands/connect.ts"
import { apiVersionFindings } from "./api-versions.ts"
import { type Check, type Found, failed, notChecked, ok, problemsOr, warning } from "./check.ts"

const dayMillis = 86_400_000
const expiryWarningDays = 30
const expiryFailedDays = 3
const atOnce = 4

/** @param on the time at which credentials and versions must still hold, in milliseconds */
export const platformChecks = (
  connections: ReadonlyArray<Connection>,
  on: number
): ReadonlyArray<Check<Credentials | HttpTransport>> =>
  connections.length === 0
    ? [{ group: "platforms", name: "connections", run: Effect.succeed([notChecked("No connection is enabled.")]) }]
    : [
        { group: "credentials", name: "present", run: checkPresent(connections) },
        { group: "credentials", name: "expiry", run: checkExpiry(connections, on) },
        { group: "platforms", name: "api versions", run: Effect.sync(() => apiVersionFindings(connections, on)) },
        { group: "platforms", name: "test codes", run: Effect.sync(() => testCodes(connections)) },
        ...connections.map((connection) => ({
          group: "platforms" as const,
          name: connection.id,
          run: Effect.map(reach(connection), (found) => [found])
        }))
      ]

const resolve = (connection: Connection) =>
  Credentials.use((credentials) =>
    Effect.result(credentials.resolve(connection.credential, connectorFor(connection.kind).credential))
  )

const checkPresent = (connections: ReadonlyArray<Connection>) =>
  Effect.map(
    Effect.forEach(connections, (connection) => Effect.map(resolve(connection), (found) => ({ connection, found }))),
    (all) =>
      problemsOr(
        all.flatMap(({ connection, found }) =>
          Result.isFailure(found) ? [failed(`${connection.id}: ${found.failure.message}`, found.failure.nextStep)] : []
        ),
        all.length === 1 ? "The credential is there." : `The credentials of all ${all.length} connections are there.`
      )
  )

const checkExpiry = (connections: ReadonlyArray<Connection>, on: number) =>
  Effect.gen(function* () {
    const ends = yield* Effect.forEach(
      connections,
      (connection) =>
        Effect.gen(function* () {
          const secret = yield* resolve(connection)
          return Result.isFailure(secret)
            ? { id: connection.id, expiresAt: null }
            : { id: connection.id, expiresAt: yield* expiryOf(connection, secret.success) }
        }),
      { concurrency: atOnce }
    )
    const known = ends.filter(({ expiresAt }) => expiresAt !== null)
    return problemsOr(
      known.flatMap(({ id, expiresAt }) => expiryProblem(id, expiresAt!, on)),
      known.length === 0
        ? "No platform or credential names an end."
        : `None ends within ${expiryWarningDays} days (${known.length} of ${ends.length} name an end).`
    )
  })

/** Pure. */
export const expiryProblem = (id: string, expiresAt: number, on: number): ReadonlyArray<Found> => {
  const days = Math.floor((expiresAt - on) / dayMillis)
  if (days > expiryWarningDays) return []
  const next = `Make a new one at the platform and store it: ./capi credentials set (running programs take it without a restart).`
  const date = new Date(expiresAt).toISOString().slice(0, 10)
  if (expiresAt <= on) return [failed(`${id}: the credential expired on ${date}.`, next)]
  const text = `${id}: the credential expires on ${date}, in ${days} days.`
  return [days <= expiryFailedDays ? failed(text, next) : warning(text, next)]
}

/** Milliseconds since the epoch; null where neither the credential nor its platform names an end. */
const expiryOf = (connection: Connection, secret: Secret) =>
  Effect.gen(function* () {
    const connector = connectorFor(connection.kind)
    const { execute } = yield* HttpTransport
    const own = expiresAtOf(secret)
    const { credentialExpiry } = connector
    if (credentialExpiry === undefined) return own
    const context = yield* authorize(connector, { connection, secret, open: opensNothing }, execute)
    const asked = credentialExpiry.read(yield* execute(credentialExpiry.request(context)))
    return own === null || asked === null ? (own ?? asked) : Math.min(own, asked)
  }).pipe(
    // What refuses the credential is named where the platform is asked.
    Effect.orElseSucceed(() => null)
  )

const testCodes = (connections: ReadonlyArray<Connection>): ReadonlyArray<Found> =>
  problemsOr(
    connections
      .filter(({ testEventCode }) => testEventCode !== null)
      .map(({ id }) =>
        warning(
          `${id} has a test_event_code: its events count as tests, and no advertisement learns from them.`,
          "Remove it from connections.yaml when you have seen them."
        )
      ),
    "No connection marks its events as tests."
  )

const reach = (connection: Connection) =>
  Effect.gen(function* () {
    const { status, message, details } = yield* tryConnection(connection)
    const text = `${connection.endpoint.host} ${connection.endpoint.version}: ${message}`
    const next =
      typeof details["next_step"] === "string" ? details["next_step"] : `./capi connect test ${connection.id}`
    if (status === "connected")
      return ok(`${connection.endpoint.host} ${connection.endpoint.version} accepts the account and the credential.`)
    return status === "pending" ? warning(text, next) : failed(text, next)
  })

/** The transport with each response's Date header given to `onDate`. */
export const withDates = (
  transport: HttpTransport["Service"],
  onDate: (source: string, date: string | undefined, sentAt: number) => Effect.Effect<void>
): HttpTransport["Service"] => ({
  ...transport,
  execute: (request) =>
    Effect.gen(function* () {
      const sentAt = yield* Clock.currentTimeMillis
      const response = yield* transport.execute(request)
      yield* onDate(new URL(request.url).host, response.headers["date"], sentAt)
      return response
    })
})
