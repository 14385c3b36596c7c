/** How fast and how far behind each stage is, and how long records take to it; finds replays on the way. */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type { SourcePosition } from "../../../schemas/types.gen.ts"
import { Codecs, type Records, type SchemaName } from "../../../shared/codec/codecs.ts"
import { SettingsService } from "../../../shared/config/settings.ts"
import { type FetchedRecord, KafkaClient } from "../../../shared/kafka/client.ts"
import { monotonicMillis } from "../../../shared/model/monotonic.ts"
import type { Platform } from "../../../shared/model/platform.ts"
import { topicNames } from "../../../shared/model/topics.ts"
import { followPositions } from "../../../shared/runtime/positions.ts"
import { type StageLags, stageLags } from "../../../shared/runtime/stage-lags.ts"
import type { Percentiles, StageRates } from "../api.ts"
import { Histogram } from "../counts/histogram.ts"
import type { ConsoleState } from "../state/console-state.ts"

const tickEvery = Duration.seconds(1)
const resultsEvery = Duration.millis(500)
/** How often lags are asked for: while someone looks at the live view, and else. */
const measureEvery = Duration.seconds(2)
const measureUnwatchedEvery = Duration.seconds(20)
const pruneMillis = 60_000
const sampleEveryMillis = 10_000
/** Records of each partition whose time since their raw record is looked at. */
const sampledRecords = 20

type Connections = ReadonlyArray<{ readonly id: string; readonly platform: Platform }>

/** Runs for ever: ticks of the live view, and what they say of the stages. */
export const monitorStages = Effect.fnUntraced(function* (state: ConsoleState, connections: Connections) {
  const { topicPrefix, eventLog } = yield* SettingsService
  const positions = yield* followPositions(topicPrefix)
  let rates: ReadonlyArray<StageRates> = []
  let latencies: ReadonlyMap<string, Percentiles | null> = new Map()
  let before: { readonly at: number; readonly ends: ReadonlyMap<string, number> } | null = null
  let sampledAt = Number.NEGATIVE_INFINITY

  const measure = Effect.gen(function* () {
    const at = yield* monotonicMillis
    const lags = yield* stageLags(topicPrefix, eventLog, connections, yield* positions)
    if (state.hub.count > 0 && at - sampledAt >= sampleEveryMillis) {
      sampledAt = at
      latencies = yield* sampleLatencies([...lags.ends.keys()])
    }
    const seconds = before === null ? 0 : (at - before.at) / 1_000
    const perSecond = (name: string, end: number) =>
      before === null || seconds === 0
        ? 0
        : Math.max(0, Math.round((10 * (end - (before.ends.get(name) ?? end))) / seconds) / 10)
    rates = stagesOf(lags).map(({ stage, topic, end, lag, latencyOf }) => ({
      stage,
      topic,
      in_per_second: perSecond(stage, end),
      lag,
      latency_ms: latencies.get(latencyOf) ?? null
    }))
    before = { at, ends: new Map(stagesOf(lags).map(({ stage, end }) => [stage, end])) }
    state.problems.delete("stages")
    take(state, lags, yield* Clock.currentTimeMillis)
  }).pipe(
    Effect.tapError(({ message }) => Effect.sync(() => state.problems.set("stages", message))),
    Effect.catch((error) =>
      Effect.logWarning("The stages' lags could not be read; they are tried again.").pipe(
        Effect.annotateLogs({ reason: error.message })
      )
    )
  )
  const { hub } = state
  let prunedAt = Number.NEGATIVE_INFINITY
  const measureAgain = Effect.forever(
    Effect.gen(function* () {
      yield* measure
      const now = yield* monotonicMillis
      if (now - prunedAt >= pruneMillis) {
        prunedAt = now
        state.prune(yield* Clock.currentTimeMillis)
      }
      if (hub.count > 0) yield* Effect.sleep(measureEvery)
      else yield* Effect.timeoutOption(hub.watched.await, measureUnwatchedEvery)
    })
  )
  /** So often while someone looks. */
  const whileWatched = (every: Duration.Duration, act: (now: number) => void) =>
    Effect.forever(
      Effect.gen(function* () {
        yield* hub.watched.await
        yield* Effect.sleep(every)
        act(yield* Clock.currentTimeMillis)
      })
    )
  const tick = whileWatched(tickEvery, (now) => hub.tick(now, rates, state.lags, state.notRead))
  const send = whileWatched(resultsEvery, (now) => hub.sendResults(now))
  yield* Effect.all([measureAgain, tick, send], { concurrency: "unbounded", discard: true })
})

/** The stages in the order of the pipeline; a delivery's lag is that of its furthest connection. */
const stagesOf = ({ stages, ends, connections, positions }: StageLags) => {
  const before = stages.filter(({ name }) => name !== "health")
  const last = stages.filter(({ name }) => name === "health")
  const deliveries = [...ends].map(([platform, end]) => {
    const ids = new Set(positions.filter((one) => one.platform === platform).map(({ connectionId }) => connectionId))
    return {
      stage: `delivery-${platform}`,
      topic: topicNames.mapped(platform),
      end,
      lag: Math.max(0, ...[...ids].map((id) => connections.get(id) ?? 0)),
      latencyOf: `delivery-${platform}`
    }
  })
  const row = ({ name, topic, end, lag }: StageLags["stages"][number]) => ({
    stage: name,
    topic,
    end,
    lag,
    latencyOf: name
  })
  return [...before.map(row), ...deliveries, ...last.map(row)]
}

const take = (state: ConsoleState, { stages, connections, positions }: StageLags, now: number): void => {
  for (const [id, lag] of connections) state.lags.set(id, lag)
  const before = stages.filter(({ name }) => name !== "health")
  state.intakeWaiting = before.reduce((sum, { lag }) => sum + lag, 0)
  let isDifferent = false
  for (const { name, topic, next } of stages) isDifferent = state.replays.observe(name, topic, next, now) || isDifferent
  for (const { connectionId, platform, topic, next } of positions)
    isDifferent = state.replays.observe(`delivery-${platform}.${connectionId}`, topic, next, now) || isDifferent
  if (isDifferent) state.hub.changed("replays")
}

/** From the raw record to what each stage wrote, by the stage, of the newest records. */
const sampleLatencies = Effect.fnUntraced(function* (platforms: ReadonlyArray<string>) {
  const normalizer = yield* sample(topicNames.normalized, "normalized-event")
  const mapper = new Histogram()
  for (const platform of platforms) mapper.addAll(yield* sample(topicNames.mapped(platform), "mapped-event"))
  // Of all platforms on one topic: each delivery by what it sent. What was skipped never came to it.
  const results = new Map(platforms.map((platform) => [platform, new Histogram()]))
  yield* sampleEach(topicNames.results, "event-delivery-log", (millis, { attempted_at, platform }) => {
    if (attempted_at !== null) results.get(platform)?.add(millis)
  })
  return new Map([
    ["normalizer", normalizer.percentiles()],
    ["mapper", mapper.percentiles()],
    ...[...results].map(([platform, sent]) => [`delivery-${platform}`, sent.percentiles()] as const)
  ])
})

const sample = (topic: string, schema: SchemaName) => {
  const found = new Histogram()
  return Effect.as(
    sampleEach(topic, schema, (millis) => found.add(millis)),
    found
  )
}

/** Calls `take` with the time since the raw record, and the decoded record, of the newest ones of each partition. */
const sampleEach = Effect.fnUntraced(function* <S extends SchemaName>(
  topic: string,
  schema: S,
  take: (millis: number, record: Records[S]) => void
) {
  const kafka = yield* KafkaClient
  const codecs = yield* Codecs
  const name = (yield* SettingsService).topicPrefix + topic
  const logs = yield* kafka.topicOffsets(name)
  yield* kafka.read({
    topic: name,
    ranges: logs.map(({ partition, low, high }) => ({
      partition,
      from: Math.max(low, high - sampledRecords),
      to: high
    })),
    onRecords: Effect.fnUntraced(function* (records: ReadonlyArray<FetchedRecord>) {
      yield* codecs.loadSchemas(records.map(({ value }) => value))
      for (const { value, timestamp } of records) {
        const decoded = codecs.decode(schema, value)
        if (decoded._tag !== "Decoded") continue
        const record = decoded.value as Records[S]
        const source = sourceOf(record)
        if (source !== null) take(timestamp - source.timestamp, record)
      }
    })
  })
})

const sourceOf = (record: object): SourcePosition | null =>
  "source" in record ? (record.source as SourcePosition | null) : null
