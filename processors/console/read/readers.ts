/** Reads the topics that the console shows into its state. */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import { SettingsService } from "../../../shared/config/settings.ts"
import { type FetchedRecord, KafkaClient } from "../../../shared/kafka/client.ts"
import { topicNames } from "../../../shared/model/topics.ts"
import { minuteMillis } from "../counts/minute-series.ts"
import { type ConsoleState, historyMillis } from "../state/console-state.ts"
import { decoding, follow } from "./follow.ts"

const alertsSince = Duration.days(30)
/** Of results that are read back after a start: what is older stays uncounted. */
const readBackMax = 10_000_000
const hourMillis = 60 * minuteMillis

/** Runs for ever. */
export const readTopics = (state: ConsoleState) =>
  Effect.all([readResults(state), readHealth(state), readStates(state), readAlerts(state), readDeadLetters(state)], {
    concurrency: "unbounded",
    discard: true
  })

const readResults = Effect.fnUntraced(function* (state: ConsoleState) {
  const kafka = yield* KafkaClient
  const clock = yield* Clock.Clock
  const { topicPrefix } = yield* SettingsService
  const name = topicPrefix + topicNames.results
  const ends = yield* Effect.retry(kafka.topicOffsets(name), everySecond)
  const begun = clock.currentTimeMillisUnsafe()
  const use = (isOlder: boolean) =>
    decoding("event-delivery-log", (log, { partition, offset }) =>
      state.result(partition, offset, log, isOlder, clock.currentTimeMillisUnsafe())
    )
  const live = follow(
    topicNames.results,
    new Map(ends.map(({ partition, high }) => [partition, high])),
    use(false),
    noteProblem(state, topicNames.results)
  )
  let to = new Map(ends.map(({ partition, high }) => [partition, high]))
  let since = begun - hourMillis
  let read = 0
  // The newest hour first, since it is what is looked at first. An hour that fails is read again.
  const readBack = Effect.gen(function* () {
    for (; since >= begun - historyMillis && read <= readBackMax; since -= hourMillis) {
      const found = yield* kafka.offsetsAt(name, since)
      const starts = new Map(found.map(({ partition, offset }) => [partition, offset]))
      const ranges = ends.map(({ partition, low }) => {
        const end = to.get(partition) ?? low
        return { partition, from: Math.min(end, Math.max(low, starts.get(partition) ?? low)), to: end }
      })
      const decode = use(true)
      // Live results come first.
      const onRecords = (records: ReadonlyArray<FetchedRecord>) => {
        read += records.length
        return Effect.andThen(decode(records), Effect.sleep(Duration.millis(1)))
      }
      yield* kafka.read({ topic: name, ranges, onRecords })
      to = new Map(ranges.map(({ partition, from }) => [partition, from]))
      const isAll = ends.every(({ partition, low }) => (to.get(partition) ?? low) <= low)
      state.completeSince = isAll ? begun - historyMillis : since
      state.hub.changed("overview")
      if (isAll) break
    }
    state.loading = false
    state.hub.changed("overview")
  })
  const patiently = readBack.pipe(
    Effect.tapError((error) =>
      Effect.logWarning("Results could not be read back; it is tried again.").pipe(
        Effect.annotateLogs({ reason: error.message })
      )
    ),
    Effect.retry(everySecond)
  )
  yield* Effect.all([live, patiently], { concurrency: "unbounded", discard: true })
})

const readHealth = (state: ConsoleState) =>
  follow(
    topicNames.health,
    null,
    decoding(
      "connector-health-status",
      (status) => {
        state.statuses.set(status.connection_id, status)
        state.hub.changed("connections")
      },
      ({ key }) => void state.statuses.delete(String(key))
    ),
    noteProblem(state, topicNames.health)
  )

const readStates = (state: ConsoleState) =>
  follow(
    topicNames.state,
    null,
    decoding("connector-state", (one) => {
      state.states.set(one.connection_id, one)
      state.hub.changed("connections")
    }),
    noteProblem(state, topicNames.state)
  )

const readAlerts = Effect.fnUntraced(function* (state: ConsoleState) {
  const kafka = yield* KafkaClient
  const { topicPrefix } = yield* SettingsService
  const since = (yield* Clock.currentTimeMillis) - Duration.toMillis(alertsSince)
  const starts = yield* Effect.retry(kafka.offsetsAt(topicPrefix + topicNames.alerts, since), everySecond)
  yield* follow(
    topicNames.alerts,
    new Map(starts.map(({ partition, offset }) => [partition, offset])),
    decoding("health-alert", (alert, record) => {
      state.alerts.add(idOf(record), alert)
      state.hub.changed("alerts")
    }),
    noteProblem(state, topicNames.alerts)
  )
})

const readDeadLetters = (state: ConsoleState) => {
  const { onState } = noteProblem(state, topicNames.deadLetters)
  const decode = decoding(
    "dead-letter",
    (deadLetter, record) => state.deadLetters.add(idOf(record), deadLetter),
    ({ headers }) => state.deadLetters.mark(headers)
  )
  return follow(
    topicNames.deadLetters,
    null,
    (records) => Effect.tap(decode(records), () => Effect.sync(() => state.hub.changed("dead_letters"))),
    {
      onState,
      onCaughtUp: () => {
        state.deadLettersLoading = false
      }
    }
  )
}

const idOf = ({ partition, offset }: FetchedRecord): string => `${partition}:${offset}`

const noteProblem = (state: ConsoleState, topic: string) => ({
  onState: (problem: string | null): void => {
    if (problem === null) state.problems.delete(topic)
    else state.problems.set(topic, problem)
  }
})

const everySecond = Schedule.spaced("1 second")
