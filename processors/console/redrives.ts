/**
 * Redrives from the page: a plan that counts, its confirmation, progress and an end on demand. The reading, the choice and the
 * transactions are those of `./capi redrive` (`shared/redrive/`).
 */
import { randomUUID } from "node:crypto"
import * as Clock from "effect/Clock"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import { Connections } from "../../shared/connections/connections.ts"
import { connectorFor } from "../../shared/connectors/registry.ts"
import type { StartPosition } from "../../shared/kafka/read-topic.ts"
import { redriveDeadLetters } from "../../shared/redrive/redrive.ts"
import {
  planRedrive,
  type RedriveChoice,
  type Selection,
  type RedrivePlan as SharedPlan,
  whyTheyStay
} from "../../shared/redrive/redrive-plan.ts"
import { describeFailure } from "../../shared/runtime/exit.ts"
import type { Redrive, RedriveGroup, RedrivePlan, RedriveSelection } from "./api.ts"
import type { ConsoleState } from "./state/console-state.ts"
import { hidden } from "./state/result-row.ts"

/** A request that cannot be done in this state; `code` and `nextStep` as in an `ApiError`. */
class RedriveRefused extends Data.TaggedError("RedriveRefused")<{
  readonly status: 400 | 404 | 409
  readonly code: string
  readonly message: string
  readonly nextStep: string
}> {}

const planMillis = 600_000
const plansMax = 20
const redrivesMax = 50

interface Planned {
  readonly plan: RedrivePlan
  readonly choice: RedriveChoice
}

type Held = { -readonly [K in keyof Redrive]: Redrive[K] }

/** Redrives go on until the scope closes, whoever asked for them. */
export const makeRedrives = (state: ConsoleState) =>
  Effect.gen(function* () {
    const scope = yield* Effect.scope
    const plans = new Map<string, Planned>()

    const plan = Effect.fnUntraced(function* (selection: RedriveSelection) {
      if (!isNarrow(selection)) return yield* nothingChosen
      const now = yield* Clock.currentTimeMillis
      const { enabled } = yield* Connections
      const choice: RedriveChoice = {
        from:
          selection.since === undefined
            ? { _tag: "Beginning" }
            : ({ _tag: "At", millis: selection.since } satisfies StartPosition),
        selection: selectionOf(selection, now),
        connections: new Map(enabled.map(({ id, platform }) => [id, platform])),
        again: selection.again === true,
        remap: selection.remap === true
      }
      const counted = yield* planRedrive(choice)
      const kinds = new Map(enabled.map(({ id, kind }) => [id, kind]))
      const idempotent = (id: string | null) => {
        const kind = id === null ? undefined : kinds.get(id)
        return kind === undefined ? null : connectorFor(kind).idempotent
      }
      const planned: RedrivePlan = {
        plan_id: randomUUID(),
        expires_at: now + planMillis,
        selection,
        count: counted.deadLetters,
        groups: counted.groups.map((group) => groupOf(group, idempotent(group.connection_id))),
        left: Object.entries(counted.left).map(([why, count]) => ({ why, message: whyTheyStay[why] ?? why, count }))
      }
      plans.set(planned.plan_id, { plan: planned, choice })
      for (const oldest of plans.keys()) {
        if (plans.size <= plansMax) break
        plans.delete(oldest)
      }
      return planned
    })

    const confirm = Effect.fnUntraced(function* (planId: string) {
      const now = yield* Clock.currentTimeMillis
      const found = plans.get(planId)
      if (found === undefined || found.plan.expires_at <= now) return yield* planExpired
      if (state.redrives.some(isUnderWay)) return yield* anotherRuns
      plans.delete(planId)
      const redrive: Held = {
        ...{ redrive_id: randomUUID(), state: "running", selection: found.plan.selection, started_at: now },
        ...{ ended_at: null, total: found.plan.count, sent: 0, missing: 0, error: null }
      }
      state.redrives.unshift(redrive)
      if (state.redrives.length > redrivesMax) state.redrives.pop()
      state.hub.changed("redrives")
      yield* Effect.forkIn(carryOut(state, redrive, found), scope)
      return { ...redrive } satisfies Redrive
    })

    const cancel = Effect.fnUntraced(function* (redriveId: string) {
      const found = state.redrives.find(({ redrive_id }) => redrive_id === redriveId) as Held | undefined
      if (found === undefined) return yield* noSuchRedrive
      if (!isUnderWay(found)) return yield* notUnderWay
      found.state = "cancelling"
      state.hub.changed("redrives")
      return { ...found } satisfies Redrive
    })
    return { plan, confirm, cancel }
  }) satisfies Effect.Effect<unknown, never, Scope.Scope>

const carryOut = (state: ConsoleState, redrive: Held, { choice }: Planned) =>
  Effect.gen(function* () {
    const done = yield* Effect.exit(
      redriveDeadLetters({
        ...choice,
        mayGoOn: () => redrive.state === "running",
        onProgress: (sent) => {
          redrive.sent = sent
          state.hub.changed("redrives")
        }
      })
    )
    redrive.ended_at = yield* Clock.currentTimeMillis
    if (Exit.isSuccess(done)) {
      redrive.sent = done.value.redriven
      redrive.missing = done.value.missing
      redrive.state = redrive.state === "cancelling" ? "cancelled" : "done"
    } else {
      const failure = describeFailure(done.cause)
      redrive.state = "failed"
      redrive.error = {
        code: failure?.code ?? "stopped",
        message: hidden(failure?.message ?? "The console was stopped; what was sent until then is marked.")!,
        next_step: hidden(failure?.nextStep ?? "Make a new plan for what is left.")!
      }
    }
    state.hub.changed("redrives")
    state.hub.changed("dead_letters")
  })

const isUnderWay = ({ state }: Pick<Redrive, "state">): boolean => state === "running" || state === "cancelling"

const isNarrow = ({ all, ids, stage, reason, connection, event, since }: RedriveSelection): boolean =>
  all === true || (ids?.length ?? 0) > 0 || [stage, reason, connection, event, since].some((one) => one !== undefined)

/** Only dead letters of before the plan, so that what is confirmed is what was counted. */
const selectionOf = (selection: RedriveSelection, now: number): Selection => ({
  ids: selection.ids ?? [],
  reason: Option.fromNullishOr(selection.reason),
  stage: Option.fromNullishOr(selection.stage),
  connection: Option.fromNullishOr(selection.connection),
  event: Option.fromNullishOr(selection.event),
  until: Math.min(selection.until ?? now, now)
})

const groupOf = (group: SharedPlan["groups"][number], deduplicated: boolean | null): RedriveGroup => ({
  stage: group.stage,
  reason: group.reason_code,
  connection_id: group.connection_id,
  to: group.to,
  count: group.deadLetters,
  sent_before: group.sentBefore,
  deduplicated,
  note: noteOf(group.sentBefore, deduplicated)
})

const noteOf = (sentBefore: number, deduplicated: boolean | null): string => {
  if (sentBefore === 0) return "No request has carried them yet."
  if (deduplicated === true) return "What the platform has by now it knows by the unchanged event id, and counts once."
  return deduplicated === false
    ? "The platform does not know repeats: what it has by now it takes for new, but for what was sent within 24 hours."
    : "Each connection's platform decides whether it knows them."
}

const refused = (status: RedriveRefused["status"], code: string, message: string, nextStep: string) =>
  new RedriveRefused({ status, code, message, nextStep })

const nothingChosen = refused(
  400,
  "nothing_chosen",
  "No dead letters are named.",
  "Choose a reason, a stage, a connection or ids; or all."
)
const planExpired = refused(
  409,
  "plan_expired",
  "There is no such plan, or no longer.",
  "Make the plan again: dead letters may have come or gone since."
)
const anotherRuns = refused(
  409,
  "redrive_running",
  "Another redrive is under way.",
  "Wait until it is done, or cancel it."
)
const noSuchRedrive = refused(404, "not_found", "There is no such redrive.", "Look at the list of redrives.")
const notUnderWay = refused(409, "not_under_way", "The redrive has ended.", "Look at the list of redrives.")
