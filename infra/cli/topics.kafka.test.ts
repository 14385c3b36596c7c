/** `./capi topics --create --wait`, as deployments run it beside a broker and a registry that are only being started. */
import { assert, inject, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import { startRegistryProxy } from "../../tests/harness/registry-proxy.ts"
import { startTcpProxy } from "../../tests/harness/tcp-proxy.ts"
import { uniquePrefix } from "../../tests/harness/test-services.ts"
import { waitUntil } from "../../tests/harness/wait-until.ts"
import { jsonLines, runCommand } from "./testing.ts"

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

interface Report {
  readonly topics: ReadonlyArray<{ readonly present: boolean; readonly created: boolean }>
  readonly schemas: ReadonlyArray<{ readonly created: boolean }>
}
