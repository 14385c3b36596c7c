/**
 * `make test-kafka-versions`: the tests of the Kafka port, and the chain with `./capi doctor`, on other versions of Kafka from Maven's
 * jars. VERSIONS="3.9.2 4.4.0" names them. Each version takes about a minute.
 */
import { spawnSync } from "node:child_process"
import process from "node:process"
import { endWithLauncher } from "../../shared/runtime/end-with-launcher.mjs"

endWithLauncher()

/** The last release of Kafka 3, and the newest. */
const versions = (process.env["VERSIONS"] ?? "3.9.2 4.4.0").split(/[ ,]+/).filter((version) => version !== "")
const tests = ["shared/kafka/conformance", "infra/cli/doctor/doctor.kafka.test.ts"]

const { KAFKA_BROKERS: _, SCHEMA_REGISTRY_URL: __, ...inherited } = process.env
const results = versions.map((version) => {
  process.stdout.write(`Kafka ${version}: ${tests.join(", ")}\n`)
  const { status } = spawnSync("vitest", ["run", "--project", "kafka", ...tests], {
    stdio: "inherit",
    env: { ...inherited, CAPI_DOCKER: "never", CAPI_LOCAL_KAFKA: version }
  })
  return { version, passed: status === 0 }
})
for (const { version, passed } of results) process.stdout.write(`Kafka ${version}: ${passed ? "passed" : "FAILED"}\n`)
process.exit(results.every(({ passed }) => passed) ? 0 : 1)
