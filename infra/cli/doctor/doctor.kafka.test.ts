/** `./capi doctor` on a real broker and registry: nothing is wrong with a deployment that works, and each thing that is broken is named. */
import { once } from "node:events"
import { writeFileSync } from "node:fs"
import path from "node:path"
import process from "node:process"
import { fileURLToPath } from "node:url"
import { assert, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { subjectOf } from "../../../shared/codec/registry.ts"
import { makeRegistryClient } from "../../../shared/codec/registry-client.ts"
import { schemaJson } from "../../../shared/codec/schemas.ts"
import { KafkaClient } from "../../../shared/kafka/client.ts"
import { layerKafka } from "../../../shared/kafka/kafkajs/adapter.ts"
import { temporaryFolder } from "../../../tests/harness/temporary-folder.ts"
import { testBrokers, testRegistryUrl, uniquePrefix } from "../../../tests/harness/test-services.ts"
import { spawnGuarded } from "../../local/guarded-spawn.mjs"
import { startSandbox } from "../../sandbox/sandbox.ts"
import { declaredTopics } from "../../topics/declared-topics.ts"
import { jsonLines, runCommand } from "../testing.ts"
import type { Finding } from "./check.ts"

const main = path.join(path.dirname(fileURLToPath(import.meta.url)), "../main.ts")
const programs = ["normalizer", "mapper", "delivery-meta", "health"]

const settingsOf = (prefix: string, connection: string): Readonly<Record<string, string>> => {
  const file = path.join(temporaryFolder(), "connections.yaml")
  writeFileSync(file, `version: 1\nconnections:\n${connection}`)
  return {
    KAFKA_BROKERS: testBrokers().join(","),
    SCHEMA_REGISTRY_URL: testRegistryUrl(),
    CAPI_TOPIC_PREFIX: prefix,
    CAPI_CONNECTIONS: file,
    CAPI_MASTER_KEY: "cnVuLTAxMjM0NTY3ODlhYmNkZWZnaGlqa2xtbm9wcXI="
  }
}

const metaConnection = (host: string, more = "") =>
  `  - { id: shop, platform: meta, account: { dataset_id: "1234567890" }, credential: env:META_TOKEN, endpoint: { host: "${host}"${more} } }\n`

/** What it finds, and its exit. */
const diagnose = (env: Readonly<Record<string, string>>, ...args: ReadonlyArray<string>) =>
  Effect.map(runCommand(["doctor", "--json", ...args], env), ({ exit, out }) => ({
    works: Exit.isSuccess(exit),
    findings: jsonLines(out)[0]!["findings"] as ReadonlyArray<Finding>
  }))

const problemsOf = (findings: ReadonlyArray<Finding>) =>
  findings
    .filter(({ status }) => status === "failed" || status === "warning")
    .map(({ group, check, status }) => `${group}/${check} ${status}`)

it.live(
  "finds nothing wrong with a deployment that works, and names groups that do not run",
  () =>
    Effect.gen(function* () {
      const sandbox = yield* startSandbox({})
      Object.assign(process.env, sandbox.environment)
      const env = settingsOf(uniquePrefix("well"), metaConnection(sandbox.urls.meta))
      yield* runCommand(["topics", "--create"], env)
      const child = spawnGuarded(process.execPath, [main, "run", ...programs, "--together"], {
        env: { PATH: process.env["PATH"] ?? "", ...sandbox.environment, ...env, LOG_FORMAT: "json" },
        stdio: "ignore"
      })
      const ended = once(child, "close")
      const events = path.join(temporaryFolder(), "events.jsonl")
      const event = (id: string) => ({
        event_id: id,
        event_name: "purchase",
        action_source: "website",
        user: { email: "jane@shop.example" },
        properties: { value: 1, currency: "USD", order_id: id }
      })
      writeFileSync(events, ["o-1", "o-2"].map((id) => JSON.stringify(event(id))).join("\n"))
      yield* runCommand(["send", events, "--now"], env)
      yield* runCommand(["results", "--event", "o-2", "--wait", "3 minutes"], env)
      const { works, findings } = yield* diagnose(env, "--self-test")
      assert.deepStrictEqual(
        findings.filter(({ status }) => status !== "ok"),
        []
      )
      assert.isTrue(works)
      assert.isAbove(findings.length, 30)
      const text = (yield* runCommand(["doctor"], env)).out
      for (const secret of ["jane@shop.example", "o-1", process.env["META_TOKEN"]!]) assert.notInclude(text, secret)

      child.kill("SIGTERM")
      yield* Effect.promise(() => ended)
      yield* runCommand(["send", events, "--now"], env)
      const stopped = yield* diagnose(env)
      assert.isTrue(stopped.works, "a warning is no failure")
      assert.include(problemsOf(stopped.findings), "consumers/normalizer warning")
      assert.isFalse((yield* diagnose(env, "--strict")).works)
    }).pipe(Effect.scoped),
  400_000
)

it.live(
  "names topics that differ, and schemas of others",
  () =>
    Effect.gen(function* () {
      const prefix = uniquePrefix("ill")
      const changed: Readonly<Record<string, { readonly partitions?: number; readonly config?: object }>> = {
        "mapper-dedup": { partitions: 3 },
        "mapped-events.meta": { config: { "retention.ms": "3600000" } },
        "raw-events": { config: { "retention.ms": "-1", "message.timestamp.type": "LogAppendTime" } },
        "delivery-positions": { config: { "cleanup.policy": "delete" } },
        "dead-letters": { config: { "max.message.bytes": "1048576" } }
      }
      yield* KafkaClient.use((kafka) =>
        kafka.createTopics(
          declaredTopics(prefix, 1)
            .filter(({ name }) => name !== `${prefix}suppressions`)
            .map((topic) => {
              const { partitions = topic.partitions, config = {} } = changed[topic.name.slice(prefix.length)] ?? {}
              return { ...topic, partitions, config: { ...topic.config, ...config } }
            })
        )
      ).pipe(Effect.provide(layerKafka({ brokers: testBrokers() })))
      const address = { url: testRegistryUrl() }
      const other = { type: "record", name: "Order", fields: [{ name: "number", type: "long" }] }
      yield* makeRegistryClient(address).register(subjectOf(prefix, "normalized-events"), JSON.stringify(other))
      const resultsSubject = subjectOf(prefix, "delivery-results")
      yield* makeRegistryClient(address).register(resultsSubject, schemaJson["event-delivery-log"])
      const results = encodeURIComponent(resultsSubject)
      yield* Effect.promise(() =>
        fetch(`${address.url}/config/${results}`, {
          method: "PUT",
          headers: { "content-type": "application/json" },
          body: JSON.stringify({ compatibility: "NONE" })
        })
      )
      process.env["META_TOKEN"] = "a-token-of-the-test"
      const { works, findings } = yield* diagnose(settingsOf(prefix, metaConnection("http://127.0.0.1:1")))
      assert.isFalse(works)
      assert.includeMembers(problemsOf(findings), [
        "topics/present failed",
        "topics/partitions failed",
        "topics/retention failed",
        "topics/cleanup failed",
        "topics/record sizes warning",
        "topics/timestamps warning",
        "registry/schemas failed",
        "registry/compatibility failed",
        "platforms/shop failed"
      ])
      const lines = findings.map(({ message }) => message).join("\n")
      for (const named of [`${prefix}suppressions`, "mapper-dedup 3", "delivery-results", "normalized-events-value"])
        assert.include(lines, named)
      assert.isTrue(findings.filter(({ status }) => status === "failed").every(({ next }) => next !== undefined))
    }),
  240_000
)

it.live(
  "names credentials, versions and event ids that will not do",
  () =>
    Effect.gen(function* () {
      const sandbox = yield* startSandbox({})
      Object.assign(process.env, sandbox.environment, {
        OLD_TOKEN: JSON.stringify({ access_token: "old-token-of-the-test", expires_at: "2026-01-01T00:00:00Z" })
      })
      const lost = metaConnection(sandbox.urls.meta)
        .replace("id: shop", "id: lost")
        .replace("META_TOKEN", "NO_SUCH_TOKEN")
      const old = metaConnection(sandbox.urls.meta, ", version: v21.0")
        .replace("id: shop", "id: old")
        .replace("META_TOKEN", "OLD_TOKEN")
      const env = settingsOf(uniquePrefix("ids"), lost + old)
      yield* runCommand(["topics", "--create"], env)
      const event = (more: object) => ({
        value: Buffer.from(
          JSON.stringify({ event_name: "purchase", event_time: 1, properties: { value: 1, currency: "USD" }, ...more })
        )
      })
      const order = (event_id: string, order_id: string) => event({ event_id, properties: { order_id } })
      yield* KafkaClient.use((kafka) =>
        kafka.produce(
          [event({}), order("a", "1"), order("b", "1"), order("c", "2"), order("c", "3")].map(({ value }) => ({
            topic: `${env["CAPI_TOPIC_PREFIX"]}raw-events`,
            key: null,
            value
          }))
        )
      ).pipe(Effect.provide(layerKafka({ brokers: testBrokers() })))
      const { findings } = yield* diagnose(env, "--on", "2027-01-10")
      const problems = problemsOf(findings)
      assert.includeMembers(problems, [
        "credentials/present failed",
        "credentials/expiry failed",
        "platforms/api versions warning",
        "platforms/lost failed"
      ])
      assert.lengthOf(
        problems.filter((problem) => problem === "events/event ids failed"),
        3
      )
      assert.notInclude(JSON.stringify(findings), "old-token-of-the-test")
    }).pipe(Effect.scoped),
  240_000
)

it.live("ends where no broker and no registry answer, and where settings are missing", () =>
  Effect.gen(function* () {
    const env = { ...settingsOf("", metaConnection("http://127.0.0.1:1")), KAFKA_BROKERS: "127.0.0.1:1" }
    const { works, findings } = yield* diagnose({ ...env, SCHEMA_REGISTRY_URL: "http://127.0.0.1:1" })
    assert.isFalse(works)
    assert.includeMembers(problemsOf(findings), ["kafka/answers failed", "registry/answers failed"])
    assert.isTrue(findings.filter(({ group }) => group === "topics").every(({ status }) => status === "not_checked"))
    const bare = yield* diagnose({})
    assert.deepStrictEqual(problemsOf(bare.findings), ["settings/environment failed"])
  })
)
