/**
 * A fake of every platform, written from their documentation alone: it shares no code with the connectors, so that a
 * connector's mistake cannot hide in it.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { type ControlOptions, control, controlPrefix } from "./control.ts"
import { sandboxEnvironment } from "./environment.ts"
import { exchange, type Outcome } from "./exchange.ts"
import { makeFaults } from "./faults.ts"
import { listen, type SandboxError } from "./http.ts"
import { type PartialSandboxOptions, withDefaults } from "./options.ts"
import { json, type SandboxRequest } from "./platform.ts"
import { makeRandom } from "./random.ts"
import { platformSandboxes, type SandboxPlatform, sandboxPlatforms } from "./registry.ts"
import { makeStore } from "./store.ts"

export { sandboxCredentials } from "./environment.ts"
export { SandboxError } from "./http.ts"
export type { PartialSandboxOptions } from "./options.ts"

export interface Sandbox {
  /** Base URL of each platform's server, without a trailing slash; stands for `https://graph.facebook.com` and its kin. */
  readonly urls: Readonly<Record<SandboxPlatform, string>>
  /** Base URL of the control interface, whose paths begin with `/_sandbox/`. */
  readonly controlUrl: string
  /** Points connections at it, as `examples/connections.yaml` reads them: `META_HOST`, `META_TOKEN` and so on. */
  readonly environment: Readonly<Record<string, string>>
}

/** Starts all platforms; they end with the scope. */
export const startSandbox = (given: PartialSandboxOptions = {}): Effect.Effect<Sandbox, SandboxError, Scope.Scope> =>
  Effect.gen(function* () {
    const options = withDefaults(given)
    const clock = yield* Clock.Clock
    const random = makeRandom(options.seed)
    const store = makeStore(options.store, sandboxPlatforms)
    const faults = makeFaults(makeRandom(options.seed + 1), sandboxPlatforms)
    const servers = yield* Effect.acquireRelease(
      Effect.sync(() => platformSandboxes.flatMap(({ make }) => make(options, { store, random }))),
      (all) =>
        Effect.sync(() => {
          for (const server of all) server.close?.()
        })
    )

    let offsetMillis = 0
    const controls: ControlOptions = {
      store,
      faults,
      servers,
      clock: {
        get offsetMillis() {
          return offsetMillis
        },
        set: (millis) => {
          offsetMillis = millis
        }
      }
    }
    const now = () => clock.currentTimeMillisUnsafe() + offsetMillis
    const { host, port, bodyBytesMax, validation } = options
    const answerControl = (request: SandboxRequest): Outcome => ({
      delayMillis: 0,
      act: {
        _tag: "Send",
        answer: request.path.startsWith(controlPrefix)
          ? control(request, controls)
          : json(404, { error: `Try ${controlPrefix}` })
      }
    })

    const urls: Record<string, string> = {}
    const controlUrl = yield* listen({ host, port, bodyBytesMax, now }, answerControl)
    for (const [index, server] of servers.entries())
      urls[server.platform] = yield* listen(
        { host, port: port === 0 ? 0 : port + index + 1, bodyBytesMax, now },
        (request) =>
          request.path.startsWith(controlPrefix)
            ? answerControl(request)
            : exchange(server, request, { faults, store, random, validation })
      )
    return { urls: urls as Record<SandboxPlatform, string>, controlUrl, environment: sandboxEnvironment(urls, options) }
  })
