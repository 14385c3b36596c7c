/**
 * `make test-examples`: builds each example of `examples/` whose tools are here and runs it against a real broker and registry, in every
 * encoding that it has: each event must be delivered at the platform's sandbox. Without a broker each must say so and fail. Then the
 * consumer of alerts in Go, and the labels of docs/reference/metrics.md against what the programs serve.
 * Exit codes: 0 all passed, 1 something failed, 2 nothing can be checked here. ONLY=python,node runs some.
 */
import path from "node:path"
import process from "node:process"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { checkFailed } from "../../infra/images/check/command.ts"
import { makeReport, type Report, runChecks } from "../../infra/images/check/report.ts"
import { spawnGuarded } from "../../infra/local/guarded-spawn.mjs"
import { freePort } from "../../infra/local/ports.ts"
import { endProcess } from "../../infra/local/processes.ts"
import { repository } from "../../infra/local/state.ts"
import { metricLabels } from "../../infra/reference/metric-labels.ts"
import { startSandbox } from "../../infra/sandbox/sandbox.ts"
import { Codecs } from "../../shared/codec/codecs.ts"
import { KafkaClient } from "../../shared/kafka/client.ts"
import { type Chain, startChain } from "../harness/chain.ts"
import { webhookRecorder } from "../harness/webhook-recorder.ts"
import { goConsumer, missingFor, type Producer, producers, runExample } from "./producers.ts"

const only = (process.env["ONLY"] ?? "").split(",").filter((name) => name !== "")
const prefix = "examples."

const main = Effect.gen(function* () {
  const report = makeReport()
  const wanted = [...producers, goConsumer].filter(({ name }) => only.length === 0 || only.includes(name))
  const ready: Array<Producer> = []
  for (const one of wanted) if (yield* prepare(one, report)) ready.push(one)

  const sandbox = yield* startSandbox({})
  const chain = yield* startChain({
    name: "examples",
    prefix,
    sandbox,
    connections: { file: path.join(repository, "examples/connections.yaml") },
    programs: ["normalizer", "mapper", "delivery-meta", "health"],
    environment: { LOG_LEVEL: "Info" }
  })
  const settings = {
    KAFKA_BROKERS: chain.brokers,
    SCHEMA_REGISTRY_URL: chain.registryUrl,
    CAPI_TOPIC_PREFIX: prefix,
    TOPIC: `${prefix}raw-events`
  }
  const deadBroker = { ...settings, KAFKA_BROKERS: `127.0.0.1:${yield* freePort}` }
  for (const producer of ready.filter((one) => one !== goConsumer)) {
    for (const encoding of producer.encodings)
      yield* report.check(
        `${producer.name}: an event in ${encoding} is delivered`,
        delivered(producer, encoding, chain, settings)
      )
    yield* report.check(`${producer.name}: without a broker it says so, and fails`, refused(producer, deadBroker))
  }
  if (ready.includes(goConsumer)) yield* report.check("go: an alert reaches the webhook", alerted(chain, settings))
  yield* report.check("the labels of docs/reference/metrics.md are those of the programs", labelled(chain))
  return report.end()
})

/** Fetches and builds it; false where it cannot be run here. */
const prepare = (producer: Producer, report: Report) =>
  Effect.gen(function* () {
    const why = missingFor(producer)
    if (why !== null) {
      report.skip(producer.name, why)
      return false
    }
    const fetched = yield* Effect.result(producer.fetch ?? Effect.void)
    if (fetched._tag === "Failure") {
      report.skip(producer.name, `its packages cannot be had here: ${fetched.failure.message.slice(-500)}`)
      return false
    }
    return producer.build === undefined || (yield* report.check(`${producer.name}: it builds`, producer.build))
  })

const delivered = (
  producer: Producer,
  encoding: "json" | "avro",
  { control }: Chain,
  settings: Readonly<Record<string, string>>
) =>
  Effect.gen(function* () {
    const { code, out, err } = yield* runExample(producer.command(encoding), settings)
    const id = uuid.exec(out)?.[0]
    if (code !== 0 || id === undefined) return yield* checkFailed(`It ended with ${code}: ${out}${err}`)
    const found = Effect.map(control.ids("meta"), (ids) => ids.has(id))
    yield* until(found, `the sandbox never received ${id}`)
  })

const uuid = /[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/

const refused = (producer: Producer, settings: Readonly<Record<string, string>>) =>
  Effect.gen(function* () {
    const { code, err } = yield* runExample(producer.command("json"), settings)
    if (code === 0 || err.trim() === "") return yield* checkFailed(`It ended with ${code}, and said: ${err}`)
  })

const alerted = ({ run }: Chain, settings: Readonly<Record<string, string>>) =>
  Effect.scoped(
    Effect.gen(function* () {
      const webhook = yield* webhookRecorder({ status: 503, headers: { "retry-after": "1" } })
      const alert = Effect.gen(function* () {
        const value = (yield* Codecs).encode("health-alerts", "health-alert", {
          connection_id: "meta-shop",
          platform: "meta",
          previous_status: "healthy",
          status: "unhealthy",
          timestamp: Date.now(),
          cause: "circuit",
          message: "meta-shop is unhealthy",
          issues: [],
          threshold_percent: null
        })
        yield* (yield* KafkaClient).produce([{ topic: `${prefix}health-alerts`, key: "meta-shop", value }])
      })
      yield* Effect.promise(() => run(alert))
      const consumer = yield* Effect.acquireRelease(
        Effect.sync(() =>
          spawnGuarded(goConsumer.command("avro")[0]!, [], {
            env: { ...process.env, ...settings, WEBHOOK_URL: webhook.url },
            stdio: ["ignore", "ignore", "inherit"]
          })
        ),
        (child) => endProcess(child.pid!, Duration.seconds(10))
      )
      const attempts = (taken: boolean) =>
        Effect.sync(() =>
          webhook.requests.some((one) => one.taken === taken && one.text.includes("meta-shop is unhealthy"))
        )
      yield* until(attempts(false), "the webhook was never asked")
      webhook.answer({ status: 200 })
      yield* until(attempts(true), "it did not try again after 503")
      if (consumer.exitCode !== null) return yield* checkFailed(`It ended with ${consumer.exitCode}.`)
    })
  )

/** Every series' labels, but for a histogram's `le`. */
const labelled = ({ programs }: Chain) =>
  Effect.gen(function* () {
    const text = yield* programs.metrics
    const wrong = new Set<string>()
    let compared = 0
    for (const [, name, labels] of text.matchAll(/^(capi_\w+?)(?:_bucket|_sum|_count)?(?:\{([^}]*)\})? /gm)) {
      const given = [...(labels ?? "").matchAll(/(\w+)="/g)].map((match) => match[1]!).filter((label) => label !== "le")
      const known = metricLabels[name!] ?? []
      // A connection's series have no partition.
      if (
        given.some((label) => !known.includes(label)) ||
        known.some((label) => label !== "partition" && !given.includes(label))
      )
        wrong.add(`${name}: has ${given.join(", ")}; the page says ${known.join(", ")}`)
      compared++
    }
    if (compared < 100) return yield* checkFailed(`The programs serve ${compared} series.`)
    if (wrong.size > 0) return yield* checkFailed([...wrong].join("\n"))
  })

const until = (condition: Effect.Effect<boolean>, otherwise: string) =>
  Effect.gen(function* () {
    while (!(yield* condition)) yield* Effect.sleep("100 millis")
  }).pipe(Effect.timeoutOrElse({ duration: Duration.seconds(60), orElse: () => Effect.fail(checkFailed(otherwise)) }))

runChecks("test-examples", main)
