/**
 * A fake of every platform, written from their documentation alone: it shares no code with the connectors, so that a
 * connector's mistake cannot hide in it.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { type ControlOptions, control, controlPrefix } from "./control.ts"
import type { Deps } from "./deps.ts"
import { exchange, type Outcome } from "./exchange.ts"
import { makeFaults } from "./faults.ts"
import { makeDataManager } from "./google/data-manager.ts"
import { makeGoogleTokens } from "./google/tokens.ts"
import { makeGoogleAds } from "./google-ads/google-ads.ts"
import { listen, type SandboxError } from "./http.ts"
import { makeMeta } from "./meta/meta.ts"
import { type PartialSandboxOptions, withDefaults } from "./options.ts"
import { json, type PlatformServer, type SandboxPlatform, type SandboxRequest } from "./platform.ts"
import { makeRandom } from "./random.ts"
import { makeSnapchat } from "./snapchat/snapchat.ts"
import { makeStore } from "./store.ts"
import { makeTikTok } from "./tiktok/tiktok.ts"
import { makeWebhook } from "./whatsapp/webhook.ts"
import { makeWhatsApp } from "./whatsapp/whatsapp.ts"

export { SandboxError } from "./http.ts"
export { type PartialSandboxOptions, type SandboxOptions, sandboxDefaults } from "./options.ts"

export interface Sandbox {
  /** Base URL of each platform's server, without a trailing slash; stands for `https://graph.facebook.com` and its kin. */
  readonly urls: Readonly<Record<SandboxPlatform, string>>
  /** Base URL of the control interface, whose paths begin with `/_sandbox/`. */
  readonly controlUrl: string
}

/** Starts all platforms; they end with the scope. */
export const startSandbox = (given: PartialSandboxOptions = {}): Effect.Effect<Sandbox, SandboxError, Scope.Scope> =>
  Effect.gen(function* () {
    const options = withDefaults(given)
    const clock = yield* Clock.Clock
    const random = makeRandom(options.seed)
    const store = makeStore(options.store)
    const faults = makeFaults(makeRandom(options.seed + 1))
    const webhook = yield* Effect.acquireRelease(
      Effect.sync(() => makeWebhook(options.whatsapp.webhook)),
      (one) => Effect.sync(one.close)
    )
    const servers = makeServers({ options, store, random }, webhook)

    let offsetMillis = 0
    const controls: ControlOptions = {
      store,
      faults,
      webhook,
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

    const urls: Partial<Record<SandboxPlatform, string>> = {}
    const controlUrl = yield* listen({ host, port, bodyBytesMax, now }, answerControl)
    for (const [index, server] of servers.entries())
      urls[server.platform] = yield* listen(
        { host, port: port === 0 ? 0 : port + index + 1, bodyBytesMax, now },
        (request) =>
          request.path.startsWith(controlPrefix)
            ? answerControl(request)
            : exchange(server, request, { faults, store, random, validation })
      )
    return { urls: urls as Record<SandboxPlatform, string>, controlUrl }
  })

const makeServers = (deps: Deps, webhook: ReturnType<typeof makeWebhook>): ReadonlyArray<PlatformServer> => {
  const tokens = makeGoogleTokens(deps)
  return [
    makeMeta(deps),
    makeDataManager(deps, tokens),
    makeGoogleAds(deps, tokens),
    tokens.server,
    makeTikTok(deps),
    makeSnapchat(deps),
    makeWhatsApp(deps, webhook)
  ]
}
