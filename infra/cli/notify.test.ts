import { writeFileSync } from "node:fs"
import path from "node:path"
import { assert, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { temporaryFolder } from "../../tests/harness/temporary-folder.ts"
import { webhookRecorder } from "../../tests/harness/webhook-recorder.ts"
import { freePort } from "../local/ports.ts"
import { jsonLines, runCommand } from "./testing.ts"

it.live("sends a test problem and its end to each receiver, and says which did not take it and why", () =>
  Effect.gen(function* () {
    const takes = yield* webhookRecorder()
    const refuses = yield* webhookRecorder({ status: 404 })
    const file = path.join(temporaryFolder(), "notifications.yaml")
    writeFileSync(
      file,
      `version: 1
receivers:
  - { id: hook, kind: webhook, url: "${takes.url}", secret: env:HOOK_SECRET }
  - { id: wrong, kind: webhook, url: "${refuses.url}", secret: env:HOOK_SECRET }
  - { id: gone, kind: webhook, url: "http://127.0.0.1:${yield* freePort}", secret: env:HOOK_SECRET }
  - { id: chat, kind: slack, url: env:NOT_SET }
routes:
  - { receivers: [hook, wrong, gone, chat] }
`
    )
    const env = { CAPI_NOTIFICATIONS: file, KAFKA_BROKERS: "none:1", SCHEMA_REGISTRY_URL: "http://none" }
    process.env["HOOK_SECRET"] = "the-secret-of-the-test"
    const { exit, out } = yield* runCommand(["notify", "test", "--json"], env)
    assert.isTrue(Exit.isFailure(exit))
    const [results] = jsonLines(out) as unknown as ReadonlyArray<
      ReadonlyArray<{ readonly receiver: string; readonly taken: boolean; readonly message: string }>
    >
    assert.deepStrictEqual(
      results!.map(({ receiver, taken }) => [receiver, taken]),
      [
        ["hook", true],
        ["wrong", false],
        ["gone", false],
        ["chat", false]
      ]
    )
    assert.match(results![1]!.message, /^It answered 404/)
    // A receiver has no endpoint.host, and is no platform.
    assert.match(results![2]!.message, /^The host refused the connection .* Check its url in the file of notifications/)
    assert.match(results![3]!.message, /Set the environment variable NOT_SET/)
    assert.deepStrictEqual(
      takes.requests.map(({ text }) => JSON.parse(text).alerts[0].event),
      ["began", "ended"]
    )
    const one = yield* runCommand(["notify", "test", "hook"], env)
    assert.isTrue(Exit.isSuccess(one.exit))
    assert.include(one.out, "hook (webhook): taken.")
  }).pipe(Effect.scoped)
)
