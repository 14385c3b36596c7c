/** Every way to a secured broker, by the settings of a program: the whole port works over it, and what is wrong is named. */
import { assert, it } from "@effect/vitest"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Effect from "effect/Effect"
import { environmentProvider, loadSettings } from "../../shared/config/settings.ts"
import { KafkaClient } from "../../shared/kafka/client.ts"
import { layerKafka } from "../../shared/kafka/kafkajs/adapter.ts"
import { noAnswer } from "../../shared/kafka/unreachable.ts"
import { kafkaOptionsOf } from "../../shared/runtime/services.ts"
import { copyProcessor } from "../../shared/testing/copy-program.ts"
import { until } from "../../shared/testing/kafka-probe.ts"
import { makeCopyHarness } from "../../shared/testing/runtime-harness.ts"
import { grant } from "../harness/grant.ts"
import { jarsOnly, startSecuredBroker } from "../harness/secured-broker.ts"
import { temporaryFolder } from "../harness/temporary-folder.ts"

const password = "secret-of-capi"

/** The Kafka client of a program with these variables. */
const layerOf = (variables: Readonly<Record<string, string>>) =>
  Effect.gen(function* () {
    const settings = yield* Effect.provide(
      loadSettings,
      ConfigProvider.layer(environmentProvider({ SCHEMA_REGISTRY_URL: "http://r", KAFKA_SSL: "true", ...variables }))
    )
    return layerKafka(kafkaOptionsOf(settings))
  })

const copiesOver = (variables: Readonly<Record<string, string>>, prefix: string) =>
  Effect.gen(function* () {
    const copies = yield* makeCopyHarness({ prefix, partitions: 1 })
    yield* copies.write(100)
    yield* copies.start(copyProcessor)
    yield* until(`all is copied for ${prefix}`, () => copies.done, 60_000)
    yield* copies.assertExactlyOnce
  }).pipe(Effect.scoped, (work) => Effect.flatMap(layerOf(variables), (layer) => Effect.provide(work, layer)))

const refusalOf = (variables: Readonly<Record<string, string>>) =>
  Effect.flatMap(layerOf(variables), (layer) =>
    KafkaClient.use((client) => Effect.flip(client.listTopics)).pipe(Effect.provide(layer))
  )

it.live(
  "works with a client certificate, SCRAM, OAUTHBEARER and PLAIN, and names what is refused",
  () =>
    Effect.gen(function* () {
      const broker = yield* startSecuredBroker({
        folder: temporaryFolder(),
        users: { capi: password },
        scram: ["capi"]
      })
      yield* grant(broker.administrator, "capi", [
        { resource: "topic", name: "way.", pattern: "prefixed", operation: "All" },
        { resource: "group", name: "way.", pattern: "prefixed", operation: "All" },
        { resource: "transactional id", name: "way.", pattern: "prefixed", operation: "All" }
      ])
      const ca = { KAFKA_SSL_CA: broker.authority.ca }
      const client = broker.authority.issue("capi")
      const mutual = { ...ca, KAFKA_BROKERS: broker.mutualTls, KAFKA_SSL_CERT: client.cert, KAFKA_SSL_KEY: client.key }
      const login = { ...ca, KAFKA_BROKERS: broker.login, KAFKA_SASL_USERNAME: "capi", KAFKA_SASL_PASSWORD: password }
      const scram256 = { ...login, KAFKA_SASL_MECHANISM: "scram-sha-256" }
      const scram512 = { ...login, KAFKA_SASL_MECHANISM: "scram-sha-512" }
      const oauth = {
        ...ca,
        KAFKA_BROKERS: broker.login,
        KAFKA_SASL_MECHANISM: "oauthbearer",
        KAFKA_OAUTH_TOKEN_URL: broker.tokens.url,
        KAFKA_OAUTH_CA: broker.authority.ca,
        KAFKA_OAUTH_CLIENT_ID: "capi",
        KAFKA_OAUTH_CLIENT_SECRET: password
      }
      yield* copiesOver(mutual, "way.mutual.")
      yield* copiesOver(login, "way.plain.")
      yield* copiesOver(scram256, "way.scram-256.")
      yield* copiesOver(scram512, "way.scram-512.")
      yield* copiesOver(oauth, "way.oauth.")
      assert.isAtMost(broker.tokens.issued(), 2, "a token is kept until it is about to expire")

      for (const wrong of [login, scram256, scram512]) {
        const refused = yield* refusalOf({ ...wrong, KAFKA_SASL_PASSWORD: "wrong-secret" })
        assert.strictEqual(refused.code, "unauthorized")
        assert.notInclude(`${refused.message} ${String(refused.cause)}`, "wrong-secret")
      }
      const noToken = yield* refusalOf({ ...oauth, KAFKA_OAUTH_CLIENT_SECRET: "wrong-secret" })
      assert.strictEqual(noToken.code, "unauthorized")
      assert.include(noToken.message, "invalid_client")
      assert.notInclude(`${noToken.message} ${String(noToken.cause)}`, "wrong-secret")
      // What is wrong is seldom the address: each refusal says what is to be set.
      const certificate = { ...ca, KAFKA_BROKERS: broker.mutualTls }
      const plain = { KAFKA_BROKERS: broker.administrator, KAFKA_ALLOW_PLAINTEXT: "true" }
      for (const [variables, reason, step] of [
        [
          { ...oauth, KAFKA_OAUTH_CA: client.cert },
          /token endpoint .* does not answer \(.*certificate/,
          /KAFKA_OAUTH_CA/
        ],
        [{ KAFKA_BROKERS: broker.mutualTls }, /certificate/, /KAFKA_SSL_CA/],
        [certificate, /certificate/, /KAFKA_SSL_CERT/],
        [{ ...login, KAFKA_BROKERS: broker.login.replace("127.0.0.1", "127.1") }, /altnames/, /certificate does/],
        [{ KAFKA_BROKERS: broker.login, KAFKA_SSL: "false" }, /is not Kafka's/, /KAFKA_SSL=true/],
        [plain, /TLS/, /leave KAFKA_SSL out/],
        [{ ...login, ...plain, KAFKA_SSL: "", KAFKA_SSL_CA: "" }, /SASL state/, /takes no login/]
      ] as const) {
        const refused = yield* refusalOf(variables)
        const atTheStart = noAnswer([variables.KAFKA_BROKERS], refused, "Start it.", true)
        for (const error of [refused, atTheStart]) {
          assert.match(error.message, reason)
          assert.match(error.nextStep, step)
        }
      }

      const denied = yield* Effect.flatMap(layerOf(login), (layer) =>
        KafkaClient.use((kafka) =>
          Effect.flip(kafka.createTopics([{ name: "other", partitions: 1, replication: 1, config: {} }]))
        ).pipe(Effect.provide(layer))
      )
      assert.strictEqual(denied.code, "unauthorized")
      assert.match(denied.message, /no right to Create on the (topic other|cluster)/)
    }).pipe(Effect.scoped, Effect.provide(jarsOnly)),
  400_000
)
