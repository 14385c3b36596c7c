/** `./capi quality`: how well each platform will match the customers, and which identifiers would help most. */

import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type { NormalizedUser } from "../../../schemas/types.gen.ts"
import { readValues } from "../../../shared/codec/read-values.ts"
import type { Connection } from "../../../shared/connections/connection.ts"
import { Connections } from "../../../shared/connections/connections.ts"
import { connectionsLayer } from "../../../shared/connectors/load-connections.ts"
import { matchQuality, missingIdentifiers } from "../../../shared/connectors/mapping/map.ts"
import { topicNames } from "../../../shared/model/topics.ts"
import { Command, Flag } from "../cli.ts"
import { event } from "../event-flag.ts"
import { count, type Paint, show, table } from "../output.ts"
import { withKafkaAndCodecs } from "../services.ts"
import { parseStartPosition } from "../start-position.ts"
import { chooseConnections } from "./connect.ts"

const connection = Flag.String("connection").pipe(Flag.withDescription("Only this connection"), Flag.optional)
const since = Flag.String("since").pipe(
  Flag.withDescription("beginning (default), a time, or how long ago (1 day)"),
  Flag.withDefault("beginning")
)

export const quality = Command.make("quality", { connection, event, since }, ({ connection, event, since }) =>
  withKafkaAndCodecs(
    Effect.gen(function* () {
      const from = yield* Effect.fromResult(parseStartPosition(since, yield* Clock.currentTimeMillis))
      const all = yield* Connections.pipe(Effect.provide(connectionsLayer))
      const chosen = yield* chooseConnections(all.all, Option.toArray(connection))
      const tallies = chosen.map((one) => new QualityTally(one))
      yield* readValues({
        topic: topicNames.normalized,
        schema: "normalized-event",
        from,
        onValue: ({ event_id, user }) => {
          if (Option.isSome(event) && event.value !== event_id) return
          for (const tally of tallies) tally.add(user)
        }
      })
      const report = tallies.map((tally) => tally.report())
      yield* show(report, (paint) => qualityTable(report, paint))
    })
  )
).pipe(
  Command.withDescription("Estimate, 0 to 10, how well each platform will match the customers, and what is missing"),
  Command.withExamples([{ command: './capi quality --since "1 day"', description: "Over the last day" }])
)

interface QualityReport {
  readonly connection_id: string
  readonly events: number
  /** Mean, 0 to 10. */
  readonly match_quality: number
  /** `gain`: how much the mean would rise if every event had it; `absent`: the share of events that lack it. */
  readonly missing: ReadonlyArray<{ readonly name: string; readonly gain: number; readonly absent: number }>
}

/** Sums up events in bounded memory. */
class QualityTally {
  readonly #connection: Connection
  readonly #missing = new Map<string, { gain: number; events: number }>()
  #events = 0
  #sum = 0

  constructor(connection: Connection) {
    this.#connection = connection
  }

  add(user: NormalizedUser): void {
    this.#events++
    this.#sum += matchQuality(user, this.#connection)
    for (const { name, gain } of missingIdentifiers(user, this.#connection)) {
      const entry = this.#missing.get(name) ?? { gain: 0, events: 0 }
      entry.gain += gain
      entry.events++
      this.#missing.set(name, entry)
    }
  }

  report(): QualityReport {
    const mean = (sum: number) => (this.#events === 0 ? 0 : Math.round((100 * sum) / this.#events) / 100)
    const missing = [...this.#missing].map(([name, { gain, events }]) => ({
      name,
      gain: mean(gain),
      absent: mean(events)
    }))
    return {
      connection_id: this.#connection.id,
      events: this.#events,
      match_quality: mean(this.#sum),
      missing: missing.sort((left, right) => right.gain - left.gain)
    }
  }
}

const shownMax = 4

const qualityTable = (reports: ReadonlyArray<QualityReport>, paint: Paint): string => {
  const events = reports[0]?.events ?? 0
  const rows = reports.map((report) => [
    report.connection_id,
    paint(
      report.match_quality >= 6 ? "green" : report.match_quality >= 4 ? "yellow" : "red",
      report.match_quality.toFixed(1)
    ),
    report.missing
      .filter(({ gain }) => gain >= 0.05)
      .slice(0, shownMax)
      .map(({ name, gain, absent }) => `${name} +${gain.toFixed(1)} (absent in ${Math.round(100 * absent)} %)`)
      .join(", ")
  ])
  return [`Over ${count(events, "event")}.`, table(["CONNECTION", "QUALITY", "WOULD HELP MOST"], rows, paint)].join(
    "\n"
  )
}
