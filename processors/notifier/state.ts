/**
 * What is wrong now and what each receiver knows of it, with the records of the state topic from which both are restored. A receiver
 * has a receipt for each problem that was routed to it; the problem's last change that it took is in it. Pure.
 */
import * as Duration from "effect/Duration"
import * as Result from "effect/Result"
import type { HealthAlert } from "../../schemas/types.gen.ts"
import { topicNames } from "../../shared/model/topics.ts"
import type { Outbound } from "../../shared/runtime/contract.ts"
import type { Receiver, Route } from "./notifications-file.ts"
import { keyOf, type Problem, problemAfter, type Severity } from "./problem.ts"
import type { Routing } from "./routing.ts"

/** Alertmanager ends an alert that is not sent again; see `requests.ts`. */
const alertmanagerRefresh = Duration.minutes(1)

export interface Receipt {
  /** The change that the receiver took last; null where it took none yet. */
  readonly change: number | null
  /** The severity that it was sent with; null where it took none or was sent the end. */
  readonly severity: Severity | null
  /** When, in milliseconds since the epoch. */
  readonly at: number | null
}

/** Something that a receiver is to get. */
export interface Pending {
  readonly problem: Problem
  readonly route: Route
  /** `ended`: it is over, or no longer of a severity that the receiver gets. */
  readonly kind: "began" | "changed" | "repeated" | "ended"
  /** Of the receiver, before. */
  readonly receipt: Receipt
}

/** What was over so long ago when it was first read is no news to anyone: the first start reads 30 days of alerts. */
const staleMillis = 86_400_000

const none: Receipt = { change: null, severity: null, at: null }

export class NotifierState {
  private readonly problems = new Map<string, Problem>()
  /** By receiver, then by problem. */
  private readonly receipts = new Map<string, Map<string, Receipt>>()
  private readonly receivers: ReadonlyArray<Receiver>
  private readonly routing: Routing

  constructor(receivers: ReadonlyArray<Receiver>, routing: Routing) {
    this.receivers = receivers
    this.routing = routing
    for (const { id } of receivers) this.receipts.set(id, new Map())
  }

  /** Reads a record of the state topic; `value` null is a tombstone. A record that is not one of ours is left out. */
  restore(key: string, value: string | null): void {
    const [kind = "", first = "", rest = ""] = splitKey(key)
    if (kind === "problem") setOrDelete(this.problems, `${first}/${rest}`, value)
    if (kind === "receipt") setOrDelete(this.receipts.get(first), rest, value)
  }

  /** A receipt that this process has seen and that may not be on the topic, since its record failed. */
  remember(receiverId: string, problemKey: string, receipt: Receipt): void {
    const receipts = this.receipts.get(receiverId)
    const known = receipts?.get(problemKey)
    const change = receipt.change ?? -1
    if (receipts === undefined || known === undefined) return
    // Its end was taken, and nothing came after it.
    if (receipt.severity === null && (this.problems.get(problemKey)?.change ?? -1) <= change)
      receipts.delete(problemKey)
    else if ((known.change ?? -1) < change) receipts.set(problemKey, receipt)
  }

  /** Once all is restored: a receiver or a route that has come into the file since takes what is wrong now. */
  addReceipts(): void {
    for (const problem of this.problems.values())
      for (const { id } of this.receivers) {
        const receipts = this.receipts.get(id)!
        if (!receipts.has(problem.key) && this.routing.routeOf(id, problem) !== null) receipts.set(problem.key, none)
      }
  }

  problem(key: string): Problem | undefined {
    return this.problems.get(key)
  }

  /** What is wrong now. */
  open(): ReadonlyArray<Problem> {
    return [...this.problems.values()].filter(({ severity }) => severity !== null)
  }

  /** The problem after an alert, and who has to know of it. `now` in milliseconds since the epoch. */
  apply(alert: HealthAlert, offset: number, now: number): ReadonlyArray<Outbound> {
    const before = this.problems.get(keyOf(alert))
    // Read again after a crash between its step and its commit.
    if (before !== undefined && before.change >= offset) return []
    const problem = problemAfter(alert, offset, before)
    if (before === undefined && problem.severity === null) return []
    this.problems.set(problem.key, problem)
    const outputs = [recordOf(`problem/${problem.key}`, problem)]
    for (const { id } of this.receivers) {
      const receipts = this.receipts.get(id)!
      if (this.routing.routeOf(id, problem) === null || receipts.has(problem.key)) continue
      receipts.set(problem.key, none)
      outputs.push(recordOf(`receipt/${id}/${problem.key}`, none))
    }
    outputs.push(...this.forget(problem, now - problem.changedAt > staleMillis))
    return outputs
  }

  /** What the receiver does not know yet, or is to be reminded of. */
  pending(receiverId: string, now: number): ReadonlyArray<Pending> {
    const found: Array<Pending> = []
    for (const [key, receipt] of this.receipts.get(receiverId) ?? []) {
      const problem = this.problems.get(key)
      if (problem === undefined) continue
      const present = this.routing.routeOf(receiverId, problem)
      if (present === null) {
        const end = this.routing.endRouteOf(receiverId, problem)
        // What was silenced from its beginning to its end is no news.
        const isSilent = receipt.change === null && this.routing.isSilenced(atItsWorst(problem), now)
        const route = end !== null && isSilent ? { ...end, resolved: false } : end
        if (route !== null) found.push({ problem, route, kind: "ended", receipt })
        continue
      }
      if (this.routing.isSilenced(problem, now)) continue
      const kind = kindOf(problem, receipt, this.repeatOf(receiverId, present), now)
      if (kind !== null) found.push({ problem, route: present, kind, receipt })
    }
    return found
  }

  private repeatOf(receiverId: string, { repeat }: Route): Duration.Duration | null {
    const { kind } = this.receivers.find(({ id }) => id === receiverId)!
    return kind === "alertmanager" ? alertmanagerRefresh : repeat
  }

  /** The receiver took it. Its end removes the receipt, and the last receipt of what is over the problem. */
  delivered(receiverId: string, { problem, kind }: Pending, now: number): ReadonlyArray<Outbound> {
    const receipts = this.receipts.get(receiverId)
    const name = `receipt/${receiverId}/${problem.key}`
    if (kind === "ended") {
      const present = this.problems.get(problem.key)
      // It began again while its end was sent.
      if (present !== undefined && this.routing.routeOf(receiverId, present) !== null) {
        receipts?.set(problem.key, none)
        return [recordOf(name, none)]
      }
      receipts?.delete(problem.key)
      return [tombstone(name), ...this.forget(problem, false)]
    }
    const receipt: Receipt = { change: problem.change, severity: problem.severity, at: now }
    receipts?.set(problem.key, receipt)
    return [recordOf(name, receipt)]
  }

  /** Removes what is over once no receiver has to know of it; with `all` at once, receipts of those that took nothing too. */
  private forget(problem: Problem, all: boolean): ReadonlyArray<Outbound> {
    const known = this.problems.get(problem.key)
    if (known === undefined || known.severity !== null) return []
    const outputs: Array<Outbound> = []
    for (const [receiverId, receipts] of this.receipts) {
      const receipt = receipts.get(problem.key)
      if (receipt === undefined) continue
      if (!all || receipt.change !== null) return []
      receipts.delete(problem.key)
      outputs.push(tombstone(`receipt/${receiverId}/${problem.key}`))
    }
    this.problems.delete(problem.key)
    return [...outputs, tombstone(`problem/${problem.key}`)]
  }
}

/** With the severity that it had, for silences that name one. */
const atItsWorst = (problem: Problem): Problem => ({ ...problem, severity: problem.lastSeverity })

const kindOf = (
  problem: Problem,
  { change, at }: Receipt,
  repeat: Duration.Duration | null,
  now: number
): "began" | "changed" | "repeated" | null => {
  if (change === null || at === null) return "began"
  if (change < problem.change) return "changed"
  if (repeat === null) return null
  const age = now - at
  // A time that lies ahead was read before the clock was set back: it does not say when.
  return age >= Duration.toMillis(repeat) || age < -clocksDifferMillis ? "repeated" : null
}

/** Clocks of two hosts differ by less. */
const clocksDifferMillis = 60_000

const setOrDelete = <A>(map: Map<string, A> | undefined, key: string, value: string | null): void => {
  const parsed = value === null ? null : Result.getOrNull(Result.try((): A => JSON.parse(value)))
  if (parsed === null) map?.delete(key)
  else map?.set(key, parsed)
}

/** `problem/<connection>/<series>` and `receipt/<receiver>/<connection>/<series>`: a connection's id has no slash. */
const splitKey = (key: string): ReadonlyArray<string> => {
  const [kind = "", first = "", ...rest] = key.split("/")
  return [kind, first, rest.join("/")]
}

const recordOf = (key: string, value: Problem | Receipt): Outbound => ({
  topic: topicNames.notifierState,
  key,
  value: Buffer.from(JSON.stringify(value))
})

const tombstone = (key: string): Outbound => ({ topic: topicNames.notifierState, key, value: null })
