/** What must hold after an outage run, each with what was found where it does not. Pure. */
import type { DeadLetter } from "../../schemas/types.gen.ts"
import type { PlatformCounts } from "../harness/sandbox-control.ts"
import { eventId, poisonWords, type Target, targets } from "./plan.ts"
import type { AppliedTrouble } from "./troubles.ts"

/** All that a run left behind. */
export interface Evidence {
  readonly events: number
  readonly poison: ReadonlySet<number>
  readonly counts: Readonly<Record<string, PlatformCounts>>
  /** Platform → event id → how often it was taken. */
  readonly ids: Readonly<Record<string, ReadonlyMap<string, number>>>
  readonly deadLetters: ReadonlyArray<DeadLetter>
  /** What `./capi results --summary --json` prints. */
  readonly summary: SummaryJson
  /** The exit code of `./capi ledger`. */
  readonly ledgerExitCode: number
  readonly troubles: ReadonlyArray<AppliedTrouble>
  /** Connection → states that it announced: of the circuit, and `paused` for its credential. */
  readonly states: Readonly<Record<string, ReadonlySet<string>>>
}

export interface SummaryJson {
  readonly balanced: boolean
  readonly raw_events: number
  readonly dead_lettered_raw: number
  readonly normalized: number
  readonly in_flight_raw: number
  readonly connections: ReadonlyArray<
    { readonly connection_id: string; readonly missing: ReadonlyArray<string> } & Readonly<Record<Counted, number>>
  >
}

const counted = [
  ...(["consumed", "delivered", "accepted", "skipped", "rejected", "expired", "dead_lettered", "unknown"] as const),
  ...(["in_flight", "repeated"] as const)
]
type Counted = (typeof counted)[number]

/** Each broken promise in a sentence; none where all of it holds. */
export const findings = (evidence: Evidence): ReadonlyArray<string> => [
  ...evidence.troubles.flatMap(({ trouble, requests }) =>
    targets
      .filter(({ platform }) => !((requests[platform] ?? 0) > 0))
      .map(({ platform }) => `${trouble} never met a request of ${platform}.`)
  ),
  ...targets.flatMap((target) => [
    ...sandboxFindings(evidence, target),
    ...deadLetterFindings(evidence, target),
    ...summaryFindings(evidence, target),
    ...stateFindings(evidence, target)
  ]),
  ...totals(evidence)
]

const sandboxFindings = ({ events, poison, counts, ids }: Evidence, { platform }: Target): ReadonlyArray<string> => {
  const found: Array<string> = []
  const good = events - poison.size
  const taken = ids[platform] ?? new Map<string, number>()
  for (let index = 0; index < events; index++) {
    const times = taken.get(eventId(index)) ?? 0
    const expected = poison.has(index) ? 0 : 1
    if (times !== expected) found.push(`${platform} took ${eventId(index)} ${times} times, not ${expected}.`)
  }
  if (taken.size !== good) found.push(`${platform} knows ${taken.size} event ids, not ${good}.`)
  if (counts[platform]?.distinct !== good)
    found.push(`${platform} has ${counts[platform]?.distinct} distinct events, not ${good}.`)
  if (counts[platform]?.duplicates !== 0) found.push(`${platform} saw ${counts[platform]?.duplicates} duplicates.`)
  return found
}

const deadLetterFindings = ({ poison, deadLetters }: Evidence, target: Target): ReadonlyArray<string> => {
  const own = deadLetters.filter(({ connection_id }) => connection_id === target.connection)
  const found: Array<string> = []
  if (own.length !== poison.size) found.push(`${target.connection} has ${own.length} dead letters, not ${poison.size}.`)
  const expected = new Set([...poison].map(eventId))
  for (const deadLetter of own) {
    const name = `${target.connection}'s dead deadLetter of ${deadLetter.event_id}`
    if (!expected.delete(deadLetter.event_id ?? ""))
      found.push(`${name} is not of a poison event, or the second of one.`)
    if (deadLetter.stage !== `delivery-${target.platform}`) found.push(`${name} names the stage ${deadLetter.stage}.`)
    if (deadLetter.reason_code !== target.reason)
      found.push(`${name} has the reason ${deadLetter.reason_code}, not ${target.reason}.`)
    if (!deadLetter.message.includes(poisonWords))
      found.push(`${name} lacks the platform's words: ${deadLetter.message}`)
  }
  return found
}

const summaryFindings = ({ events, poison, summary }: Evidence, { connection }: Target): ReadonlyArray<string> => {
  const row = summary.connections.find(({ connection_id }) => connection_id === connection)
  if (row === undefined) return [`The summary does not know ${connection}.`]
  const expected: Partial<Record<Counted, number>> = {
    consumed: events,
    delivered: events - poison.size,
    rejected: poison.size
  }
  const wrong = counted.filter((name) => row[name] !== (expected[name] ?? 0))
  return [
    ...wrong.map((name) => `The summary says ${row[name]} ${name} of ${connection}, not ${expected[name] ?? 0}.`),
    ...row.missing.map((id) => `The summary misses ${id} of ${connection}.`)
  ]
}

const stateFindings = ({ states }: Evidence, { connection, platform }: Target): ReadonlyArray<string> => {
  // Google's token is exchanged again while it is paused for an instant; the others wait for the platform.
  const expected = ["OPEN", "HALF_OPEN", "CLOSED", ...(platform === "google" ? [] : ["paused"])]
  return expected
    .filter((state) => !states[connection]?.has(state))
    .map((state) => `${connection} never announced the state ${state}.`)
}

const totals = ({ events, poison, summary, deadLetters, ledgerExitCode }: Evidence): ReadonlyArray<string> => {
  const found: Array<string> = []
  if (!summary.balanced) found.push("The ledger does not balance.")
  if (ledgerExitCode !== 0) found.push(`./capi ledger ended with ${ledgerExitCode}.`)
  if (summary.raw_events !== events) found.push(`The ledger saw ${summary.raw_events} raw events, not ${events}.`)
  if (summary.normalized !== events) found.push(`${summary.normalized} events were normalized, not ${events}.`)
  const deadLettersExpected = poison.size * targets.length
  if (deadLetters.length !== deadLettersExpected)
    found.push(`There are ${deadLetters.length} dead letters, not ${deadLettersExpected}.`)
  return found
}
