/** The console as a program: what it reads, and the server of the page and its API. It is in no consumer group: any number may run. */
import * as Effect from "effect/Effect"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import { Connections } from "../../shared/connections/connections.ts"
import { Readiness } from "../../shared/runtime/health.ts"
import { serve } from "../../shared/runtime/http-server.ts"
import type { Program } from "../../shared/runtime/program.ts"
import { processSecrets } from "../../shared/telemetry/redaction.ts"
import { readTopics } from "./read/readers.ts"
import { monitorStages } from "./read/stage-monitor.ts"
import { makeRedrives } from "./redrives.ts"
import { Access } from "./server/access.ts"
import { pageFolder, readPage, securityHeaders } from "./server/page.ts"
import { accessOf, errorResponse } from "./server/request.ts"
import { makeRoutes } from "./server/routes.ts"
import { consoleSettings, isLoopback } from "./settings.ts"
import { ConsoleState } from "./state/console-state.ts"

export const consoleProgram: Program = {
  name: "console",
  work: Effect.gen(function* () {
    const { host, port, token } = yield* consoleSettings
    const readiness = yield* Readiness
    if (token === null && !isLoopback(host)) return yield* idle(host)
    if (token !== null) processSecrets.add(token)
    const { all, enabled } = yield* Connections
    const state = new ConsoleState(all.map(({ id, platform, enabled }) => ({ id, platform, enabled })))
    const access = new Access(token)
    const page = readPage(pageFolder)
    const headers = securityHeaders(page.contentSecurityPolicy)
    const server = yield* serve({
      host,
      port,
      settings: { host: "CAPI_CONSOLE_HOST", port: "CAPI_CONSOLE_PORT" },
      routes: yield* makeRoutes({ state, access, redrives: yield* makeRedrives(state) }),
      refuse: (request) => {
        const refusal = access.refusalOf(accessOf(request))
        return refusal === null ? null : errorResponse(refusal.status, refusal)
      },
      otherPath: ({ method, url }) => (method === "GET" || method === "HEAD" ? page.answer(url) : null),
      finish: (response) => HttpServerResponse.setHeaders(response, headers)
    })
    yield* Effect.addFinalizer(() => Effect.sync(() => state.hub.end("stopping")))
    yield* readiness.addSource(() =>
      Object.fromEntries(
        [...state.problems].map(([topic, reason]) => [
          topic === "stages" ? topic : `topic:${topic}`,
          { healthy: false, reason }
        ])
      )
    )
    yield* readiness.set("console", true)
    yield* Effect.log("The console is served.").pipe(
      Effect.annotateLogs({
        url: `http://${host}:${server.port}/`,
        page: page.isBuilt ? "built" : "not built: make build"
      })
    )
    yield* Effect.all([readTopics(state), monitorStages(state, enabled)], { concurrency: "unbounded", discard: true })
  })
}

/** Without a token only this machine may read it. The program runs all the same, so that it can be part of every deployment. */
const idle = Effect.fnUntraced(function* (host: string) {
  const readiness = yield* Readiness
  const reason = `The console is not served: on ${host} it needs CAPI_CONSOLE_TOKEN.`
  yield* readiness.set("console", true, reason)
  yield* Effect.logWarning(`${reason} Set it, or CAPI_CONSOLE_HOST to 127.0.0.1 (docs/console.md).`)
  return yield* Effect.never
})
