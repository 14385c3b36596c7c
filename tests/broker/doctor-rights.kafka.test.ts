/** `./capi doctor` on a broker with TLS, logins and an authorizer: what this user lacks, and an address that cannot be reached. */
import { writeFileSync } from "node:fs"
import path from "node:path"
import { assert, inject, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import type { Finding } from "../../infra/cli/doctor/check.ts"
import { jsonLines, runCommand } from "../../infra/cli/testing.ts"
import { createTopics } from "../../infra/topics/create-topics.ts"
import { layerKafka } from "../../shared/kafka/kafkajs/adapter.ts"
import { rightsOf } from "../../shared/model/rights.ts"
import { grant, revoke } from "../harness/grant.ts"
import { jarsOnly, startSecuredBroker } from "../harness/secured-broker.ts"
import { temporaryFolder } from "../harness/temporary-folder.ts"

const prefix = "rights."
const password = "secret-of-mapper"

it.live(
  "names each missing right of a program, and a broker that advertises a wrong address",
  () =>
    Effect.gen(function* () {
      const folder = temporaryFolder()
      const broker = yield* startSecuredBroker({ folder, users: { mapper: password } })
      yield* createTopics(prefix).pipe(Effect.provide(layerKafka({ brokers: [broker.administrator] })))
      const connections = path.join(folder, "connections.yaml")
      writeFileSync(
        connections,
        "version: 1\nconnections:\n  - { id: shop, platform: meta, account: { dataset_id: 1 }, credential: env:NONE }\n"
      )
      const common = {
        SCHEMA_REGISTRY_URL: inject("registryUrl"),
        CAPI_TOPIC_PREFIX: prefix,
        CAPI_CONNECTIONS: connections
      }
      const login = {
        ...common,
        KAFKA_BROKERS: broker.login,
        KAFKA_SSL: "true",
        KAFKA_SSL_CA: broker.authority.ca,
        KAFKA_SASL_USERNAME: "mapper",
        KAFKA_SASL_PASSWORD: password
      }
      const diagnose = (env: Readonly<Record<string, string>>) =>
        Effect.map(
          runCommand(["doctor", "--json", "--program", "mapper"], env),
          ({ out }) => jsonLines(out)[0]!["findings"] as ReadonlyArray<Finding>
        )
      const rights = rightsOf("mapper", prefix, ["meta"])
      yield* grant(broker.administrator, "mapper", rights)
      const whole = yield* diagnose(login)
      const statusOf = (findings: ReadonlyArray<Finding>, group: string, check?: string) => [
        ...new Set(
          findings
            .filter((one) => one.group === group && one.check === (check ?? one.check))
            .map(({ status }) => status)
        )
      ]
      assert.deepStrictEqual(statusOf(whole, "rights"), ["ok"])
      for (const check of ["answers", "addresses", "version", "login"])
        assert.deepStrictEqual(statusOf(whole, "kafka", check), ["ok"], check)
      // The tests' certificates are made for some days.
      assert.match(
        whole.find(({ check }) => check === "tls")!.message,
        /certificate of 127\.0\.0\.1:\d+ ends in \d+ days/
      )
      assert.include(whole.find(({ check }) => check === "login")!.message, "plain")
      // The mapper may not read the configuration of topics, which only says that this was not checked.
      assert.deepStrictEqual(statusOf(whole, "topics", "retention"), ["not_checked"])
      assert.deepStrictEqual(statusOf(whole, "topics", "partitions"), ["ok"])

      const taken = rights.filter(
        ({ resource, operation, name }) =>
          (resource === "topic" && operation === "Write" && name === `${prefix}dead-letters`) ||
          (resource === "group" && name === `${prefix}mapper`) ||
          resource === "transactional id"
      )
      assert.lengthOf(taken, 3)
      yield* revoke(broker.administrator, "mapper", taken)
      const less = (yield* diagnose(login)).filter(({ group, status }) => group === "rights" && status === "failed")
      assert.deepStrictEqual(
        less.map(({ check }) => check),
        ["topics", "groups", "transactional ids"]
      )
      for (const [index, { name, operation }] of taken.entries()) {
        const finding = less.find(({ message }) => message.includes(`${operation} on the`) && message.includes(name))
        assert.isDefined(finding, taken[index]!.name)
        assert.include(finding!.next, "kafka-acls.sh --add")
      }

      const refused = yield* diagnose({ ...login, KAFKA_SASL_PASSWORD: "another-password" })
      assert.deepStrictEqual(statusOf(refused, "kafka", "answers"), ["failed"])
      assert.notInclude(JSON.stringify(refused), "another-password")

      const lost = yield* diagnose({ ...common, KAFKA_BROKERS: broker.misadvertised })
      assert.deepStrictEqual(statusOf(lost, "kafka", "answers"), ["ok"])
      assert.deepStrictEqual(statusOf(lost, "kafka", "addresses"), ["failed"])
      assert.deepStrictEqual(statusOf(lost, "topics"), ["not_checked"])
    }).pipe(Effect.scoped, Effect.provide(jarsOnly)),
  400_000
)
