/** A ledger's balance and undelivered events, for people and machines. */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import { environment, SettingsService } from "../../shared/config/settings.ts"
import { loadConnections } from "../../shared/connectors/load-connections.ts"
import type { StartPosition } from "../../shared/kafka/read-topic.ts"
import type { Balance } from "../../shared/ledger/balance.ts"
import { terminalOutcomes } from "../../shared/ledger/known-outcome.ts"
import type { ReadBalance } from "../../shared/ledger/read-ledger.ts"
import { describeUnread, type UnreadEvents, unreadEvents } from "../../shared/ledger/unread-events.ts"
import { type Paint, table } from "./output.ts"
import { registryOf } from "./services.ts"

/** From a start position until now, in milliseconds. */
export const rangeFrom = (from: StartPosition) =>
  Effect.map(Clock.currentTimeMillis, (now) => ({ from: from._tag === "At" ? from.millis : 0, to: now + 1 }))

/** Field names as machines read them. */
export const balanceToJson = (balance: ReadBalance) => ({
  balanced: balance.balanced,
  raw_events: balance.raw,
  dead_lettered_raw: balance.deadLetteredRaw,
  erased_raw: balance.erasedRaw,
  normalized: balance.normalized,
  in_flight_raw: balance.inFlightRaw,
  missing_raw: balance.missingRaw,
  normalized_without_raw: balance.withoutRaw,
  connections: balance.connections.map((connection) => ({
    connection_id: connection.connectionId,
    state: connection.state,
    consumed: connection.consumed,
    ...connection.outcomes,
    skipped_by: connection.skippedBy,
    rejected_by: connection.rejectedBy,
    in_flight: connection.inFlight,
    repeated: connection.repeated,
    missing: connection.missing,
    lost_retries: connection.lostRetries,
    unread: connection.unread
  }))
})

export const balanceTable = (balance: ReadBalance, paint: Paint): string => {
  const shown = terminalOutcomes.filter((outcome) => outcome !== "unknown" || someUnknown(balance))
  const rows = balance.connections.map((connection) => [
    connection.state === "enabled" ? connection.connectionId : `${connection.connectionId} (${connection.state})`,
    connection.consumed,
    ...shown.map((outcome) => connection.outcomes[outcome]),
    connection.inFlight,
    connection.missing.length
  ])
  const headers = ["CONNECTION", "CONSUMED", ...shown.map((outcome) => outcome.replace("_", "-").toUpperCase())]
  const raw =
    `Raw events: ${balance.raw} = ${balance.normalized} normalized + ${balance.deadLetteredRaw} dead-lettered ` +
    `${balance.erasedRaw === 0 ? "" : `+ ${balance.erasedRaw} erased `}+ ${balance.inFlightRaw} in flight + ${balance.missingRaw.length} missing.`
  const reasons = balance.connections.flatMap(({ connectionId, skippedBy, rejectedBy }) =>
    Object.entries({ skipped: skippedBy, rejected: rejectedBy }).flatMap(([outcome, by]) => {
      const counts = Object.entries(by).sort((left, right) => right[1] - left[1])
      if (counts.length === 0) return []
      const shown = counts.slice(0, reasonsShown).map(([reason, number]) => `${reason || "unknown"} ${number}`)
      const more = counts.length > reasonsShown ? [`${counts.length - reasonsShown} other reasons`] : []
      return [paint("dim", `${connectionId} ${outcome}: ${[...shown, ...more].join(", ")}`)]
    })
  )
  const verdict = balance.balanced
    ? paint("green", "Balanced: every event is accounted for.")
    : paint("red", "Not balanced: some events have left no trace, or wait for a connection that is gone.")
  return [
    raw,
    ...withoutRawRecord(balance, paint),
    table([...headers, "IN FLIGHT", "MISSING"], rows, paint),
    ...reasons,
    verdict
  ].join("\n")
}

/** Events that no raw record stands behind go on to the platforms all the same, so that they are named. */
const withoutRawRecord = ({ withoutRaw }: ReadBalance, paint: Paint): ReadonlyArray<string> => {
  if (withoutRaw.length === 0) return []
  const named = withoutRaw.slice(0, namedMax).join(", ")
  const more = withoutRaw.length > namedMax ? `, and ${withoutRaw.length - namedMax} more` : ""
  return [
    paint(
      "yellow",
      `${withoutRaw.length} normalized without a raw record (another program wrote them, or raw-events was deleted since): ${named}${more}`
    )
  ]
}

const namedMax = 5
const reasonsShown = 10

const someUnknown = (balance: Balance): boolean =>
  balance.connections.some((connection) => connection.outcomes.unknown > 0)

/** Events that wait for a connection that does not deliver; null where the file of connections or the registry cannot be read: then it is not known. */
export const undeliveredEvents = Effect.gen(function* () {
  const settings = yield* SettingsService
  const loaded = yield* loadConnections(settings.connectionsFile, environment())
  return yield* unreadEvents(loaded.connections, settings.topicPrefix).pipe(Effect.provide(registryOf(settings)))
}).pipe(Effect.orElseSucceed((): ReadonlyArray<UnreadEvents> | null => null))

export const undeliveredLines = (unread: ReadonlyArray<UnreadEvents> | null, paint: Paint): ReadonlyArray<string> =>
  (unread ?? []).map((one) => paint("yellow", describeUnread(one)))
