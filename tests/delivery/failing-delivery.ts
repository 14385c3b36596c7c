/**
 * A platform's real delivery program with mistakes in its connector: while a request is made, event ids that begin with `loop`, `throw`
 * or `heap` do that to the process; while a response is read, those that begin with `answer` throw. Of connections whose ids
 * begin with `strict` alone, of Meta's alone for what only ends after a while. Arguments: the platform, milliseconds that the event loop may be blocked.
 */
import process from "node:process"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Effect from "effect/Effect"
import { deliveryProgram } from "../../processors/delivery/program.ts"
import { environmentProvider } from "../../shared/config/settings.ts"
import type { Connector } from "../../shared/connectors/connector.ts"
import { connectorFor } from "../../shared/connectors/registry.ts"
import { watchEventLoop } from "../../shared/runtime/event-loop-watch.ts"
import { runInProcess } from "../../shared/runtime/program.ts"

type Events = Parameters<Connector["request"]>[0]

const failAt = (events: Events, begins: string): void => {
  for (const { event_id, connection_id } of events) {
    if (!event_id.startsWith(begins) || !connection_id.startsWith("strict")) continue
    if (begins === "throw" || begins === "answer") throw new Error("for the test")
    if (connection_id !== "strict-shop") continue
    if (begins === "loop") for (;;);
    // In large pieces, so that the collector has nothing to try for long.
    const held: Array<ReadonlyArray<number>> = []
    for (;;) held.push(new Array<number>(2_000_000).fill(held.length + 0.5))
  }
}

const failing = ({ request, verdict }: Connector): Partial<Connector> => ({
  request: (events, context) => {
    for (const begins of ["throw", "loop", "heap"]) failAt(events, begins)
    return request(events, context)
  },
  verdict: (response, events) => {
    failAt(events, "answer")
    return verdict(response, events)
  }
})

if (import.meta.main) {
  const [platform, blockedMillis] = process.argv.slice(2)
  if (platform !== "meta" && platform !== "whatsapp") throw new Error(`There is no test of ${platform}.`)
  const connector = connectorFor(platform)
  Object.assign(connector, failing(connector))
  const program = deliveryProgram(platform)
  watchEventLoop(program.name, Number(blockedMillis))
  NodeRuntime.runMain(
    Effect.provide(runInProcess(program.name, [program]), ConfigProvider.layer(environmentProvider()))
  )
}
