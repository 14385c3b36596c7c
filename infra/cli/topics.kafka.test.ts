/** `./capi topics`: `--create --wait`, as deployments run it beside a broker and a registry that are only being started; and more partitions. */
import { assert, inject, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import { describeFailure, exitCodes } from "../../shared/runtime/exit.ts"
import { startRegistryProxy } from "../../tests/harness/registry-proxy.ts"
import { startTcpProxy } from "../../tests/harness/tcp-proxy.ts"
import { uniquePrefix } from "../../tests/harness/test-services.ts"
import { waitUntil } from "../../tests/harness/wait-until.ts"
import { jsonLines, type RanCommand, runCommand } from "./testing.ts"

it.live(
  "creates topics and registers schemas once broker and registry answer",
  () =>
    Effect.gen(function* () {
      const broker = yield* startTcpProxy(inject("brokers").split(",")[0]!)
      const registry = yield* startRegistryProxy(inject("registryUrl"))
      yield* broker.refuse
      registry.answer(503)
      const environment = {
        KAFKA_BROKERS: broker.address,
        SCHEMA_REGISTRY_URL: registry.url,
        CAPI_TOPIC_PREFIX: uniquePrefix("wait")
      }
      const waiting = yield* Effect.forkChild(runCommand(["topics", "--create", "--wait", "--json"], environment))
      const once = yield* runCommand(["topics", "--create"], environment)
      assert.isTrue(Exit.isFailure(once.exit))
      assert.isUndefined(waiting.pollUnsafe())
      yield* broker.accept
      // More refusals than a client's own repetitions make of its four requests at once.
      yield* Effect.promise(() => waitUntil("more than 40 refusals", () => registry.refused() > 40))
      registry.answer(null)
      const ran = yield* Fiber.join(waiting)
      assert.isTrue(Exit.isSuccess(ran.exit), ran.notes.join("\n"))
      const { topics, schemas } = jsonLines(ran.out)[0] as unknown as Report
      assert.isAbove(topics.length, 20)
      assert.isTrue(topics.every(({ present, created }) => present && created))
      assert.isTrue(schemas.every(({ created }) => created))
    }).pipe(Effect.scoped),
  120_000
)

it.live("adds partitions, and says that none can be taken away", () =>
  Effect.gen(function* () {
    const environment = {
      KAFKA_BROKERS: inject("brokers"),
      SCHEMA_REGISTRY_URL: inject("registryUrl"),
      CAPI_TOPIC_PREFIX: uniquePrefix("grow")
    }
    const topics = (...flags: ReadonlyArray<string>) => runCommand(["topics", ...flags, "--json"], environment)
    const partitionsIn = ({ out }: RanCommand) => {
      const report = jsonLines(out)[0] as unknown as Report
      return [...new Set(report.topics.map(({ partitions }) => partitions))].sort()
    }
    yield* topics("--create", "--partitions", "3")
    const fewer = yield* topics("--add-partitions", "2")
    assert(Exit.isFailure(fewer.exit))
    assert.strictEqual(describeFailure(fewer.exit.cause)?.exitCode, exitCodes.usage)
    assert.deepEqual(partitionsIn(yield* topics("--add-partitions", "3")), [1, 3])
    assert.deepEqual(partitionsIn(yield* topics("--add-partitions", "5")), [1, 5])
  })
)

interface Report {
  readonly topics: ReadonlyArray<{ readonly present: boolean; readonly created: boolean; readonly partitions: number }>
  readonly schemas: ReadonlyArray<{ readonly created: boolean }>
}
