/**
 * The notifier: health-alerts in, requests to receivers out. A step records what is wrong and who has to know of it, in the transaction
 * of the alerts' offset; a dispatcher beside the steps sends, and records what each receiver has taken. So a crash
 * sends again what was not recorded, and nothing else.
 */
import * as Clock from "effect/Clock"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { HealthAlert } from "../../schemas/types.gen.ts"
import { Codecs, type RegistryError } from "../../shared/codec/codecs.ts"
import type { KafkaError } from "../../shared/kafka/client.ts"
import { topicNames } from "../../shared/model/topics.ts"
import type {
  AssignedPartition,
  Batch,
  Inbound,
  Outbound,
  PartitionTask,
  Processor
} from "../../shared/runtime/contract.ts"
import { dispatch } from "./dispatcher.ts"
import { notifierConnection } from "./problem.ts"
import { type Reading, type ReceiverHealth, type ReceiverService, readClocks } from "./receiver.ts"
import type { Routing } from "./routing.ts"
import { NotifierState, type Receipt } from "./state.ts"
import { updateReceivers } from "./telemetry.ts"

export interface NotifierOptions {
  readonly services: ReadonlyArray<ReceiverService>
  /** By receiver; see `ReceiverHealth`. */
  readonly healths: ReadonlyMap<string, ReceiverHealth>
  readonly routing: Routing
  /** The topics' prefix, by which deployments that share a receiver differ. */
  readonly deployment: string
}

/** A receiver that takes nothing for so long raises an alert, which the others get. */
export const failureAlertMillis = 300_000
const tickEvery = Duration.millis(500)

export type NotifierError = RegistryError | KafkaError

export const notifier = (options: NotifierOptions): Processor<NotifierError, Codecs> => {
  /** What receivers have taken from this process, by receiver and problem: a partition that is opened again does not send it again. */
  const taken = new Map<string, readonly [receiverId: string, problemKey: string, receipt: Receipt]>()
  return {
    name: "notifier",
    topics: [topicNames.alerts],
    batch: { recordsMax: 500, bytesMax: 1_000_000, linger: Duration.millis(50) },
    concurrency: 1,
    stepDeadline: Duration.minutes(2),
    assignment: "active-standby",
    open: (assigned) => openPartition(options, assigned, taken)
  }
}

type Taken = Map<string, readonly [receiverId: string, problemKey: string, receipt: Receipt]>

const openPartition = (
  options: NotifierOptions,
  assigned: AssignedPartition,
  taken: Taken
): Effect.Effect<PartitionTask<NotifierError, Codecs>, never, Codecs | Scope.Scope> =>
  Effect.gen(function* () {
    const codecs = yield* Codecs
    const { services, healths, deployment } = options
    const state = new NotifierState(
      services.map(({ receiver }) => receiver),
      options.routing
    )
    const restored = yield* Deferred.make<void>()
    const failed = yield* Deferred.make<never, KafkaError>()
    const sending = dispatch({
      services,
      healths,
      state,
      deployment,
      append: assigned.append ?? (() => Effect.void),
      onTaken: (receiverId, { problem, kind }, at) => {
        const receipt = { change: problem.change, severity: kind === "ended" ? null : problem.severity, at }
        taken.set(`${receiverId}/${problem.key}`, [receiverId, problem.key, receipt])
      }
    })
    yield* Deferred.await(restored).pipe(
      Effect.andThen(sending),
      Effect.catch((error) => Deferred.fail(failed, error)),
      Effect.forkScoped
    )
    const alerted = new Set<string>()
    const isRestored = Effect.suspend(() => {
      state.addReceipts()
      for (const [receiverId, key, receipt] of taken.values()) state.remember(receiverId, key, receipt)
      for (const { receiver } of services)
        if ((state.problem(`${notifierConnection(receiver.id)}/notifier`)?.severity ?? null) !== null)
          alerted.add(receiver.id)
      return Deferred.succeed(restored, undefined)
    })
    let begun = false
    return {
      restore: [
        {
          topic: topicNames.notifierState,
          since: "beginning",
          until: "end",
          apply: (records) => Effect.sync(() => restoreAll(state, records))
        }
      ],
      step: (batch) => applyAlerts(state, codecs, batch),
      tick: {
        every: tickEvery,
        // The first tick comes when the state is restored.
        step: Effect.gen(function* () {
          const at = yield* readClocks
          if (!begun) {
            begun = true
            yield* isRestored
            const gone = goneReceivers(options, state, codecs, at)
            if (gone.length > 0) return { outputs: gone }
          }
          if (yield* Deferred.isDone(failed)) return yield* Deferred.await(failed)
          yield* updateReceivers(healths)
          return { outputs: receiverAlerts(options, alerted, codecs, at) }
        })
      }
    } satisfies PartitionTask<NotifierError, Codecs>
  })

const restoreAll = (state: NotifierState, records: ReadonlyArray<Inbound>): void => {
  for (const { key, value } of records)
    if (key !== null) state.restore(String(key), value === null ? null : String(value))
}

/** Only our own processors write alerts; what can't be read there is left out. */
const applyAlerts = (state: NotifierState, codecs: Codecs["Service"], batch: Batch) =>
  Effect.gen(function* () {
    yield* codecs.loadSchemas(batch.records.map(({ value }) => value))
    const now = yield* Clock.currentTimeMillis
    const outputs: Array<Outbound> = []
    for (const { value, offset } of batch.records) {
      const decoded = codecs.decode("health-alert", value)
      if (decoded._tag === "Decoded") outputs.push(...state.apply(decoded.value, offset, now))
    }
    return { outputs }
  })

/** Alerts about receivers: of one that takes nothing, and when it works again. `alerted` are those that an alert is out about. */
const receiverAlerts = (
  { services, healths }: NotifierOptions,
  alerted: Set<string>,
  codecs: Codecs["Service"],
  { at, elapsed }: Reading
): ReadonlyArray<Outbound> =>
  services.flatMap(({ receiver: { id } }) => {
    const { failingSince, works } = healths.get(id)!
    const isFailing = failingSince !== null && elapsed - failingSince.elapsed >= failureAlertMillis
    if (alerted.has(id) ? !works : !isFailing) return []
    if (isFailing) alerted.add(id)
    else alerted.delete(id)
    const { reason, pending } = healths.get(id)!
    const message = isFailing
      ? `the receiver ${id} takes no notifications, ${pending} ${pending === 1 ? "change waits" : "changes wait"}: ${reason ?? ""}`
      : `the receiver ${id} takes notifications again`
    return [recordOf(codecs, receiverAlert(notifierConnection(id), isFailing, message, at))]
  })

/** The ends of alerts about receivers that are not in the file any more: nothing else would end them. */
const goneReceivers = (
  { services }: NotifierOptions,
  state: NotifierState,
  codecs: Codecs["Service"],
  { at }: Reading
): ReadonlyArray<Outbound> => {
  const present = new Set(services.map(({ receiver }) => notifierConnection(receiver.id)))
  return state
    .open()
    .filter(({ series, connectionId }) => series === "notifier" && !present.has(connectionId))
    .map(({ connectionId }) => {
      const id = connectionId.slice(notifierConnection("").length)
      const message = `the receiver ${id} is not in the file of notifications any more`
      return recordOf(codecs, receiverAlert(connectionId, false, message, at))
    })
}

const recordOf = (codecs: Codecs["Service"], alert: HealthAlert): Outbound => ({
  topic: topicNames.alerts,
  key: alert.connection_id,
  value: codecs.encode(topicNames.alerts, "health-alert", alert)
})

const receiverAlert = (connectionId: string, isFailing: boolean, message: string, now: number): HealthAlert => ({
  connection_id: connectionId,
  platform: "",
  previous_status: isFailing ? "healthy" : "unhealthy",
  status: isFailing ? "unhealthy" : "healthy",
  timestamp: now,
  cause: "notifier",
  message,
  issues: [],
  threshold_percent: null
})
