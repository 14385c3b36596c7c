/** The clock of this machine beside those of the servers that were asked anyway, by their Date headers. */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import { type Found, failed, notChecked, ok, warning } from "./check.ts"

/** How far this clock is ahead of a server's; the header has whole seconds, and a response takes its time. */
interface Sample {
  readonly source: string
  readonly aheadMillis: number
}

const warningMillis = 5_000
/** Meta, Snapchat and others refuse events that are further ahead than a minute. */
const failedMillis = 60_000

export interface ClockSamples {
  /** `date` is the header's text. */
  readonly add: (source: string, date: string | undefined, sentAt: number) => Effect.Effect<void>
  readonly finding: Effect.Effect<Found>
}

export const makeClockSamples = (): ClockSamples => {
  const samples: Array<Sample> = []
  return {
    add: (source, date, sentAt) =>
      Effect.map(Clock.currentTimeMillis, (receivedAt) => {
        const at = Date.parse(date ?? "")
        if (!Number.isNaN(at)) samples.push({ source, aheadMillis: (sentAt + receivedAt) / 2 - (at + 500) })
      }),
    finding: Effect.sync(() => clockFinding(samples))
  }
}

/** Pure. By the median, since one server's clock may be the wrong one. */
export const clockFinding = (samples: ReadonlyArray<Sample>): Found => {
  if (samples.length === 0) return notChecked("No server that was asked gave its time.")
  const sorted = samples.toSorted((left, right) => left.aheadMillis - right.aheadMillis)
  const { aheadMillis } = sorted[Math.floor((sorted.length - 1) / 2)]!
  const sources = [...new Set(samples.map(({ source }) => source))].slice(0, 3).join(", ")
  const off = Math.abs(aheadMillis)
  if (off <= warningMillis) return ok(`Within ${warningMillis / 1_000} s of ${sources}.`)
  const message = `This machine's clock is ${Math.round(off / 1_000)} s ${aheadMillis > 0 ? "ahead of" : "behind"} ${sources}.`
  const next = "Run a time service (NTP) here and on the machines of the programs."
  return off > failedMillis
    ? failed(`${message} Platforms refuse events from the future.`, next)
    : warning(message, next)
}
