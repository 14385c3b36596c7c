/** examples/alerting/alerts.py on the real broker and registry, in a virtual environment of its requirements. */
import { spawnSync } from "node:child_process"
import { createHmac } from "node:crypto"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import path from "node:path"
import { afterAll, assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { runCommand } from "../../infra/cli/testing.ts"
import { repository } from "../../infra/local/state.ts"
import { Codecs } from "../../shared/codec/codecs.ts"
import { registryLayer } from "../../shared/codec/registry.ts"
import { KafkaClient } from "../../shared/kafka/client.ts"
import { layerKafka } from "../../shared/kafka/kafkajs/adapter.ts"
import { runProcess } from "../harness/run-command.ts"
import { testBrokers, testRegistryUrl, uniquePrefix } from "../harness/test-services.ts"
import { webhookRecorder } from "../harness/webhook-recorder.ts"

const folder = path.join(repository, "examples/alerting")
const secret = "the-secret-of-the-webhook"

const virtual = mkdtempSync(path.join(tmpdir(), "capi-python-"))
afterAll(() => rmSync(virtual, { recursive: true, force: true }))

/** Python with the example's requirements; null where the machine has no Python or no access to its packages. */
const pythonWithRequirements = (): string | null => {
  const environment = path.join(virtual, "python")
  if (spawnSync("python3", ["-m", "venv", environment]).status !== 0) return null
  const python = path.join(environment, "bin/python")
  const install = [
    "-m",
    "pip",
    "install",
    "--quiet",
    "--only-binary=:all:",
    "-r",
    path.join(folder, "requirements.txt")
  ]
  return spawnSync(python, install, { timeout: 120_000 }).status === 0 ? python : null
}

const python = pythonWithRequirements()
const leftOut = python === null ? " (left out: no Python 3 with pip and the packages of requirements.txt)" : ""

describe("the example in Python", { timeout: 180_000 }, () => {
  it.runIf(python !== null)(`takes what it is asked for to a webhook, signed, each once${leftOut}`, () =>
    Effect.gen(function* () {
      const webhook = yield* webhookRecorder({ status: 503, headers: { "retry-after": "1" } })
      const prefix = uniquePrefix("alerts")
      const addresses = { KAFKA_BROKERS: testBrokers().join(","), SCHEMA_REGISTRY_URL: testRegistryUrl() }
      yield* runCommand(["topics", "--create"], { ...addresses, CAPI_TOPIC_PREFIX: prefix })
      const services = Layer.fresh(
        Layer.merge(layerKafka({ brokers: testBrokers() }), registryLayer({ url: testRegistryUrl(), prefix }))
      )
      const produce = Effect.fnUntraced(function* (...alerts: ReadonlyArray<readonly [string, string, string]>) {
        const codecs = yield* Codecs
        const alert = ([connection, status, cause]: readonly [string, string, string]) => ({
          topic: `${prefix}health-alerts`,
          key: connection,
          value: codecs.encode("health-alerts", "health-alert", {
            connection_id: connection,
            platform: "meta",
            previous_status: "healthy",
            status,
            timestamp: Date.now(),
            cause,
            message: `${connection} is ${status}`,
            issues: [],
            threshold_percent: null
          })
        })
        yield* (yield* KafkaClient).produce(alerts.map(alert))
      })
      const publish = (...alerts: Parameters<typeof produce>) => Effect.provide(produce(...alerts), services)
      yield* publish(
        ["meta-eu", "degraded", "latency"],
        ["meta-eu", "unhealthy", "circuit"],
        ["tiktok-eu", "unhealthy", "circuit"],
        ["meta-eu", "healthy", "age_limit"],
        ["meta-eu", "healthy", "recovered"]
      )
      const settings = { ...addresses, CAPI_TOPIC_PREFIX: prefix, WEBHOOK_URL: webhook.url, WEBHOOK_SECRET: secret }
      const args = [path.join(folder, "alerts.py"), "--severity", "critical", "--connection", "meta-*", "--once"]
      const ran = runProcess(python!, args, settings)
      while (webhook.requests.length === 0) yield* Effect.sleep(20)
      webhook.answer({ status: 200 })
      const { exitCode, errors } = yield* Effect.promise(() => ran)
      assert.strictEqual(exitCode, 0, errors)
      const taken = webhook.requests.filter((request) => request.taken)
      assert.deepStrictEqual(
        taken.map(({ text }) => [JSON.parse(text).message, JSON.parse(text).severity]),
        [
          ["meta-eu is unhealthy", "critical"],
          ["meta-eu is healthy", null]
        ]
      )
      const [first] = taken
      const signed = `${String(first!.headers["x-capi-timestamp"])}.${first!.text}`
      assert.strictEqual(
        first!.headers["x-capi-signature"],
        `sha256=${createHmac("sha256", secret).update(signed).digest("hex")}`
      )
      const again = yield* Effect.promise(() => runProcess(python!, args, settings))
      assert.deepStrictEqual([again.exitCode, webhook.requests.length], [0, taken.length + 1])

      // A problem that ends after a restart: what was sent before is known from the topic.
      yield* publish(["meta-us", "unhealthy", "circuit"], ["meta-us", "unhealthy", "age_limit"])
      yield* Effect.promise(() => runProcess(python!, args, settings))
      yield* publish(["meta-us", "healthy", "recovered"], ["tiktok-eu", "healthy", "recovered"])
      yield* Effect.promise(() => runProcess(python!, args, settings))
      assert.deepStrictEqual(
        webhook.requests.slice(taken.length + 1).map(({ text }) => [JSON.parse(text).cause, JSON.parse(text).status]),
        [
          ["circuit", "unhealthy"],
          ["age_limit", "unhealthy"],
          ["recovered", "healthy"]
        ]
      )
    }).pipe(Effect.scoped, Effect.runPromise)
  )
})
