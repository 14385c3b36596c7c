/**
 * The sandbox as a program (`make sandbox`). Prints `{"urls":{…},"controlUrl":"…"}` on one line and stays until it is stopped.
 * SANDBOX_PORT: the first port, of the control interface; each platform takes the next one (0: free ones); SANDBOX_HOST; SANDBOX_VALIDATION: documented or off;
 * SANDBOX_SEED; SANDBOX_OPTIONS: further options as JSON, in the shape of `PartialSandboxOptions`.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as Config from "effect/Config"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { endWithLauncher } from "../../shared/runtime/end-with-launcher.mjs"
import { type PartialSandboxOptions, startSandbox } from "./sandbox.ts"

const SandboxConfig = Config.all({
  host: Config.String("HOST").pipe(Config.withDefault("127.0.0.1")),
  port: Config.Int("PORT").pipe(Config.withDefault(0)),
  seed: Config.Int("SEED").pipe(Config.withDefault(1)),
  validation: Config.schema(Schema.Literals(["documented", "off"]), "VALIDATION").pipe(
    Config.withDefault("documented" as const)
  ),
  more: Config.schema(Schema.fromJsonString(Schema.Record(Schema.String, Schema.Unknown)), "OPTIONS").pipe(
    Config.withDefault({})
  )
}).pipe(Config.nested("SANDBOX"))

const main = Effect.gen(function* () {
  const { more, ...config } = yield* SandboxConfig
  const sandbox = yield* startSandbox({ ...config, ...(more as PartialSandboxOptions) })
  yield* Console.log(JSON.stringify({ urls: sandbox.urls, controlUrl: sandbox.controlUrl }))
  return yield* Effect.never
})

endWithLauncher()
main.pipe(Effect.scoped, NodeRuntime.runMain)
