/**
 * Sends what is pending to each receiver: in groups, each group after its wait, with retries that grow. No receiver waits for
 * another, and no group for another one of its receiver. What was taken is recorded at once.
 */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import * as Result from "effect/Result"
import type * as Scope from "effect/Scope"
import type { HttpResponseSpec } from "../../shared/connectors/connector.ts"
import type { HttpFailure } from "../../shared/connectors/http/http-failure.ts"
import { retryAfterOf, safeText } from "../../shared/connectors/http/json.ts"
import type { KafkaError } from "../../shared/kafka/client.ts"
import type { Outbound } from "../../shared/runtime/contract.ts"
import type { Receiver } from "./notifications-file.ts"
import { failureText, type Reading, type ReceiverHealth, type ReceiverService, readClocks } from "./receiver.ts"
import { notificationsOf } from "./requests.ts"
import { groupOf } from "./routing.ts"
import type { NotifierState, Pending } from "./state.ts"
import { countFailure, countSent } from "./telemetry.ts"

export interface DispatcherOptions {
  readonly services: ReadonlyArray<ReceiverService>
  readonly healths: ReadonlyMap<string, ReceiverHealth>
  readonly state: NotifierState
  readonly deployment: string
  /** Writes records now; see `AssignedPartition.append`. */
  readonly append: (records: ReadonlyArray<Outbound>) => Effect.Effect<void, KafkaError>
  /** What a receiver has taken, before it is written. */
  readonly onTaken: (receiverId: string, pending: Pending, now: number) => void
}

/** How often it is looked for what is due. */
const checkEvery = Duration.millis(200)
const backoffMillisMin = 1_000
const backoffMillisMax = 60_000
const retryAfterMillisMax = 3_600_000
/** Requests of a receiver in flight. */
const requestsMax = 4

interface Group {
  /** When its first change came; both in monotonic milliseconds. */
  readonly since: number
  failures: number
  nextAttemptAt: number
  inFlight: boolean
}

/** Sends until the scope closes, which ends what is in flight. Fails where what was taken could not be recorded. */
export const dispatch = (options: DispatcherOptions): Effect.Effect<never, KafkaError, Scope.Scope> =>
  Effect.gen(function* () {
    const groups = new Map(options.services.map(({ receiver }) => [receiver.id, new Map<string, Group>()]))
    let failure: KafkaError | null = null
    const onFailed = (error: KafkaError) =>
      Effect.sync(() => {
        failure = error
      })
    while (true) {
      if (failure !== null) return yield* failure as KafkaError
      const now = yield* readClocks
      for (const service of options.services)
        for (const { group, pending } of dueOf(options, service, groups.get(service.receiver.id)!, now)) {
          group.inFlight = true
          yield* sendGroup(options, service, group, pending).pipe(
            Effect.catch(onFailed),
            Effect.ensuring(ended(group)),
            Effect.forkScoped
          )
        }
      yield* Effect.sleep(checkEvery)
    }
  })

const ended = (group: Group) =>
  Effect.sync(() => {
    group.inFlight = false
  })

/** The groups of a receiver that are to be sent now. */
const dueOf = (
  { state, healths }: DispatcherOptions,
  { receiver }: ReceiverService,
  groups: Map<string, Group>,
  { at, elapsed }: Reading
) => {
  const health = healths.get(receiver.id)!
  const all = state.pending(receiver.id, at)
  health.pending = all.length
  const byGroup = Map.groupBy(all, ({ route, problem }) => groupOf(route, problem))
  for (const [name, { inFlight }] of groups) if (!inFlight && !byGroup.has(name)) groups.delete(name)
  let free = requestsMax - [...groups.values()].filter(({ inFlight }) => inFlight).length
  const due: Array<{ readonly group: Group; readonly pending: ReadonlyArray<Pending> }> = []
  for (const [name, pending] of byGroup) {
    const group = groups.get(name) ?? { since: elapsed, failures: 0, nextAttemptAt: 0, inFlight: false }
    groups.set(name, group)
    const dueAt = Math.max(group.since + waitOf(pending), group.nextAttemptAt, health.notBefore)
    if (group.inFlight || elapsed < dueAt || free <= 0) continue
    free--
    due.push({ group, pending })
  }
  return due
}

const waitOf = (pending: ReadonlyArray<Pending>): number =>
  Math.min(...pending.map(({ route }) => Duration.toMillis(route.groupWait)))

/** One request after the other, until one is not taken. */
const sendGroup = (
  options: DispatcherOptions,
  service: ReceiverService,
  group: Group,
  pending: ReadonlyArray<Pending>
): Effect.Effect<void, KafkaError> =>
  Effect.gen(function* () {
    const { receiver } = service
    const health = options.healths.get(receiver.id)!
    // Its end is not sent, but it is over.
    const unsent = pending.filter(({ kind, route }) => kind === "ended" && !route.resolved)
    yield* record(options, receiver.id, unsent)
    const wanted = pending.filter((one) => !unsent.includes(one))
    if (wanted.length === 0) return
    const addressed = yield* Effect.result(Effect.all({ url: service.url, secret: service.secret }))
    if (Result.isFailure(addressed)) {
      const { message, nextStep } = addressed.failure
      return yield* failed(receiver, health, group, {
        reason: "credential",
        text: `${message} ${nextStep}`,
        waitMillis: 0
      })
    }
    const now = yield* Clock.currentTimeMillis
    const context = { receiver, ...addressed.success, deployment: options.deployment, now }
    for (const notification of notificationsOf(wanted, context)) {
      // What was taken must be recorded, though the partition is about to be closed.
      const refused = yield* Effect.uninterruptibleMask((restore) =>
        Effect.flatMap(restore(Effect.result(service.execute(notification.request))), (answer) => {
          const refusal = refusalOf(answer)
          if (refusal !== null) return Effect.succeed(refusal)
          return Effect.as(taken(options, receiver, health, notification.pending), null)
        })
      )
      if (refused !== null) return yield* failed(receiver, health, group, refused)
      group.failures = 0
    }
  })

const taken = (
  options: DispatcherOptions,
  receiver: Receiver,
  health: ReceiverHealth,
  pending: ReadonlyArray<Pending>
) =>
  Effect.gen(function* () {
    if (health.failingSince !== null)
      yield* Effect.logInfo("The receiver takes notifications again.").pipe(
        Effect.annotateLogs({ receiver: receiver.id })
      )
    health.failingSince = null
    health.works = true
    health.reason = null
    yield* countSent(receiver, pending)
    yield* record(options, receiver.id, pending)
  })

const record = ({ state, append, onTaken }: DispatcherOptions, receiverId: string, pending: ReadonlyArray<Pending>) =>
  Effect.gen(function* () {
    if (pending.length === 0) return
    const now = yield* Clock.currentTimeMillis
    for (const one of pending) onTaken(receiverId, one, now)
    yield* append(pending.flatMap((one) => state.delivered(receiverId, one, now)))
  })

interface Refusal {
  /** Low-cardinality, for metrics. */
  readonly reason: string
  /** For people. */
  readonly text: string
  readonly waitMillis: number
}

/** Why an answer is no success; null where it is one. */
const refusalOf = (answer: Result.Result<HttpResponseSpec, HttpFailure>): Refusal | null => {
  if (Result.isFailure(answer)) {
    return { reason: answer.failure.code, text: failureText(answer.failure), waitMillis: 0 }
  }
  const { status, body } = answer.success
  if (status >= 200 && status < 300) return null
  const wait = retryAfterOf(answer.success)
  const words = body === "" ? "" : `: ${safeText(body.slice(0, bodyCharactersMax))}`
  return {
    reason: `http_${status}`,
    text: `It answered ${status}${words}.`,
    waitMillis: wait === null ? 0 : Math.min(Duration.toMillis(wait), retryAfterMillisMax)
  }
}

const bodyCharactersMax = 200

/** Tried again after a while that doubles, at least after its Retry-After, which holds for the whole receiver. */
const failed = (receiver: Receiver, health: ReceiverHealth, group: Group, refusal: Refusal) =>
  Effect.gen(function* () {
    const now = yield* readClocks
    const { reason, text, waitMillis } = refusal
    group.failures++
    const backoff = Math.min(backoffMillisMax, backoffMillisMin * 2 ** Math.min(group.failures - 1, 10))
    const jittered = backoff * (0.8 + 0.4 * (yield* Random.next))
    group.nextAttemptAt = now.elapsed + Math.max(jittered, waitMillis)
    if (waitMillis > 0) health.notBefore = now.elapsed + waitMillis
    yield* countFailure(receiver, reason)
    const isFirst = health.failingSince === null
    health.failingSince ??= now
    health.works = false
    health.reason = text
    const log = isFirst ? Effect.logWarning : Effect.logDebug
    yield* log("The receiver did not take a notification; it is tried again.").pipe(
      Effect.annotateLogs({ receiver: receiver.id, kind: receiver.kind, reason, text, failures: group.failures })
    )
  })
