/** Puts the checks together: which of them can run, in which order, and what they find. */
import * as Clock from "effect/Clock"
import * as Config from "effect/Config"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Result from "effect/Result"
import { duplicateDefaults } from "../../../processors/mapper/dedup/duplicate-filter.ts"
import { makeDecoder, WriterSchemas } from "../../../shared/codec/avro-codec.ts"
import { schemaLoader } from "../../../shared/codec/registry.ts"
import { makeRegistryClient } from "../../../shared/codec/registry-client.ts"
import { decodeSettings, environment, loadSettings, type Settings } from "../../../shared/config/settings.ts"
import type { Connection } from "../../../shared/connections/connection.ts"
import { HttpTransport, makeHttpTransport } from "../../../shared/connectors/http/http-client.ts"
import { loadConnections } from "../../../shared/connectors/load-connections.ts"
import { Credentials, credentialsOf } from "../../../shared/credentials/credentials.ts"
import { ClusterInspection } from "../../../shared/kafka/client.ts"
import { layerKafka } from "../../../shared/kafka/kafkajs/adapter.ts"
import { layerInspection } from "../../../shared/kafka/kafkajs/inspection.ts"
import { programsWithRights } from "../../../shared/model/rights.ts"
import { kafkaOptionsOf, registryAddressOf, topicsOf } from "../../../shared/runtime/services.ts"
import { count } from "../output.ts"
import { type Check, type Finding, failed, groups, notChecked, ok, runCheck } from "./check.ts"
import { type ClockSamples, makeClockSamples } from "./clock-check.ts"
import { consumerChecks } from "./consumer-checks.ts"
import { type Decoding, eventChecks } from "./event-checks.ts"
import { kafkaChecks } from "./kafka-checks.ts"
import { platformChecks, withDates } from "./platform-checks.ts"
import { registryChecks } from "./registry-checks.ts"
import { type RightsOptions, rightsChecks } from "./rights-checks.ts"
import { selfTestChecks } from "./self-test.ts"
import { topicChecks } from "./topic-checks.ts"

export interface ExaminationOptions {
  /** Also writes to Kafka: see `self-test.ts`. */
  readonly selfTest: boolean
  /** Programs that run under this user of Kafka; empty: all that the connections need. */
  readonly programs: ReadonlyArray<string>
  /** At this time credentials and versions must still hold; milliseconds, null for now. */
  readonly on: number | null
}

const atOnce = 6
const brokersDeadline = Duration.seconds(10)

/** Everything that was found, in the order of the groups. Never fails. */
export const examine = (options: ExaminationOptions): Effect.Effect<ReadonlyArray<Finding>> =>
  Effect.gen(function* () {
    const settings = yield* Effect.result(loadSettings)
    if (Result.isFailure(settings)) {
      const { message, nextStep } = settings.failure
      return yield* runCheck({
        group: "settings",
        name: "environment",
        run: Effect.succeed([failed(message, nextStep), notChecked("All else needs the settings.")])
      })
    }
    const loaded = yield* Effect.result(loadConnections(settings.success.connectionsFile, environment()))
    const connections = Result.isSuccess(loaded) ? loaded.success.connections.filter(({ enabled }) => enabled) : []
    const settingsFound = yield* runCheck({
      group: "settings",
      name: "connections",
      run: Effect.succeed(
        Result.isFailure(loaded)
          ? [failed(loaded.failure.message, loaded.failure.nextStep)]
          : [ok(`${settings.success.connectionsFile} has ${count(connections.length, "enabled connection")}.`)]
      )
    })
    const samples = makeClockSamples()
    const found = yield* Effect.all(
      [
        examineKafka(settings.success, connections, options),
        examineRegistry(settings.success, connections, samples),
        examinePlatforms(settings.success, connections, options.on, samples)
      ],
      { concurrency: "unbounded" }
    )
    const clock = yield* runCheck({
      group: "clock",
      name: "time",
      run: Effect.map(samples.finding, (finding) => [finding])
    })
    const all = [...settingsFound, ...found.flat(), ...clock]
    return groups.flatMap((group) => all.filter((finding) => finding.group === group))
  })

const runAll = <R>(checks: ReadonlyArray<Check<R>>): Effect.Effect<ReadonlyArray<Finding>, never, R> =>
  Effect.map(Effect.forEach(checks, runCheck, { concurrency: atOnce }), (found) => found.flat())

const examineKafka = (settings: Settings, connections: ReadonlyArray<Connection>, options: ExaminationOptions) =>
  Effect.gen(function* () {
    const { topicPrefix: prefix, kafka, eventLog } = settings
    const inspection = yield* ClusterInspection
    const asked = yield* inspection.brokers.pipe(
      Effect.timeoutOrElse({ duration: brokersDeadline, orElse: () => Effect.fail(silent(kafka.brokers)) }),
      Effect.result
    )
    const brokers = Result.getOrNull(asked)
    const answers = yield* runCheck({
      group: "kafka",
      name: "answers",
      run: Effect.succeed(
        Result.isFailure(asked)
          ? [failed(asked.failure.message, asked.failure.nextStep)]
          : [ok(`${kafka.brokers.join(", ")} answers; the cluster has ${count(asked.success.length, "broker")}.`)]
      )
    })
    const way = yield* runAll(kafkaChecks(kafka, brokers))
    const reached = brokers !== null && !way.some(({ check, status }) => check === "addresses" && status === "failed")
    if (!reached || brokers === null) {
      const skipped = yield* runAll(
        (["topics", "rights", "events", "consumers"] as const).map((group) => ({
          group,
          name: "all",
          run: Effect.succeed([notChecked("Brokers cannot be reached.")])
        }))
      )
      return [...answers, ...way, ...skipped]
    }
    const platforms = [...new Set(connections.map(({ platform }) => platform))]
    const programs = options.programs.length > 0 ? options.programs : programsFor(platforms)
    const topics = [...new Set(programs.flatMap((program) => topicsOf(program, platforms)))]
    const required = new Set(
      programs.filter((one) => !optionalPrograms.has(one)).flatMap((one) => topicsOf(one, platforms))
    )
    const optional = new Set(options.programs.length > 0 ? [] : topics.filter((topic) => !required.has(topic)))
    const rights: RightsOptions = { prefix, programs, platforms }
    const codecs = decodingOf(settings)
    const dedupWindow = yield* dedupWindowSetting
    const topicOptions = { settings, connections, topics, optional, brokerCount: brokers.length, dedupWindow }
    const checks = [
      ...topicChecks(topicOptions),
      ...rightsChecks(rights),
      ...eventChecks(prefix, codecs),
      ...consumerChecks({ prefix, eventLog, connections }),
      ...(options.selfTest ? selfTestChecks(rights, codecs) : [])
    ]
    return [...answers, ...way, ...(yield* runAll(checks))]
  }).pipe(Effect.provide(Layer.merge(layerKafka(kafkaOptionsOf(settings)), layerInspection(kafkaOptionsOf(settings)))))

/** What a deployment may do without. */
const optionalPrograms: ReadonlySet<string> = new Set(["indexer", "console", "notifier"])

/** All but the deliveries of platforms without a connection. */
const programsFor = (platforms: ReadonlyArray<string>): ReadonlyArray<string> =>
  programsWithRights.filter(
    (program) => !program.startsWith("delivery-") || platforms.includes(program.slice("delivery-".length))
  )

const silent = (brokers: ReadonlyArray<string>) => ({
  message: `Kafka does not answer at ${brokers.join(", ")} within ${Duration.toSeconds(brokersDeadline)} s.`,
  nextStep: "Start it, or correct KAFKA_BROKERS and KAFKA_SSL."
})

const dedupWindowSetting = decodeSettings(
  Config.Duration("DEDUP_WINDOW").pipe(Config.withDefault(duplicateDefaults.window))
).pipe(Effect.orElseSucceed(() => duplicateDefaults.window))

/** Reads Avro by the schemas that the registry has, and registers none. */
const decodingOf = (settings: Settings): Decoding => {
  const writers = new WriterSchemas()
  return {
    loadSchemas: schemaLoader(makeRegistryClient(registryAddressOf(settings.registry)), writers, null),
    decode: makeDecoder(writers)
  }
}

const examineRegistry = (settings: Settings, connections: ReadonlyArray<Connection>, samples: ClockSamples) =>
  Effect.gen(function* () {
    const platforms = [...new Set(connections.map(({ platform }) => platform))]
    const [answers, ...others] = registryChecks({
      address: registryAddressOf(settings.registry),
      prefix: settings.topicPrefix,
      topics: [...new Set(programsFor(platforms).flatMap((program) => topicsOf(program, platforms)))],
      onResponse: ({ headers }, sentAt) => samples.add("the schema registry", headers.date, sentAt)
    })
    const first = yield* runAll(answers === undefined ? [] : [answers])
    const unanswered = Effect.succeed([notChecked("The registry does not answer.")])
    const isDown = first.some(({ status }) => status === "failed")
    return [...first, ...(yield* runAll(others.map((check) => (isDown ? { ...check, run: unanswered } : check))))]
  })

const examinePlatforms = (
  settings: Settings,
  connections: ReadonlyArray<Connection>,
  on: number | null,
  samples: ClockSamples
) =>
  Effect.gen(function* () {
    const transport = withDates(yield* makeHttpTransport({ timeoutMillis: 10_000 }), samples.add)
    const credentials = yield* Effect.result(credentialsOf(settings))
    if (Result.isFailure(credentials)) {
      const { message, nextStep } = credentials.failure
      return yield* runCheck({
        group: "credentials",
        name: "store",
        run: Effect.succeed([failed(message, nextStep)])
      })
    }
    return yield* runAll(platformChecks(connections, on ?? (yield* Clock.currentTimeMillis))).pipe(
      Effect.provideService(Credentials, credentials.success),
      Effect.provideService(HttpTransport, transport)
    )
  }).pipe(Effect.scoped)
